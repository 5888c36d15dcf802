package network

import (
	"fmt"
	"path"
	"strings"
)

type action int

const (
	setSysctl action = iota
	addLink
	deleteLink
	setUp
	setDown
	setMaster
	setMTU
	setPort
	setForwarding
	addAddr
	deleteAddr
	addRoute
	deleteRoute
	addNeigh
	deleteNeigh
	addFDB
	deleteFDB
	addPortGuard
	deletePortGuard
	addGuard
	deleteGuard
	addFlaw
	deleteFlaw
)

// An op is one change to one namespace; of its parts, the one that the action is
// about is set.
type op struct {
	vertex string
	action action
	sysctl sysctl
	link   link
	addr   addr
	route  route
	neigh  neigh
	fdb    fdb
	guard  guard
	flaw   flaw
	// dev is the name of the device that an address, route, neighbour or forwarding
	// entry is on, master that of the bridge that a link is to be a port of.
	dev, master string
}

// netnsName is how `ip netns` could call a vertex' namespace.
func netnsName(vertex string) string {
	name, _, _ := strings.Cut(path.Base(vertex), "@")
	return name
}

// String is the command that would do the same.
func (o op) String() string {
	ip, in, bridge := "ip -n "+netnsName(o.vertex), "ip netns exec "+netnsName(o.vertex), "bridge -n "+netnsName(o.vertex)
	switch o.action {
	case setSysctl:
		return fmt.Sprintf("%s sysctl -w %s=%s", in, strings.ReplaceAll(o.sysctl.name, "/", "."), o.sysctl.value)
	case addLink:
		return fmt.Sprintf("%s link add %s", ip, o.linkWords())
	case deleteLink:
		return fmt.Sprintf("%s link delete %s", ip, o.link.name)
	case setUp:
		return fmt.Sprintf("%s link set %s up", ip, o.link.name)
	case setDown:
		return fmt.Sprintf("%s link set %s down", ip, o.link.name)
	case setMaster:
		if o.link.master == 0 {
			return fmt.Sprintf("%s link set %s nomaster", ip, o.link.name)
		}
		return fmt.Sprintf("%s link set %s master %s", ip, o.link.name, o.master)
	case setMTU:
		return fmt.Sprintf("%s link set %s mtu %d", ip, o.link.name, o.link.mtu)
	case setPort:
		return fmt.Sprintf("%s link set dev %s hairpin %s isolated %s", bridge, o.link.name, onOff(o.link.port.hairpin), onOff(o.link.port.isolated))
	case setForwarding:
		return fmt.Sprintf("%s sysctl -w net.ipv4.conf.%s.forwarding=1", in, strings.ReplaceAll(o.link.name, ".", "/"))
	case addAddr:
		s := fmt.Sprintf("%s addr replace %s dev %s", ip, o.addr.prefix, o.dev)
		if o.addr.prefix.Addr().Is6() {
			s += " nodad"
		}
		return s
	case deleteAddr:
		return fmt.Sprintf("%s addr delete %s dev %s", ip, o.addr.prefix, o.dev)
	case addRoute:
		return fmt.Sprintf("%s route replace %s", ip, o.routeWords())
	case deleteRoute:
		return fmt.Sprintf("%s route delete %s", ip, o.routeWords())
	case addNeigh:
		return fmt.Sprintf("%s neigh replace %s lladdr %s dev %s nud permanent", ip, o.neigh.ip, o.neigh.mac, o.dev)
	case deleteNeigh:
		return fmt.Sprintf("%s neigh delete %s dev %s", ip, o.neigh.ip, o.dev)
	case addFDB:
		return fmt.Sprintf("%s fdb replace %s", bridge, o.fdbWords(" static"))
	case deleteFDB:
		return fmt.Sprintf("%s fdb delete %s", bridge, o.fdbWords(""))
	case addPortGuard:
		return fmt.Sprintf("%s nft '%s'", in, portGuardText)
	case deletePortGuard:
		return fmt.Sprintf("%s nft delete table bridge %s", in, guardTable)
	case addGuard:
		return fmt.Sprintf("%s nft add element %s", in, o.guard.words())
	case deleteGuard:
		return fmt.Sprintf("%s nft delete element %s", in, o.guard.words())
	case addFlaw:
		return o.flaw.words(netnsName(o.vertex))
	case deleteFlaw:
		return fmt.Sprintf("tc -n %s qdisc delete dev %s root", netnsName(o.vertex), o.flaw.device)
	}
	return fmt.Sprintf("%s # action %d", ip, o.action)
}

func (o op) linkWords() string {
	l := o.link
	s := fmt.Sprintf("%s index %d", l.name, l.index)
	if l.mtu != 0 {
		s += fmt.Sprintf(" mtu %d", l.mtu)
	}
	if l.mac != "" {
		s += " address " + l.mac
	}
	if l.up {
		s += " up"
	}
	if l.master != 0 {
		s += " master " + o.master
	}
	s += " type " + l.kind
	switch l.kind {
	case "veth":
		s += fmt.Sprintf(" peer name %s index %d", l.peerName, l.peerIndex)
		if l.mtu != 0 {
			s += fmt.Sprintf(" mtu %d", l.mtu)
		}
		s += fmt.Sprintf(" address %s netns %s", l.peerMAC, netnsName(l.peer))
	case "vxlan":
		s += fmt.Sprintf(" id %d local %s dev eth0 dstport %d nolearning", vxlanID, l.tunnel.local, vxlanPort)
	case "bridge":
		if l.filter {
			s += " nf_call_iptables 1 nf_call_ip6tables 1"
		}
	}
	return s
}

func (o op) routeWords() string {
	r := o.route
	s := r.dst.String()
	if r.dst.Bits() == 0 {
		s = "default"
		if r.dst.Addr().Is6() {
			s = "::/0"
		}
	}
	switch {
	case r.dev == 0:
		return "unreachable " + s
	case len(r.via) > 1:
		for _, gw := range r.via {
			s += fmt.Sprintf(" nexthop via %s dev %s", gw, o.dev)
		}
		return s
	case len(r.via) == 1:
		s += " via " + r.via[0].String()
	}
	if o.dev != "" { // its device may have gone first
		s += " dev " + o.dev
	}
	switch {
	case r.onlink:
		s += " onlink"
	case len(r.via) == 0 && r.dst.Addr().Is4():
		s += " scope link"
	}
	return s
}

func (o op) fdbWords(static string) string {
	s := fmt.Sprintf("%s dev %s", o.fdb.mac, o.dev)
	if o.fdb.dst.IsValid() {
		return s + fmt.Sprintf(" dst %s self permanent", o.fdb.dst)
	}
	return s + " master" + static
}

func (g guard) words() string {
	set := guardSet
	if g.ip.Is6() {
		set = guardSet6
	}
	if g.mac != "" {
		return fmt.Sprintf(`bridge %s %s '{ "%s" . %s . %s }'`, guardTable, set, g.device, g.mac, g.ip)
	}
	return fmt.Sprintf(`inet %s %s '{ "%s" . %s }'`, guardTable, set, g.device, g.ip)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
