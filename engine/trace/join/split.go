package join

import (
	"cmp"
	"slices"

	"github.com/podhop/podhop/engine/network/note"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// A candidate is one packet of a bucket, as far as its records are told apart.
type candidate struct {
	packet      *packet.Packet // at its first sight
	seen        []Seen
	evaluations []*Evaluation
	tuples      []flow
}

// split tells the packets of one bucket apart. Usually there is one; UDP and
// ICMP without IP IDs, and retransmissions of packets without, may be many:
// then the n-th time that a place saw the key belongs to the n-th packet.
func (j *Joiner) split(b *bucket) []Way {
	slices.SortStableFunc(b.seen, func(x, y Seen) int { return cmp.Compare(x.Time, y.Time) })
	var all []*candidate
	for i := range b.seen {
		s := &b.seen[i]
		j.fragments.tell(&s.Packet)
		c := j.pick(all, &s.Packet, s.Namespace, func(c *candidate) bool { return !c.sawAt(s) })
		if c == nil {
			c = &candidate{packet: &s.Packet, tuples: j.tuples(&s.Packet, s.Namespace)}
			if len(all) == 0 {
				c.seen = make([]Seen, 0, len(b.seen))
			}
			all = append(all, c)
		}
		c.seen = append(c.seen, *s)
	}
	for _, e := range b.evaluations {
		if len(e.Events) == 0 {
			continue
		}
		c := j.pick(all, &e.Packet, e.Namespace, func(c *candidate) bool { return !c.evaluated(e) })
		if c == nil {
			c = &candidate{packet: &e.Packet, tuples: j.tuples(&e.Packet, e.Namespace)}
			all = append(all, c)
		}
		c.evaluations = append(c.evaluations, e)
	}
	ways := make([]Way, 0, len(all))
	for _, c := range all {
		ways = append(ways, Way{Steps: c.steps()})
	}
	return ways
}

// pick is the first candidate that may have been at this place too. TCP's
// sequence numbers tell packets apart; datagrams may be equal but for their tuple,
// even in their IP ID, which counts for each destination from anywhere.
func (j *Joiner) pick(all []*candidate, p *packet.Packet, namespace string, unseen func(*candidate) bool) *candidate {
	f := flowOf(p.Protocol, namespace, p.Tuple())
	free := func(c *candidate) bool { return c.packet.Fits(p) && unseen(c) }
	strong := p.Protocol == packet.TCP && !p.Fragment
	for _, c := range all {
		if free(c) && (strong || slices.Contains(c.tuples, f)) {
			return c
		}
	}
	if strong || p.ID == 0 || j.connections.knows(f) {
		return nil
	}
	// Where conntrack's word got lost, or there is none, NAT leaves one side.
	for _, c := range all {
		if free(c) && slices.ContainsFunc(c.tuples, func(g flow) bool {
			return g.tuple.Source == f.tuple.Source || g.tuple.Destination == f.tuple.Destination
		}) {
			return c
		}
	}
	return nil
}

// tuples is every tuple that the packet may have at other hops.
func (j *Joiner) tuples(p *packet.Packet, namespace string) []flow {
	return j.connections.closure(flowOf(p.Protocol, namespace, p.Tuple()))
}

// sawAt reports whether the packet was at this place before. A packet that
// comes back in a routing loop has a smaller TTL; an equal one is another packet.
func (c *candidate) sawAt(s *Seen) bool {
	for i := range c.seen {
		o := &c.seen[i]
		if o.Namespace == s.Namespace && o.Device.Name == s.Device.Name && o.Direction == s.Direction && o.Packet.TTL == s.Packet.TTL {
			return true
		}
	}
	return false
}

func (c *candidate) evaluated(e *Evaluation) bool {
	for _, o := range c.evaluations {
		if o.Namespace == e.Namespace && o.Events[0].Table == e.Events[0].Table && o.Events[0].Family == e.Events[0].Family &&
			o.Events[0].Chain == e.Events[0].Chain && o.Packet.TTL == e.Packet.TTL {
			return true
		}
	}
	return false
}

// steps puts the rules' evaluations, which carry no time, between the devices:
// behind the device that the packet came in by, or before the one that a
// packet of the namespace's own processes goes out of.
func (c *candidate) steps() []Step {
	c.inferSent()
	c.dropFlooded()
	steps := make([]Step, 0, len(c.seen)+len(c.evaluations))
	done := make([]bool, len(c.evaluations))
	put := func(match func(*Evaluation) bool) {
		for i, e := range c.evaluations {
			if !done[i] && match(e) {
				done[i] = true
				steps = append(steps, Step{Evaluation: e})
			}
		}
	}
	for i := range c.seen {
		s := &c.seen[i]
		if s.Direction == record.Out {
			// Rules that name a device which it was not seen to come in by, such as a bridge
			// that only switched it, come before the way out, too: first those that forward.
			put(func(e *Evaluation) bool { return e.Namespace == s.Namespace && e.In != "" && !c.entered(e) })
			put(func(e *Evaluation) bool { return e.Namespace == s.Namespace && e.In == "" })
		}
		steps = append(steps, Step{Seen: s})
		if s.Direction != record.Out {
			put(func(e *Evaluation) bool {
				return e.Namespace == s.Namespace && e.In == s.Device.Name && e.Packet.TTL <= s.Packet.TTL
			})
			// br_netfilter asks the rules for a port's bridge, before the bridge decides.
			put(func(e *Evaluation) bool {
				return e.Namespace == s.Namespace && s.Device.Bridge != "" && e.In == s.Device.Bridge && e.Out == "" && e.Packet.TTL <= s.Packet.TTL
			})
		}
	}
	put(func(*Evaluation) bool { return true })
	return steps
}

// entered reports whether the packet was seen coming in by the evaluation's device.
func (c *candidate) entered(e *Evaluation) bool {
	return slices.ContainsFunc(c.seen, func(s Seen) bool {
		return s.Namespace == e.Namespace && s.Device.Name == e.In && s.Direction != record.Out
	})
}

// inferSent puts before each sight that stands for both ends of its link that at the
// sending end, if it was not captured there after all.
func (c *candidate) inferSent() {
	for i := 0; i < len(c.seen); i++ {
		if s := &c.seen[i]; s.BothEnds {
			if o := s.sent(); !c.sawAt(&o) {
				c.seen = slices.Insert(c.seen, i, o)
				i++
			}
		}
	}
}

// dropFlooded leaves, of the ports that a bridge sent one packet out of, the
// one whose other end took it, if any did.
func (c *candidate) dropFlooded() {
	if c.packet.Everybody() {
		return
	}
	took := map[string]bool{}
	for _, s := range c.seen {
		if s.Direction == record.In {
			took[s.Namespace] = true
		}
	}
	if !slices.ContainsFunc(c.seen, func(s Seen) bool {
		return s.Namespace == Underlay && s.Direction == record.Out && took[s.Device.Peer]
	}) {
		return
	}
	c.seen = slices.DeleteFunc(c.seen, func(s Seen) bool {
		if note.IsDetour(s.Device.Name) {
			return false
		}
		return s.Namespace == Underlay && s.Direction == record.Out && !took[s.Device.Peer]
	})
}

// translate notes, at each step, what the namespace's conntrack does to the packet.
func (j *Joiner) translate(w *Way) {
	for i := range w.Steps {
		s := &w.Steps[i]
		p := s.Packet()
		f := flowOf(p.Protocol, s.Namespace(), p.Tuple())
		if e, ok := j.connections.find(s.Namespace(), f); ok {
			if t := e.translate(); t != p.Tuple() {
				s.Translated = &t
			}
		}
		// The reverse of what it makes of the answer is what this was before.
		if e, ok := j.connections.find(s.Namespace(), f.reverse()); ok {
			if t := e.translate().Reverse(); t != p.Tuple() {
				s.Origin = &t
			}
		}
	}
}
