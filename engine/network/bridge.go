package network

import "net/netip"

const (
	// bridgeName, tunnelNames and port are flannel's.
	bridgeName = "cni0"
	// underlayBridge joins the machines.
	underlayBridge = "br0"
	vxlanID        = 1
	vxlanPort      = 8472
	// What VXLAN puts before a packet: Ethernet, IP, UDP and its own header.
	overhead, overhead6 = 50, 70
)

func tunnelName(f family) string { return pick(f, "flannel.1", "flannel-v6.1") }

// tunnelMTU is what is left of the underlay's.
func tunnelMTU(f family) int { return ethernet - pick(f, overhead, overhead6) }

// bridged tells whether pods are ports of a bridge.
func (d Desired) bridged() bool { return d.CNI == Bridge || d.CNI == VXLAN }

// mtu is the pods'.
func (d Desired) mtu() int {
	switch {
	case d.CNI != VXLAN:
		return ethernet
	case d.ClientIP6.IsValid():
		return tunnelMTU(v6) // of both, for a device has one
	}
	return tunnelMTU(v4)
}

// furnishBridge adds the node's bridge for its pods, of CNI's plugin of that name.
// What it switches must pass the hooks of IP as well: policies and kube-proxy's way
// back are there.
func furnishBridge(s site, l layout, n Node, f *furniture) {
	f.portGuard = true
	f.links = append(f.links, link{
		name: bridgeName, index: s.bridge(), kind: "bridge", mac: macOf(n.gateway(v4)), mtu: l.mtu(), filter: s.noSysctl && !s.noFilter, up: true,
	})
	value := "1"
	if s.noFilter {
		value = "0"
	}
	for _, fam := range l.families() {
		f.sysctls = append(f.sysctls, sysctl{"net/bridge/bridge-nf-call-" + pick(fam, "iptables", "ip6tables"), value})
		f.addrs = append(f.addrs, addr{s.bridge(), netip.PrefixFrom(n.gateway(fam), n.pods(fam).Bits())})
	}
}

// furnishTunnels adds a VXLAN device a family, as flannel does: of each other node a
// permanent neighbour, where frames to it go, and a route to its pods.
func furnishTunnels(s site, l layout, n Node, f *furniture) {
	for _, fam := range l.families() {
		dev := s.tunnel(fam)
		f.links = append(f.links, link{
			name: tunnelName(fam), index: dev, kind: "vxlan", mac: macOf(n.pods(fam).Addr()), mtu: tunnelMTU(fam), up: true,
			tunnel: tunnel{local: n.ip(fam), dev: s.eth0},
		})
		// The address that the node itself sends to other nodes' pods from.
		f.addrs = append(f.addrs, addr{dev, host(n.pods(fam).Addr())})
		for _, m := range l.Nodes {
			if m.Name == n.Name {
				continue
			}
			gw := m.pods(fam).Addr()
			f.neighs = append(f.neighs, neigh{dev, gw, macOf(gw)})
			f.fdb = append(f.fdb, fdb{dev, macOf(gw), m.ip(fam)})
			f.routes = append(f.routes, route{dst: m.pods(fam), via: via(gw), dev: dev, onlink: true})
		}
	}
}

// plug adds a pod as a port of its node's bridge.
func plug(s site, l layout, n Node, p placed, up link, node, pod *furniture) {
	up.master, up.port = s.bridge(), port{hairpin: true, isolated: s.noFilter}
	node.links = append(node.links, up)
	mac := macOf(p.IP)
	// A bridge floods what is for somebody that it has not heard of.
	node.fdb = append(node.fdb, fdb{dev: p.host, mac: mac})
	for _, f := range l.families() {
		ip, gw := p.ip(f), n.gateway(f)
		node.neighs = append(node.neighs, neigh{s.bridge(), ip, mac})
		node.guards = append(node.guards, guard{up.name, mac, ip})
		pod.addrs = append(pod.addrs, addr{s.eth0, netip.PrefixFrom(ip, n.pods(f).Bits())})
		pod.routes = append(pod.routes, route{dst: anywhere(f), via: via(gw), dev: s.eth0})
		if l.CNI == VXLAN { // flannel's plugin asks for it
			pod.routes = append(pod.routes, route{dst: s.cluster[f], via: via(gw), dev: s.eth0})
		}
		pod.neighs = append(pod.neighs, neigh{s.eth0, gw, macOf(n.gateway(v4))})
	}
	for _, q := range l.pods {
		if q.Node == p.Node && q.ID != p.ID {
			pod.neighs = append(pod.neighs, acquaint(s, l, n, q)...)
		}
	}
}

// acquaint tells a pod of another on its bridge. Where the bridge may not switch
// between them, the other's address is the node's.
func acquaint(s site, l layout, n Node, other placed) (out []neigh) {
	mac := macOf(other.IP)
	if s.noFilter {
		mac = macOf(n.gateway(v4))
	}
	for _, f := range l.families() {
		out = append(out, neigh{s.eth0, other.ip(f), mac})
	}
	return out
}
