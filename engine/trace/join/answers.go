package join

import (
	"slices"

	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// answers remembers resets, ICMP errors and neighbours' answers for as long as the packets that
// they answer are on their way.
type answers struct {
	resets map[opened][]*Answer
	errors map[quoted][]*Answer
	order  []kept
}

// maxAnswers bounds what a port scan can make us remember, maxEqual how many answers
// that look the same: datagrams without IP IDs are told apart by their quoted tuple alone.
const maxAnswers, maxEqual = 8192, 256

// opened is what a reset or an abort answers, by the number that it names.
type opened struct {
	protocol uint8
	number   uint32
}

type quoted struct {
	protocol uint8
	id       uint16
	length   int
}

type kept struct {
	at int64
	// Exactly one of these says where it is.
	reset  *opened
	quoted *quoted
}

func newAnswers() *answers {
	return &answers{resets: map[opened][]*Answer{}, errors: map[quoted][]*Answer{}}
}

// see takes note of a packet if it answers another one.
func (a *answers) see(s *Seen, now int64) {
	p := &s.Packet
	if n, ok := p.Refuses(); ok {
		o := opened{p.Protocol, n}
		a.resets[o] = a.put(a.resets[o], s, kept{at: now, reset: &o})
	} else if n := p.Neighbor; n != nil && n.Answer {
		o := opened{p.Protocol, n.Number()}
		a.resets[o] = a.put(a.resets[o], s, kept{at: now, reset: &o})
	} else if p.IsError() && p.Type != packet.Redirect {
		e := p.Answers.About()
		q := quoted{e.Protocol, e.ID, e.Length}
		a.errors[q] = a.put(a.errors[q], s, kept{at: now, quoted: &q})
	}
}

// put adds an answer, or notes an earlier sight of one that is known.
func (a *answers) put(list []*Answer, s *Seen, k kept) []*Answer {
	for _, o := range list {
		if o.Packet.Key() == s.Packet.Key() && s.Time-o.time < 1e9 && o.time-s.Time < 1e9 {
			if s.Time < o.time {
				o.By, o.time, o.Packet = sender(s), s.Time, s.Packet
			}
			return list
		}
	}
	answer := &Answer{By: sender(s), Packet: s.Packet, time: s.Time}
	switch {
	case len(list) >= maxEqual:
		return append(list[1:], answer) // in the oldest one's place
	case len(a.order) >= maxAnswers:
		return list
	}
	a.order = append(a.order, k)
	return append(list, answer)
}

// sender is who sent a packet, going by where it was seen first.
func sender(s *Seen) string {
	if s.Direction != record.Out && s.Device.Peer != "" {
		return s.Device.Peer
	}
	return s.Namespace
}

// find is the answer that a packet brought about: to a SYN a reset that
// acknowledges it, to any packet an ICMP error that quotes it.
func (a *answers) find(w *Way, c *connections) *Answer {
	p := w.Steps[0].Packet()
	if p.IsError() {
		return nil
	}
	if p.Neighbor != nil {
		return a.neighbor(p, w.Start())
	}
	tuples := w.flows(c)
	quotes := []quoted{{p.Protocol, p.ID, p.Length}}
	if id, length := p.Whole(); length > 0 {
		quotes = append(quotes, quoted{p.Protocol, id, length})
	}
	for _, q := range quotes {
		for _, r := range a.errors[q] {
			e := r.Packet.Answers.About()
			f := flow{protocol: e.Protocol, tuple: record.Tuple{Source: e.Source, Destination: e.Destination}}
			if (p.Protocol != packet.TCP || e.Seq == p.Seq) && containsTuple(tuples, f) {
				return r
			}
		}
	}
	if n := p.Answered(); n != 0 {
		for _, r := range a.resets[opened{p.Protocol, n}] {
			f := flow{protocol: p.Protocol, tuple: r.Packet.Tuple().Reverse()}
			if containsTuple(tuples, f) {
				return r
			}
		}
	}
	return nil
}

// neighbor is the answer to a question for a neighbour that was asked then. Who finds
// an address taken that somebody tries tells everybody.
func (a *answers) neighbor(p *packet.Packet, at int64) *Answer {
	n := p.Neighbor
	if n.Answer {
		return nil
	}
	for _, r := range a.resets[opened{p.Protocol, n.Number()}] {
		o := r.Packet.Neighbor
		if r.time >= at && o.Target == n.Target && (o.Asker == n.Asker || n.Probe()) {
			return r
		}
	}
	return nil
}

// containsTuple compares without scope: an answer comes from where the packet went.
func containsTuple(flows []flow, f flow) bool {
	return slices.ContainsFunc(flows, func(g flow) bool { return g.protocol == f.protocol && g.tuple == f.tuple })
}

// flows is every tuple that the packet has somewhere.
func (w *Way) flows(c *connections) []flow {
	var flows []flow
	for i := range w.Steps {
		s := &w.Steps[i]
		f := flowOf(s.Packet().Protocol, s.Namespace(), s.Packet().Ends())
		if !slices.Contains(flows, f) {
			flows = append(flows, f)
		}
	}
	return c.closure(flows...)
}

// forget drops the answers that were taken note of before the given time.
func (a *answers) forget(before int64) {
	n := 0
	for ; n < len(a.order) && a.order[n].at < before; n++ {
		if k := a.order[n]; k.reset != nil {
			shorten(a.resets, *k.reset)
		} else {
			shorten(a.errors, *k.quoted)
		}
	}
	a.order = a.order[n:]
}

// shorten takes the oldest answer off a list.
func shorten[K comparable](lists map[K][]*Answer, key K) {
	if list := lists[key]; len(list) > 1 {
		lists[key] = list[1:]
	} else {
		delete(lists, key)
	}
}
