package explain

import (
	"net/netip"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/join"
)

// guardTable guards the ports of a node's bridge against sources that are not the pod's
// there. The hooks of bridges are not traced, because what they trace would be traced
// again by IP's.
const guardTable = "podhop-guard"

// guarded is the rule of the bridge's guard that a packet fell under which was last seen
// as it came in by a port: nothing was heard of it since, its source is not the pod's, and
// the set that the rule looks into does not have it. Nil if any of that is not so.
func (b *builder) guarded(v *visit, s *join.Seen) *model.Decision {
	if s == nil || s.Device.Bridge == "" || !isPod(s.Device.Peer) {
		return nil
	}
	from := s.Packet.Source.Addr()
	t := b.x.rules.Ruleset(v.namespace).Table("bridge", guardTable)
	if t == nil || t.Chains["prerouting"] == nil || b.x.names(from) == s.Device.Peer {
		return nil
	}
	set, protocol := "pods", "ip"
	switch s.Packet.Version {
	case 0:
		protocol = "arp"
	case 6:
		set, protocol = "pods6", "ip6"
	}
	if t.set(set) == nil || t.set(set).lets(s.Device.Name, from) {
		return nil
	}
	for _, r := range t.Chains["prerouting"].Rules {
		if has(r.Text, protocol) && has(r.Text, "@"+set) && has(r.Text, "drop") {
			return &model.Decision{Kind: kindDrop, Table: "bridge " + guardTable, Chain: "prerouting", Rule: r.Text,
				Sentence: sentence("%s dropped it%s, and %s is not %s's. No event tells of it, as bridges' rules are not traced: this is what the rule says of such a packet.",
					v.where, commented(r.Text), from, short(s.Device.Peer))}
		}
	}
	return nil
}

// lets reports whether one of the guard's elements, DEVICE . MAC . ADDRESS, is of a device
// and an address.
func (s *Set) lets(device string, from netip.Addr) bool {
	for _, e := range s.Elements {
		f := strings.Split(e.Key, " . ")
		if len(f) == 3 && strings.Trim(f[0], `"`) == device && f[2] == from.String() {
			return true
		}
	}
	return false
}
