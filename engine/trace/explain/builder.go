package explain

import (
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network/note"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// A builder goes along one way, a namespace at a time.
type builder struct {
	x       *Explainer
	way     *join.Way
	journey *model.Journey
	time    int64 // of the last device, since the start
	// at is the last vertex that the packet reached; end says how it ended there.
	at, end string
}

// visit is what happened in one namespace, from when the packet came in, or was
// sent, to when it left.
type visit struct {
	namespace string
	where     string // its short name
	steps     []join.Step
	next      string // the namespace after this one, but for the underlay; empty if none
	tuple     record.Tuple
	local     bool // sent by the namespace itself
	marked    string
	markedFor *model.Object
	seen      *join.Seen // the last device that it passed
}

func (b *builder) build() {
	visits := b.visits()
	b.journey.Hops = make([]model.Hop, 0, len(b.way.Steps)+2) // at pods, devices are two hops
	for i := range visits {
		v := &visits[i]
		if v.namespace == join.Underlay {
			b.underlay(v)
		} else {
			b.host(v)
		}
	}
	b.finish(visits)
}

// visits cuts the steps where the namespace changes.
func (b *builder) visits() []visit {
	var all []visit
	start := 0 // of the last one's steps
	for i := range b.way.Steps {
		s := &b.way.Steps[i]
		if n := len(all); n == 0 || all[n-1].namespace != s.Namespace() {
			all = append(all, visit{namespace: s.Namespace(), where: short(s.Namespace()), tuple: s.Packet().Tuple()})
			start = i
			all[n].local = s.Seen != nil && s.Seen.Direction == record.Out || s.Evaluation != nil && s.Evaluation.In == ""
		}
		all[len(all)-1].steps = b.way.Steps[start : i+1]
	}
	if b.way.Steps[0].Packet().Everybody() {
		all = gather(all)
	}
	next := ""
	for i := len(all) - 1; i >= 0; i-- {
		all[i].next = next
		if all[i].namespace != join.Underlay {
			next = all[i].namespace
		}
	}
	return all
}

// host is a node or the client: an in, rules, an out.
func (b *builder) host(v *visit) {
	if b.journey.From == "" {
		b.journey.From = v.namespace
		if e := v.steps[0].Evaluation; e != nil && e.In != "" {
			// It came in by a device, but was not captured there.
			b.journey.From = orElse(b.x.names(v.tuple.Source.Addr()), v.namespace)
		}
	}
	b.at = v.namespace
	if s := v.steps[0]; v.local && s.Seen != nil && s.Origin != nil {
		// A socket of this namespace sent it, and conntrack rewrote it before any
		// device saw it.
		v.tuple = *s.Origin
	}
	for i := range v.steps {
		s := &v.steps[i]
		switch {
		case b.end != "":
			return
		case s.Evaluation != nil:
			b.evaluate(v, i)
		case note.IsDetour(s.Seen.Device.Name):
			b.detour(v, i)
		case s.Seen.Direction == record.Out:
			b.out(v, s.Seen)
		default:
			b.in(v, s.Seen)
		}
	}
}

func (b *builder) in(v *visit, s *join.Seen) {
	b.see(s)
	h := header(&s.Packet)
	if isPod(s.Device.Peer) && len(b.journey.Hops) == 0 {
		b.journey.From = s.Device.Peer
		b.hop(model.Hop{
			Place:    model.Place{Vertex: s.Device.Peer, Device: peerName(s.Device), Peer: v.namespace, Direction: record.Out},
			Header:   h,
			Sentence: sentence("%s sent it out of its %s (seen at the veth's other end, %s on %s).", short(s.Device.Peer), peerName(s.Device), s.Device.Name, v.where),
		})
	}
	if v.seen != nil { // rules and conntrack may have been asked since
		b.translated(v, &s.Packet, s.Packet.Tuple())
	}
	b.hop(model.Hop{
		Place:    model.Place{Vertex: v.namespace, Device: s.Device.Name, Peer: s.Device.Peer, Direction: record.In},
		Header:   h,
		Sentence: v.got(s),
	})
	v.tuple, v.seen = s.Packet.Tuple(), s
}

func (b *builder) out(v *visit, s *join.Seen) {
	b.see(s)
	b.translated(v, &s.Packet, s.Packet.Tuple())
	h := header(&s.Packet)
	hop := model.Hop{
		Place:  model.Place{Vertex: v.namespace, Device: s.Device.Name, Peer: s.Device.Peer, Direction: record.Out},
		Header: h,
	}
	routed := false
	hop.Sentence, routed = v.sent(s, b.x.names)
	if routed && s.Packet.Neighbor == nil {
		to := s.Packet.Destination.Addr()
		if s.Packet.Outer != nil {
			to = s.Packet.Outer.Destination.Addr()
		}
		hop.Decision = &model.Decision{Kind: kindRoute, Sentence: hop.Sentence, Rule: b.x.routes(v.namespace, to, s.Device.Name)}
	}
	b.hop(hop)
	v.seen = s
	if isPod(s.Device.Peer) {
		b.at = s.Device.Peer
		b.hop(model.Hop{
			Place:    model.Place{Vertex: s.Device.Peer, Device: peerName(s.Device), Peer: v.namespace, Direction: record.In},
			Header:   h,
			Sentence: sentence("%s got it on its %s (seen at the veth's other end, %s on %s).", short(s.Device.Peer), peerName(s.Device), s.Device.Name, v.where),
		})
	}
}

// underlay is the bridge between the nodes: what came in by a port went out of another.
func (b *builder) underlay(v *visit) {
	b.at = join.Underlay
	var in, out *join.Seen
	for i := range v.steps {
		if s := v.steps[i].Seen; s == nil || note.IsDetour(s.Device.Name) {
			continue
		} else if s.Direction == record.Out {
			out = s
		} else if in == nil {
			in = s
		}
	}
	place, s := model.Place{Vertex: join.Underlay}, ""
	switch {
	case in == nil && out == nil:
		return
	case in == nil:
		b.journey.From = orElse(b.journey.From, join.Underlay)
		in = out
		b.see(out)
		place.Device, place.Peer, place.Direction = out.Device.Name, out.Device.Peer, record.Out
		s = sentence("the underlay sent it to %s.", short(out.Device.Peer))
	case out == nil:
		b.see(in)
		place.Device, place.Peer, place.Direction = in.Device.Name, in.Device.Peer, record.In
		s = sentence("the underlay got it from %s.", short(in.Device.Peer))
	default:
		b.see(in)
		place.Device, place.Peer, place.Direction = out.Device.Name, out.Device.Peer, record.Out
		s = sentence("the underlay carried it%s from %s to %s.", encapsulated(in), short(in.Device.Peer), short(out.Device.Peer))
		if in.Packet.Everybody() {
			place.Device, place.Peer, place.Direction = in.Device.Name, in.Device.Peer, record.In
			s = sentence("the underlay carried it from %s to %s.", short(in.Device.Peer), flooded(v))
		}
	}
	if b.journey.From == "" {
		b.journey.From = orElse(in.Device.Peer, join.Underlay)
	}
	b.hop(model.Hop{Place: place, Header: header(&in.Packet), Sentence: s})
	for i := range v.steps {
		if s := v.steps[i].Seen; s != nil && note.IsDetour(s.Device.Name) {
			b.detour(v, i)
		}
	}
	if out != nil {
		b.time = max(0, out.Time-b.journey.Start)
	}
}

func (b *builder) see(s *join.Seen) { b.time = max(0, s.Time-b.journey.Start) }

func (b *builder) hop(h model.Hop) {
	h.Time = b.time
	b.journey.Hops = append(b.journey.Hops, h)
}

func peerName(d record.Device) string { return orElse(d.PeerName, "eth0") }

// packet is the packet as a visit last saw it.
func (v *visit) packet() *packet.Packet { return v.steps[len(v.steps)-1].Packet() }
