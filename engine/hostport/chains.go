package hostport

import (
	"cmp"
	"net/netip"
	"strings"

	"github.com/podhop/podhop/engine/hostport/note"
)

// Names of portmap's chains.
const (
	hostIPChain     = "hostip_hostports" // of ports at one address
	anyChain        = "hostports"
	preroutingChain = "prerouting"
	outputChain     = "output"
	masqueradeChain = "masquerading"
	inputChain      = "input" // ours
)

// A chain is one of the table's, in the order that they are written.
type chain struct {
	name  string
	hook  string // of base chains: prerouting, output, postrouting, input
	rules []rule
}

// A rule is what it matches, all of it, and what it does.
type rule struct {
	local    bool       // the destination is one of the node's own addresses
	source   netip.Addr // if valid
	to       netip.Addr // destination, if valid
	six      bool       // a rule that names no address is for IPv6
	protocol string     // with port, its destination's
	port     uint16
	foreign  bool // it came in from outside for 127.0.0.0/8, and answers nothing

	jump       string
	dnat       netip.AddrPort
	masquerade bool
	drop       bool
	comment    string
}

// chains is the table for these mappings; nil for none. It is pure.
func chains(mappings []Mapping) []chain {
	if len(mappings) == 0 {
		return nil
	}
	one, all, masquerade := chain{name: hostIPChain}, chain{name: anyChain}, chain{name: masqueradeChain, hook: "postrouting"}
	hairpin := map[netip.Addr]bool{}
	for _, m := range mappings {
		r := rule{protocol: m.Protocol, port: m.HostPort, dnat: m.To, six: m.To.Addr().Is6(), comment: note.Of(m.Pod)}
		if m.anywhere() {
			all.rules = append(all.rules, r)
		} else {
			r.to = m.HostIP
			one.rules = append(one.rules, r)
		}
		pod := m.To.Addr()
		if hairpin[pod] {
			continue
		}
		hairpin[pod] = true
		masquerade.rules = append(masquerade.rules, rule{source: pod, to: pod, masquerade: true, comment: note.Of(m.Pod)})
		if pod.Is4() {
			masquerade.rules = append(masquerade.rules, rule{source: loopback, to: pod, masquerade: true, comment: note.Of(m.Pod)})
		}
	}
	enter := []rule{{jump: hostIPChain}, {local: true, jump: anyChain}}
	return []chain{
		one, all,
		{name: preroutingChain, hook: "prerouting", rules: enter},
		{name: outputChain, hook: "output", rules: enter},
		masquerade,
		{name: inputChain, hook: "input", rules: []rule{{foreign: true, drop: true, comment: "127.0.0.0/8 is for the node alone"}}},
	}
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func (m Mapping) anywhere() bool { return !m.HostIP.IsValid() || m.HostIP.IsUnspecified() }

func (m Mapping) compare(o Mapping) int {
	return cmp.Or(strings.Compare(m.Pod, o.Pod), strings.Compare(m.Protocol, o.Protocol), cmp.Compare(m.HostPort, o.HostPort),
		m.HostIP.Compare(o.HostIP), m.To.Compare(o.To))
}
