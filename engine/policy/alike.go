package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/policy/note"
)

// Alike tells which addresses the policies cannot tell apart: those of equal keys
// have equal verdicts, towards any third address and from it, at every port; but for
// what always holds, that a pod reaches itself and a node its pods. Keys of different
// plans have nothing to do with each other.
func (p *Plan) Alike(all []netip.Addr) []string {
	peers := p.peers()
	keys := make([]string, len(all))
	for i, a := range all {
		var b strings.Builder
		fmt.Fprintf(&b, "%d ", a.BitLen())
		if q := p.byIP[a]; q != nil {
			for _, x := range q.ingress {
				b.WriteString(x.name + "<")
			}
			for _, x := range q.egress {
				b.WriteString(x.name + ">")
			}
			p.named(&b, a)
		}
		for n, x := range peers {
			if contains(x.ranges, a) {
				fmt.Fprintf(&b, " %d", n)
			}
		}
		keys[i] = b.String()
	}
	return keys
}

// peers are those of all rules, of which many are alike, each once.
func (p *Plan) peers() (all []*peer) {
	type span struct {
		first *Range
		n     int
	}
	seen := map[span]bool{}
	for _, x := range p.policies {
		for _, r := range slices.Concat(x.ingress, x.egress) {
			if r.peer == nil || len(r.peer.ranges) == 0 {
				continue
			}
			at := span{&r.peer.ranges[0], len(r.peer.ranges)}
			if !seen[at] {
				seen[at] = true
				all = append(all, r.peer)
			}
		}
	}
	return all
}

// named writes which numbers an address has under the names of ports in rules.
func (p *Plan) named(b *strings.Builder, a netip.Addr) {
	seen := map[*netip.AddrPort]bool{}
	for _, x := range p.policies {
		for _, r := range slices.Concat(x.ingress, x.egress) {
			if !r.port.isNamed || len(r.port.named) == 0 || seen[&r.port.named[0]] {
				continue
			}
			seen[&r.port.named[0]] = true
			for _, n := range r.port.named {
				if n.Addr() == a {
					fmt.Fprintf(b, " %s.%s.%s.%d", x.name, r.note.Detail, r.port.protocol, n.Port())
				}
			}
		}
	}
}

// Pod is the name of the pod that has an address, as namespace/name; empty if none has.
func (p *Plan) Pod(a netip.Addr) string {
	if q := p.byIP[a]; q != nil {
		return q.name
	}
	return ""
}

// Named are the ports that ingress rules of the policies that isolate a pod name by
// number: the policy's name by each. Of a range it is the first.
func (p *Plan) Named(a netip.Addr) map[Port]string {
	q := p.byIP[a]
	if q == nil {
		return nil
	}
	all := map[Port]string{}
	for _, x := range q.ingress {
		for _, r := range x.rules(note.Ingress) {
			at := Port{r.port.protocol, r.port.first}
			if _, known := all[at]; !known && at.Number != 0 {
				all[at] = x.name
			}
		}
	}
	return all
}

// A Port is a protocol's.
type Port struct {
	Protocol v1.Protocol
	Number   uint16
}

// Unnamed is a port of a protocol that no rule of any policy speaks of by its number.
func (p *Plan) Unnamed(protocol v1.Protocol) uint16 {
	for n := uint16(65535); n > 0; n-- {
		spoken := false
		for _, x := range p.policies {
			for _, r := range slices.Concat(x.ingress, x.egress) {
				spoken = spoken || r.port.protocol == protocol && r.port.first <= n && n <= r.port.last
			}
		}
		if !spoken {
			return n
		}
	}
	return 0
}
