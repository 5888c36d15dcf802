package trace

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// Bounds of what the index remembers: journeys of the latest conversations, the
// latest of each, and of all together; and tuples of each.
const (
	maxConversations = 4096
	maxJourneys      = 512
	maxAllJourneys   = 32768
	maxTuples        = 64
)

// index finds the journeys of a socket. The loop writes it, everybody reads it.
type index struct {
	mu      sync.Mutex
	byTuple map[tuple]string
	byID    map[string]*conversation
	inOrder []string
	all     int // journeys
}

type tuple struct {
	protocol uint8
	record.Tuple
}

type conversation struct {
	tuples   []tuple
	journeys []string
}

func newIndex() *index {
	return &index{byTuple: map[tuple]string{}, byID: map[string]*conversation{}}
}

func (x *index) add(w *join.Way, journey string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.byID[w.Conversation]
	if c == nil {
		c = &conversation{}
		x.byID[w.Conversation] = c
		x.inOrder = append(x.inOrder, w.Conversation)
	}
	x.all++
	if c.journeys = append(c.journeys, journey); len(c.journeys) > maxJourneys {
		c.journeys = c.journeys[1:]
		x.all--
	}
	x.shrink()
	for i := range w.Steps {
		s := &w.Steps[i]
		p := s.Packet()
		if p.IsError() {
			continue // its addresses are of another conversation, or none
		}
		x.put(w.Conversation, c, p.Protocol, p.Tuple())
		for _, t := range []*record.Tuple{s.Translated, s.Origin} {
			if t != nil {
				x.put(w.Conversation, c, p.Protocol, *t)
			}
		}
	}
}

// put notes a tuple both ways round.
func (x *index) put(id string, c *conversation, protocol uint8, t record.Tuple) {
	k := tuple{protocol, t}
	if x.byTuple[k] == id || len(c.tuples) >= maxTuples {
		return
	}
	for _, k := range []tuple{k, {protocol, t.Reverse()}} {
		x.byTuple[k] = id
		c.tuples = append(c.tuples, k)
	}
}

func (x *index) shrink() {
	for len(x.inOrder) > maxConversations || x.all > maxAllJourneys && len(x.inOrder) > 1 {
		id := x.inOrder[0]
		x.inOrder = x.inOrder[1:]
		x.all -= len(x.byID[id].journeys)
		for _, t := range x.byID[id].tuples {
			if x.byTuple[t] == id {
				delete(x.byTuple, t)
			}
		}
		delete(x.byID, id)
	}
}

func (x *index) conversation(protocol string, local, remote netip.AddrPort) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.byTuple[tuple{protocolNumber(protocol), record.Tuple{Source: local, Destination: remote}}]
}

func (x *index) journeys(id string) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if c := x.byID[id]; c != nil {
		return slices.Clone(c.journeys)
	}
	return nil
}

func protocolNumber(name string) uint8 {
	switch name {
	case "tcp":
		return packet.TCP
	case "udp":
		return packet.UDP
	case "sctp":
		return packet.SCTP
	case "icmp":
		return packet.ICMP
	case "icmpv6":
		return packet.ICMPv6
	}
	return 0
}
