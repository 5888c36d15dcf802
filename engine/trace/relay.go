package trace

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// A Socket is one end of a connection as its owner sees it.
type Socket struct{ Local, Remote netip.AddrPort }

// A Relay is what a proxy did with what came by a client's connection: it made a
// connection of its own to a backend, or answered by itself. Packets do not tell;
// the proxy does.
type Relay struct {
	// Protocol is tcp or udp, of both.
	Protocol string
	// Client is the proxy's end of the client's connection, Backend its end of the
	// one that it made: not valid if it answered by itself.
	Client, Backend Socket
	// Decision is why.
	Decision model.Decision
}

// Relayed has the journeys of a proxy's connection name the conversation that it was
// made for, and those that the proxy sends say why. What is emitted already stays as
// it is: tell it as soon as there is a connection. It never waits, and may be
// called whether somebody watches or not.
func (t *Tracer) Relayed(r Relay) { t.loop.relays.put(r) }

// maxRelays bounds what is remembered: the latest.
const maxRelays = 4096

// relays knows the connections of proxies. Proxies write it, the loop reads it.
type relays struct {
	mu      sync.Mutex
	byTuple map[tuple]*Relay // as the proxy's packets go
	inOrder []tuple
}

func newRelays() *relays { return &relays{byTuple: map[tuple]*Relay{}} }

func (x *relays) put(r Relay) {
	x.mu.Lock()
	defer x.mu.Unlock()
	protocol := protocolNumber(r.Protocol)
	client := tuple{protocol, record.Tuple{Source: r.Client.Local, Destination: r.Client.Remote}}
	key := client
	if r.Backend.Local.IsValid() {
		key.Tuple = record.Tuple{Source: r.Backend.Local, Destination: r.Backend.Remote}
		delete(x.byTuple, client) // what it answered before by itself is over
	}
	if x.byTuple[key] == nil {
		x.inOrder = append(x.inOrder, key)
	}
	x.byTuple[key] = &r
	for len(x.inOrder) > maxRelays {
		delete(x.byTuple, x.inOrder[0])
		x.inOrder = x.inOrder[1:]
	}
}

// find returns what is known of a way; sent says that the proxy sent it.
func (x *relays) find(w *join.Way) (r *Relay, sent bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.byTuple) == 0 {
		return nil, false
	}
	for i := range w.Steps {
		p := w.Steps[i].Packet()
		if p.IsError() {
			continue
		}
		t := p.Tuple()
		if r := x.byTuple[tuple{p.Protocol, t}]; r != nil {
			return r, true
		}
		if r := x.byTuple[tuple{p.Protocol, t.Reverse()}]; r != nil {
			return r, false
		}
	}
	return nil, false
}

// explain adds to a journey what a proxy told of its connection; conversation tells
// which one a tuple's packets belong to.
func (x *relays) explain(w *join.Way, j *model.Journey, conversation func(protocol uint8, t record.Tuple) string) {
	r, sent := x.find(w)
	if r == nil {
		return
	}
	if r.Backend.Local.IsValid() {
		j.Via = conversation(protocolNumber(r.Protocol), record.Tuple{Source: r.Client.Remote, Destination: r.Client.Local})
	}
	if sent && says(w) && len(j.Hops) > 0 {
		j.Hops = slices.Insert(j.Hops, 0, decided(j, r.Decision))
	}
}

// says tells whether a packet opens a connection or carries something: of the others
// nothing was decided.
func says(w *join.Way) bool {
	for i := range w.Steps {
		if p := w.Steps[i].Packet(); p.PayloadLength > 0 || p.Flags&(packet.SYN|packet.ACK) == packet.SYN {
			return true
		}
	}
	return false
}

// decided is the proxy's decision as the journey's first hop.
func decided(j *model.Journey, d model.Decision) model.Hop {
	header := j.Hops[0].Header
	if b := j.Hops[0].Before; b != nil {
		header = *b
	}
	return model.Hop{Place: model.Place{Vertex: j.From}, Header: header, Decision: &d, Sentence: d.Sentence}
}
