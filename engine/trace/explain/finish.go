package explain

import (
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
)

// finish says how the journey ended, and adds that to the last hop's sentence.
func (b *builder) finish(visits []visit) {
	j := b.journey
	if len(j.Hops) == 0 {
		// Rules saw it and decided nothing, and no device saw it.
		v := &visits[len(visits)-1]
		b.hop(model.Hop{
			Place:    model.Place{Vertex: v.namespace, Hook: "output"},
			Header:   header(v.packet()),
			Sentence: sentence("%s sent it.", v.where),
		})
	}
	if b.end == "" && len(visits) > 0 {
		if b.way.Steps[0].Packet().Neighbor != nil {
			b.neighbor(visits)
		} else {
			b.arrive(&visits[len(visits)-1])
		}
	}
	j.Verdict = b.end
	j.To = b.at
	if b.end == Underway {
		if to := b.x.names(b.way.Steps[len(b.way.Steps)-1].Packet().Destination.Addr()); to != "" {
			j.To = to
		}
	}
}

// arrive decides whether the last visit's host, or the pod behind it, took the packet.
func (b *builder) arrive(v *visit) {
	last := &v.steps[len(v.steps)-1]
	switch {
	case isPod(b.at):
		b.took(short(b.at))
	case v.namespace == join.Underlay || !b.endsHere(v):
		b.lost(v)
	default:
		// The answer to a masqueraded connection is for this host only until
		// conntrack has rewritten it.
		to := v.tuple
		for i := range v.steps {
			if t := v.steps[i].Translated; t != nil && v.steps[i].Seen != nil {
				to = *t
			}
		}
		at := to.Destination.Addr()
		if b.x.names(at) != v.namespace && !at.IsLoopback() && !b.input(v) {
			b.lost(v)
			return
		}
		if to != v.tuple {
			b.translated(v, last.Packet(), to)
		}
		b.took(v.where)
	}
}

// input reports whether an input chain saw the packet: the kernel's own word
// that it is for this host.
func (b *builder) input(v *visit) bool {
	for i := range v.steps {
		if e := v.steps[i].Evaluation; e != nil {
			ev := &evaluation{Evaluation: e}
			if hook(ev, b.x.rules.Ruleset(v.namespace)) == "input" {
				return true
			}
		}
	}
	return false
}

// took ends a journey where the packet arrived: taken, unless it was answered
// with a reset or an error.
func (b *builder) took(who string) {
	a := b.way.Answer
	if a == nil {
		b.end = Delivered
		b.add("Delivered.")
		return
	}
	b.end = Rejected
	p := b.way.Steps[len(b.way.Steps)-1].Packet()
	switch {
	case a.By != b.at:
		b.add("%s rejected it: %s.", short(a.By), a.Packet.Summary())
	case a.Packet.Protocol == packet.TCP:
		b.reject(a, sentence("Nobody listens on TCP port %d of %s: its kernel answered with a reset.", p.Destination.Port(), who))
	case a.Packet.Protocol == packet.SCTP:
		b.reject(a, sentence("Nobody listens on SCTP port %d of %s: its kernel answered with an abort.", p.Destination.Port(), who))
	case a.Packet.Protocol == packet.ICMP && a.Packet.Summary() == "Protocol unreachable":
		b.reject(a, sentence("%s does not speak %s: its kernel answered with ICMP protocol unreachable.", who, p.ProtocolName()))
	case p.Protocol == packet.UDP && a.Packet.Summary() == "Port unreachable":
		b.reject(a, sentence("Nobody listens on UDP port %d of %s: its kernel answered with ICMP port unreachable.", p.Destination.Port(), who))
	default:
		b.reject(a, sentence("%s rejected it: ICMP %s.", who, a.Packet.Summary()))
	}
}

// lost ends a journey that was not seen to arrive: an ICMP error may say why.
func (b *builder) lost(v *visit) {
	a := b.way.Answer
	if d := b.guarded(v, v.steps[len(v.steps)-1].Seen); a == nil && d != nil {
		b.end = Dropped
		b.journey.Hops[len(b.journey.Hops)-1].Decision = d
		b.add("%s", d.Sentence)
		return
	}
	if a == nil && b.way.Steps[0].Packet().Everybody() {
		b.end = Underway
		b.add("It is for everybody on this link, or for a group of them, and nothing carries it beyond.")
		return
	}
	if a == nil {
		b.end = Underway
		if who := b.x.names(v.packet().Destination.Addr()); v.namespace == join.Underlay && atHome(who) {
			b.add("It is for %s, which has its address here: what becomes of it is not captured.", short(who))
			return
		}
		if b.way.Seen() {
			b.add("Last seen here: nothing was heard of it since.")
		}
		return
	}
	b.end = Rejected
	who := short(a.By)
	switch a.Packet.Summary() {
	case "Time exceeded":
		b.end = Dropped
		b.reject(a, sentence("%s dropped it, because its TTL ran out.", who))
	case "Host unreachable":
		b.reject(a, sentence("%s rejected it: it cannot reach %s.", who, b.way.Steps[len(b.way.Steps)-1].Packet().Destination.Addr()))
	case "Network unreachable":
		b.reject(a, sentence("%s rejected it: it has no route to the address.", who))
	case "Fragmentation needed", "Packet too big":
		b.end = Dropped
		b.reject(a, sentence("%s dropped it: it is too big for the next link.", who))
	default:
		b.reject(a, sentence("%s rejected it: %s.", who, a.Packet.Summary()))
	}
}

// atHome reports whether a vertex has no namespace of its own: its address is one of
// the underlay's.
func atHome(vertex string) bool {
	return vertex != "" && vertex != "client" && !strings.Contains(vertex, "/")
}

// reject puts the reason into the last hop, as a decision of who answered.
func (b *builder) reject(a *join.Answer, reason string) {
	h := &b.journey.Hops[len(b.journey.Hops)-1]
	kind := kindReject
	if b.end == Dropped {
		kind = kindDrop
	}
	h.Decision = &model.Decision{Kind: kind, Sentence: reason}
	b.add("%s", reason)
}

func (b *builder) add(format string, args ...any) {
	if n := len(b.journey.Hops); n > 0 {
		b.journey.Hops[n-1].Sentence += " " + sentence(format, args...)
	}
}
