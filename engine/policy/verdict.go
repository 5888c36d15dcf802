package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/policy/note"
)

// A Verdict is whether a connection may be opened, and who says so.
type Verdict struct {
	Allowed bool
	// Note names the rule that decided, or the policies that isolate the pod; the
	// zero Note says that no policy had a say.
	Note     note.Note
	Sentence string
}

// An Opening is the first packet of a connection as a node forwards it: with the
// addresses that it has after DNAT, and before SNAT.
type Opening struct {
	From, To netip.Addr
	Protocol v1.Protocol
	Port     uint16
}

// Verdict says whether a first packet passes, with the addresses that it has after
// DNAT. The answers to what passed always do.
func (p *Plan) Verdict(from, to netip.Addr, protocol v1.Protocol, port uint16) Verdict {
	o := Opening{from, to, protocol, port}
	return p.Way(o, o)
}

// Way is the Verdict of a packet that is translated again on its way, as by the node
// port of another node: out is what the sender's node sees of it, which keeps egress,
// in what the receiver's does, which keeps ingress.
func (p *Plan) Way(out, in Opening) Verdict {
	v := Verdict{Allowed: true, Sentence: "Allowed: no NetworkPolicy isolates either end."}
	source := p.byIP[out.From]
	if source != nil && len(source.egress) > 0 && source != p.byIP[out.To] && !slices.Contains(source.hosts, out.To) {
		if v = judge(source.egress, note.Egress, out.To, out); !v.Allowed {
			return v
		}
	}
	target := p.byIP[in.To]
	switch {
	case target == nil:
	case target == p.byIP[in.From]:
		v = Verdict{Allowed: true, Sentence: fmt.Sprintf("Allowed: %s reaches itself, which no NetworkPolicy can forbid.", target.name)}
	case slices.Contains(target.hosts, in.From):
		v = Verdict{Allowed: true, Sentence: fmt.Sprintf("Allowed: the node of %s always reaches it.", target.name)}
	case len(target.ingress) > 0:
		v = judge(target.ingress, note.Ingress, in.From, in)
	}
	return v
}

// Open says of a connection to a pod that was let in why no rule had to admit it; empty
// if one had. who is the pod, also one that no policy has made the plan know; the
// connection's source is as the pod's node saw it first.
func (p *Plan) Open(from, to netip.Addr, who string) string {
	source, target := p.byIP[from], p.byIP[to]
	switch {
	case target == nil || len(target.ingress) == 0:
		return fmt.Sprintf("No NetworkPolicy isolates %s for ingress: it takes in whatever comes.", who)
	case source == target:
		return fmt.Sprintf("NetworkPolicies isolate %s, but not from itself.", who)
	case slices.Contains(target.hosts, from):
		return fmt.Sprintf("NetworkPolicies isolate %s, but not from its own node.", who)
	}
	return ""
}

// judge asks the rules of the policies that isolate one end; other is the other.
func judge(by []*policy, direction string, other netip.Addr, o Opening) Verdict {
	isolated := note.Note{Direction: direction}
	for _, p := range by {
		for _, r := range p.rules(direction) {
			if (r.peer == nil || contains(r.peer.ranges, other)) && r.port.admits(o.To, o.Protocol, o.Port) {
				return Verdict{Allowed: true, Note: r.note, Sentence: fmt.Sprintf("Allowed by NetworkPolicy %s, %s rule %d (%s).",
					p.name, direction, r.note.Rule, r.note.Detail)}
			}
		}
		isolated.Policies = append(isolated.Policies, p.name)
	}
	return Verdict{Note: isolated, Sentence: fmt.Sprintf("No %s rule of %s admits it.", direction, strings.Join(isolated.Policies, ", "))}
}

func (p *policy) rules(direction string) []*rule {
	if direction == note.Egress {
		return p.egress
	}
	return p.ingress
}
