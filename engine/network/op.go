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
	setForwarding
	addAddr
	addRoute
	deleteRoute
	addNeigh
	addGuard
	deleteGuard
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
	guard  guard
	// dev is the name of the device that an address, route or neighbour is on.
	dev string
}

// netnsName is how `ip netns` could call a vertex' namespace.
func netnsName(vertex string) string { return path.Base(vertex) }

// String is the command that would do the same.
func (o op) String() string {
	ip, in := "ip -n "+netnsName(o.vertex), "ip netns exec "+netnsName(o.vertex)
	switch o.action {
	case setSysctl:
		return fmt.Sprintf("%s sysctl -w %s=%s", in, strings.ReplaceAll(o.sysctl.name, "/", "."), o.sysctl.value)
	case addLink:
		l := o.link
		s := fmt.Sprintf("%s link add %s index %d", ip, l.name, l.index)
		if l.mac != "" {
			s += " address " + l.mac
		}
		s += " up"
		if l.master != 0 {
			s += " master br0"
		}
		s += " type " + l.kind
		if l.kind == "veth" {
			s += fmt.Sprintf(" peer name %s index %d address %s netns %s", l.peerName, l.peerIndex, l.peerMAC, netnsName(l.peer))
		}
		return s
	case deleteLink:
		return fmt.Sprintf("%s link delete %s", ip, o.link.name)
	case setUp:
		return fmt.Sprintf("%s link set %s up", ip, o.link.name)
	case setForwarding:
		return fmt.Sprintf("%s sysctl -w net.ipv4.conf.%s.forwarding=1", in, o.link.name)
	case addAddr:
		return fmt.Sprintf("%s addr replace %s dev %s", ip, o.addr.prefix, o.dev)
	case addRoute, deleteRoute:
		verb := "replace"
		if o.action == deleteRoute {
			verb = "delete"
		}
		dst := o.route.dst.String()
		if o.route.dst.Bits() == 0 {
			dst = "default"
		}
		switch {
		case o.route.dev == 0:
			return fmt.Sprintf("%s route %s unreachable %s", ip, verb, dst)
		case len(o.route.via) == 1:
			return fmt.Sprintf("%s route %s %s via %s dev %s", ip, verb, dst, o.route.via[0], o.dev)
		case len(o.route.via) > 1:
			s := fmt.Sprintf("%s route %s %s", ip, verb, dst)
			for _, gw := range o.route.via {
				s += fmt.Sprintf(" nexthop via %s dev %s", gw, o.dev)
			}
			return s
		}
		if o.dev == "" { // the device went first
			return fmt.Sprintf("%s route %s %s", ip, verb, dst)
		}
		return fmt.Sprintf("%s route %s %s dev %s scope link", ip, verb, dst, o.dev)
	case addNeigh:
		return fmt.Sprintf("%s neigh replace %s lladdr %s dev %s nud permanent", ip, o.neigh.ip, o.neigh.mac, o.dev)
	case addGuard:
		return fmt.Sprintf(`%s nft add element inet %s %s '{ "%s" . %s }'`, in, guardTable, guardSet, o.guard.device, o.guard.ip)
	case deleteGuard:
		return fmt.Sprintf(`%s nft delete element inet %s %s '{ "%s" . %s }'`, in, guardTable, guardSet, o.guard.device, o.guard.ip)
	}
	return fmt.Sprintf("%s # action %d", ip, o.action)
}
