package network

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net"
	"net/netip"
	"slices"
)

// The furniture of one namespace: what should be in it, or what is.
type furniture struct {
	sysctls []sysctl
	links   []link
	addrs   []addr
	routes  []route
	neighs  []neigh
	guards  []guard // addresses that pods may send from, kept by the node
}

func (f *furniture) settings() []sysctl {
	if f == nil {
		return nil
	}
	return f.sysctls
}

type sysctl struct{ name, value string }

type link struct {
	name  string
	index int
	kind  string // bridge, veth, or "" for the far end of somebody's veth
	mac   string
	// master is the index of the bridge that it is a port of.
	master int
	// What is at a veth's other end.
	peer      string // vertex
	peerName  string
	peerIndex int
	peerMAC   string
	up        bool
}

type addr struct {
	dev    int
	prefix netip.Prefix // host bits kept
}

type route struct {
	dst netip.Prefix
	via []netip.Addr // gateways, of which the kernel chooses by connection; none: scope link
	dev int          // 0: unreachable
}

func (r route) equal(o route) bool {
	return r.dst == o.dst && r.dev == o.dev && slices.Equal(r.via, o.via)
}

type neigh struct {
	dev int
	ip  netip.Addr
	mac string
}

type guard struct {
	device string
	ip     netip.Addr
}

// A placed pod is one that has an address and an index.
type placed struct {
	Pod
	host int // ifindex of the veth's end on the node
}

// A layout is all that the planner is to make true.
type layout struct {
	Desired   // but for its Pods
	pods      []placed
	announced map[netip.Addr][]string // nodes that the client sends an address to
}

// site is what the planner must know of the place.
type site struct {
	underlay netip.Prefix // the bridge's address and the prefix' length
	eth0     int          // the first index that is free in a new namespace
	// noSysctl says that /proc/sys is read-only, and that forwarding must be set a
	// device at a time.
	noSysctl bool
}

const (
	loIndex = 1
	// podIndexes is where the indexes of veths to pods begin on a node; those below
	// are its own (eth0, later a bridge or a tunnel).
	podIndexes = 100
	// vethMAC is every host end's address, as Calico has it: the link has two ends,
	// so nobody else can be meant.
	vethMAC = "ee:ee:ee:ee:ee:ee"
)

// quiet keeps IPv6 from talking to itself on every link: this is an IPv4 cluster,
// and the noise would be in every capture.
var quiet = sysctl{"net/ipv6/conf/default/addr_gen_mode", "1"}

// vethName derives the host end's name from the pod's id; IFNAMSIZ allows 15 bytes.
func vethName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "veth" + hex.EncodeToString(sum[:4])
}

// macOf derives a device's address from its IP, as CNI's bridge plugins did, so
// that a learner can read it.
func macOf(ip netip.Addr) string {
	b := ip.As4()
	return net.HardwareAddr{0x0a, 0x58, b[0], b[1], b[2], b[3]}.String()
}

// furnish says what should be in every namespace. It is pure.
func furnish(s site, l layout) map[string]*furniture {
	out := map[string]*furniture{}
	gw := s.underlay.Addr()
	bits := s.underlay.Bits()

	// The underlay: a bridge, and a port for each machine. It forwards nothing.
	br := link{name: "br0", index: s.eth0, kind: "bridge", mac: macOf(gw), up: true}
	under := &furniture{
		sysctls: []sysctl{quiet, {"net/ipv4/ip_forward", "0"}},
		links:   []link{br},
		addrs:   []addr{{br.index, s.underlay}},
	}
	if l.ControlPlane.IsValid() {
		under.addrs = append(under.addrs, addr{br.index, netip.PrefixFrom(l.ControlPlane, bits)})
	}
	out[VertexUnderlay] = under
	machine := func(vertex, port string, ip netip.Addr, forward string) *furniture {
		index := br.index + int(ip.As4()[3]) // the machine's for good, whoever comes and goes
		under.links = append(under.links, link{
			name: port, index: index, kind: "veth", master: br.index, up: true,
			peer: vertex, peerName: "eth0", peerIndex: s.eth0, peerMAC: macOf(ip),
		})
		under.neighs = append(under.neighs, neigh{br.index, ip, macOf(ip)})
		f := &furniture{
			sysctls: []sysctl{quiet, {"net/ipv4/ip_forward", forward}},
			links:   []link{{name: "eth0", index: s.eth0, mac: macOf(ip), peer: VertexUnderlay, peerIndex: index, up: true}},
			addrs:   []addr{{s.eth0, netip.PrefixFrom(ip, bits)}},
			// Dynamic entries are capped for the whole host: all are permanent.
			neighs: []neigh{{s.eth0, gw, macOf(gw)}},
		}
		if l.ControlPlane.IsValid() {
			f.neighs = append(f.neighs, neigh{s.eth0, l.ControlPlane, macOf(gw)})
		}
		out[vertex] = f
		return f
	}
	outside := machine(VertexClient, VertexClient, l.ClientIP, "0")
	// Connections to one announced address may go by different nodes.
	outside.sysctls = append(outside.sysctls, sysctl{"net/ipv4/fib_multipath_hash_policy", "1"})
	outside.routes = announcements(s, l)
	for _, n := range l.Nodes {
		f := machine(NodeVertex(n.Name), n.Name, n.IP, "1")
		// Nor tell the client of a shorter way than by the node that it was to go by.
		for _, name := range []string{"rp_filter", "send_redirects"} {
			f.sysctls = append(f.sysctls, sysctl{"net/ipv4/conf/all/" + name, "0"}, sysctl{"net/ipv4/conf/default/" + name, "0"})
		}
		f.addrs = append(f.addrs, addr{loIndex, netip.PrefixFrom(gatewayOf(n), 32)})
		// Without a default route a ClusterIP answers ENETUNREACH before it is rewritten.
		f.routes = append(f.routes, route{dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), via: []netip.Addr{gw}, dev: s.eth0})
		// An address of this node that no pod has must not leave for the default route.
		f.routes = append(f.routes, route{dst: n.PodCIDR.Masked()})
		f.neighs = append(f.neighs, neigh{s.eth0, l.ClientIP, macOf(l.ClientIP)})
		outside.neighs = append(outside.neighs, neigh{s.eth0, n.IP, macOf(n.IP)})
		for _, m := range l.Nodes {
			if m.Name != n.Name {
				f.routes = append(f.routes, route{dst: m.PodCIDR.Masked(), via: []netip.Addr{m.IP}, dev: s.eth0})
				f.neighs = append(f.neighs, neigh{s.eth0, m.IP, macOf(m.IP)})
			}
		}
	}
	for _, p := range l.pods {
		i := slices.IndexFunc(l.Nodes, func(n Node) bool { return n.Name == p.Node })
		if i < 0 {
			continue
		}
		furnishPod(s, l.Nodes[i], p, out[NodeVertex(p.Node)], podFurniture(out, p))
	}
	return out
}

// announcements are the client's routes to load balancers' addresses, each by way
// of those of its nodes that are there.
func announcements(s site, l layout) (out []route) {
	for _, ip := range slices.SortedFunc(maps.Keys(l.announced), netip.Addr.Compare) {
		r := route{dst: netip.PrefixFrom(ip, ip.BitLen()), dev: s.eth0}
		for _, n := range l.Nodes {
			if gw := n.address(ip.Is4()); gw.IsValid() && slices.Contains(l.announced[ip], n.Name) {
				r.via = append(r.via, gw)
			}
		}
		if len(r.via) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// address is the node's on the underlay, of one family.
func (n Node) address(four bool) netip.Addr {
	if four {
		return n.IP
	}
	return n.IP6
}

func podFurniture(out map[string]*furniture, p placed) *furniture {
	f := &furniture{}
	out[PodVertex(p.Name)] = f
	return f
}

// furnishPod adds one pod, routed: an address of its own (/32) at one end of a veth,
// a route to it at the other. It is all that Attach plans.
func furnishPod(s site, n Node, p placed, node, pod *furniture) {
	mac, gw, name := macOf(p.IP), gatewayOf(n), vethName(p.ID)
	node.links = append(node.links, link{
		name: name, index: p.host, kind: "veth", mac: vethMAC, up: true,
		peer: PodVertex(p.Name), peerName: "eth0", peerIndex: s.eth0, peerMAC: mac,
	})
	node.routes = append(node.routes, route{dst: netip.PrefixFrom(p.IP, 32), dev: p.host})
	node.neighs = append(node.neighs, neigh{p.host, p.IP, mac})
	node.guards = append(node.guards, guard{name, p.IP})

	pod.sysctls = append(pod.sysctls, quiet)
	pod.links = append(pod.links, link{name: "eth0", index: s.eth0, mac: mac, peer: NodeVertex(n.Name), peerIndex: p.host, up: true})
	pod.addrs = append(pod.addrs, addr{s.eth0, netip.PrefixFrom(p.IP, 32)})
	pod.routes = append(pod.routes,
		route{dst: netip.PrefixFrom(gw, 32), dev: s.eth0},
		route{dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), via: []netip.Addr{gw}, dev: s.eth0})
	pod.neighs = append(pod.neighs, neigh{s.eth0, gw, vethMAC})
}

func gatewayOf(n Node) netip.Addr { return n.PodCIDR.Masked().Addr().Next() }
