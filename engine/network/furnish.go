package network

import (
	"maps"
	"net/netip"
	"slices"
)

// furnish says what should be in every namespace. It is pure.
func furnish(s site, l layout) map[string]*furniture {
	out := map[string]*furniture{}
	// The underlay: a bridge, and a port for each machine. It forwards nothing.
	br := link{name: underlayBridge, index: s.eth0, kind: "bridge", mac: s.mac(), up: true}
	under := &furniture{sysctls: l.sysctls("0"), links: []link{br}}
	for _, f := range l.families() {
		under.addrs = append(under.addrs, addr{br.index, s.net(f)})
		if ip := l.control(f); ip.IsValid() {
			under.addrs = append(under.addrs, addr{br.index, netip.PrefixFrom(ip, s.net(f).Bits())})
		}
	}
	out[VertexUnderlay] = under
	outside := machine(s, l, under, VertexClient, link{name: VertexClient, up: true}, l.client)
	spoilMachine(s, l, VertexClient, VertexClient, s.portIndex(l.ClientIP), outside, under)
	out[VertexClient] = outside
	// Connections to one announced address may go by different nodes.
	outside.sysctls = append(l.sysctls("0"), sysctl{"net/ipv4/fib_multipath_hash_policy", "1"})
	if l.ClientIP6.IsValid() {
		outside.sysctls = append(outside.sysctls, sysctl{"net/ipv6/fib_multipath_hash_policy", "1"})
	}
	outside.routes = announcements(s, l)
	for _, n := range l.Nodes {
		v := NodeVertex(n.Name)
		f := machine(s, l, under, v, link{name: n.Name, up: !n.Down}, n.ip)
		out[v] = f
		spoilMachine(s, l, v, n.Name, s.portIndex(n.IP), f, under)
		furnishNode(s, l, n, f)
		for _, fam := range l.families() {
			f.neighs = append(f.neighs, neigh{s.eth0, l.client(fam), macOf(l.ClientIP)})
			outside.neighs = append(outside.neighs, neigh{s.eth0, n.ip(fam), macOf(n.IP)})
		}
	}
	for _, p := range l.pods {
		i := slices.IndexFunc(l.Nodes, func(n Node) bool { return n.Name == p.Node })
		if i < 0 {
			continue
		}
		f := &furniture{}
		out[p.vertex()] = f
		furnishPod(s, l, l.Nodes[i], p, out[NodeVertex(p.Node)], f)
	}
	return out
}

// sysctls are what every namespace of ours has.
func (l layout) sysctls(forward string) []sysctl {
	out := []sysctl{l.quiet(), {"net/ipv4/ip_forward", forward}}
	if l.ClientIP6.IsValid() {
		out = append(out, sysctl{"net/ipv6/conf/all/forwarding", forward})
	}
	return out
}

// machine joins one to the underlay, by the port's own end and name.
func machine(s site, l layout, under *furniture, vertex string, port link, ip func(family) netip.Addr) *furniture {
	mac := macOf(ip(v4))
	port.kind, port.master, port.index = "veth", s.eth0, s.portIndex(ip(v4))
	port.peer, port.peerName, port.peerIndex, port.peerMAC = vertex, "eth0", s.eth0, mac
	under.links = append(under.links, port)
	under.fdb = append(under.fdb, fdb{dev: port.index, mac: mac}) // or the bridge floods
	out := &furniture{
		links: []link{{name: "eth0", index: s.eth0, mac: mac, peer: VertexUnderlay, peerName: port.name, peerIndex: port.index, up: true}},
	}
	for _, f := range l.families() {
		under.neighs = append(under.neighs, neigh{s.eth0, ip(f), mac})
		out.addrs = append(out.addrs, addr{s.eth0, netip.PrefixFrom(ip(f), s.net(f).Bits())})
		// Dynamic entries are capped for the whole host: all are permanent.
		out.neighs = append(out.neighs, neigh{s.eth0, s.net(f).Addr(), s.mac()})
		if control := l.control(f); control.IsValid() {
			out.neighs = append(out.neighs, neigh{s.eth0, control, s.mac()})
		}
	}
	return out
}

// announcements are the client's routes to load balancers' addresses, each by way
// of those of its nodes that are there.
func announcements(s site, l layout) (out []route) {
	for _, ip := range slices.SortedFunc(maps.Keys(l.announced), netip.Addr.Compare) {
		r := route{dst: host(ip), dev: s.eth0}
		for _, n := range l.Nodes {
			if gw := n.ip(familyOf(ip)); gw.IsValid() && !n.Down && slices.Contains(l.announced[ip], n.Name) {
				r.via = append(r.via, gw)
			}
		}
		if len(r.via) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// furnishNode adds what a node has beside its place in the underlay: the ways to
// pods, its own and other nodes'.
func furnishNode(s site, l layout, n Node, f *furniture) {
	f.sysctls = l.sysctls("1")
	// Nor tell the client of a shorter way than by the node that it was to go by.
	for _, name := range []string{"rp_filter", "send_redirects"} {
		f.sysctls = append(f.sysctls, sysctl{"net/ipv4/conf/all/" + name, "0"}, sysctl{"net/ipv4/conf/default/" + name, "0"})
	}
	if l.bridged() {
		furnishBridge(s, l, n, f)
	}
	if l.CNI == VXLAN {
		furnishTunnels(s, l, n, f)
	}
	for _, fam := range l.families() {
		if !l.bridged() {
			f.addrs = append(f.addrs, addr{loIndex, host(n.gateway(fam))})
			// An address of this node that no pod has must not leave for the default route.
			f.routes = append(f.routes, route{dst: n.pods(fam)})
		}
		// Without a default route a ClusterIP answers ENETUNREACH before it is rewritten.
		f.routes = append(f.routes, route{dst: anywhere(fam), via: via(s.net(fam).Addr()), dev: s.eth0})
		for _, m := range l.Nodes {
			if m.Name == n.Name {
				continue
			}
			f.neighs = append(f.neighs, neigh{s.eth0, m.ip(fam), macOf(m.IP)})
			if l.CNI != VXLAN {
				f.routes = append(f.routes, route{dst: m.pods(fam), via: via(m.ip(fam)), dev: s.eth0})
			}
		}
	}
}

// furnishPod adds one pod, as Attach does.
func furnishPod(s site, l layout, n Node, p placed, node, pod *furniture) {
	mac, name := macOf(p.IP), vethName(p.ID)
	spoilPod(s, l, p, node, pod)
	up := link{
		name: name, index: p.host, kind: "veth", mac: vethMAC, mtu: l.mtu(), up: true,
		peer: p.vertex(), peerName: "eth0", peerIndex: s.eth0, peerMAC: mac,
	}
	pod.sysctls = append(pod.sysctls, l.quiet())
	pod.links = append(pod.links, link{name: "eth0", index: s.eth0, mac: mac, mtu: l.mtu(), peer: NodeVertex(n.Name), peerName: name, peerIndex: p.host, up: true})
	if l.bridged() {
		plug(s, l, n, p, up, node, pod)
		return
	}
	// Routed: an address of its own at one end of a veth, a route to it at the other.
	node.links = append(node.links, up)
	for _, f := range l.families() {
		ip, gw := p.ip(f), n.gateway(f)
		node.routes = append(node.routes, route{dst: host(ip), dev: p.host})
		node.neighs = append(node.neighs, neigh{p.host, ip, mac})
		node.guards = append(node.guards, guard{device: name, ip: ip})
		pod.addrs = append(pod.addrs, addr{s.eth0, host(ip)})
		pod.routes = append(pod.routes, route{dst: host(gw), dev: s.eth0}, route{dst: anywhere(f), via: via(gw), dev: s.eth0})
		pod.neighs = append(pod.neighs, neigh{s.eth0, gw, vethMAC})
	}
}
