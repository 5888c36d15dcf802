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

// Verdict says whether a first packet passes, with the addresses that it has after
// DNAT. The answers to what passed always do.
func (p *Plan) Verdict(from, to netip.Addr, protocol v1.Protocol, port uint16) Verdict {
	source, target := p.byIP[from], p.byIP[to]
	switch {
	case source != nil && source == target:
		return Verdict{Allowed: true, Sentence: fmt.Sprintf("Allowed: %s reaches itself, which no NetworkPolicy can forbid.", source.name)}
	case source != nil && slices.Contains(source.hosts, to):
		source = nil
	case target != nil && slices.Contains(target.hosts, from):
		return Verdict{Allowed: true, Sentence: fmt.Sprintf("Allowed: the node of %s always reaches it.", target.name)}
	}
	v := Verdict{Allowed: true, Sentence: "Allowed: no NetworkPolicy isolates either end."}
	if source != nil && len(source.egress) > 0 {
		if v = judge(source.egress, note.Egress, to, to, protocol, port); !v.Allowed {
			return v
		}
	}
	if target != nil && len(target.ingress) > 0 {
		v = judge(target.ingress, note.Ingress, from, to, protocol, port)
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

func judge(by []*policy, direction string, other, to netip.Addr, protocol v1.Protocol, port uint16) Verdict {
	isolated := note.Note{Direction: direction}
	for _, p := range by {
		for _, r := range p.rules(direction) {
			if (r.peer == nil || contains(r.peer.ranges, other)) && r.port.admits(to, protocol, port) {
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
