package network

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"

	"github.com/podhop/podhop/engine/network/note"
)

// The furniture of one namespace: what should be in it, or what is.
type furniture struct {
	sysctls []sysctl
	links   []link
	addrs   []addr
	routes  []route
	neighs  []neigh
	fdb     []fdb
	guards  []guard // addresses that pods may send from, kept by the node
	// portGuard says that guards of a bridge's ports have their table.
	portGuard bool
	flaws     []flaw // what faults there are with its links
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
	kind  string // bridge, veth, vxlan, or "" for the far end of somebody's veth
	mac   string
	mtu   int // 0: the kernel's default
	// master is the index of the bridge that it is a port of.
	master int
	port   port
	tunnel tunnel
	// filter has a bridge show what it switches to the IP hooks, where that cannot
	// be a sysctl.
	filter bool
	// What is at a veth's other end.
	peer      string // vertex
	peerName  string
	peerIndex int
	peerMAC   string
	up        bool
}

// A port is how a bridge treats one of its ports.
type port struct {
	hairpin  bool // frames may go back to where they came from
	isolated bool // no frames to and from other isolated ports
}

// A tunnel is what only a VXLAN device has.
type tunnel struct {
	local netip.Addr
	dev   int
}

type addr struct {
	dev    int
	prefix netip.Prefix // host bits kept
}

type route struct {
	dst    netip.Prefix
	via    []netip.Addr // gateways, of which the kernel chooses by connection; none: scope link
	dev    int          // 0: unreachable
	onlink bool         // the gateway is there, whatever addresses say
}

func (r route) equal(o route) bool {
	return r.dst == o.dst && r.dev == o.dev && r.onlink == o.onlink && slices.Equal(r.via, o.via)
}

type neigh struct {
	dev int
	ip  netip.Addr
	mac string
}

// An fdb entry says where frames to an address go: by a bridge's port, or to the
// machine at a tunnel's other end.
type fdb struct {
	dev int
	mac string
	dst netip.Addr // of a tunnel
}

// A guard lets a pod send from an address: from a device, or from a bridge's port
// and then with its own MAC alone.
type guard struct {
	device string
	mac    string
	ip     netip.Addr
}

// A placed pod is one that has addresses and an index.
type placed struct {
	Pod
	host int // ifindex of the veth's end on the node
}

// vertex is the planner's own name for a pod's namespace: two pods may have one name
// for a while.
func (p placed) vertex() string { return PodVertex(p.Name) + "@" + p.ID }

// A family is IPv4 or IPv6.
type family int

const (
	v4 family = iota
	v6
)

func familyOf(ip netip.Addr) family {
	if ip.Is4() {
		return v4
	}
	return v6
}

func pick[T any](f family, four, six T) T {
	if f == v6 {
		return six
	}
	return four
}

func (n Node) ip(f family) netip.Addr     { return pick(f, n.IP, n.IP6) }
func (n Node) pods(f family) netip.Prefix { return pick(f, n.PodCIDR, n.PodCIDR6).Masked() }

// gateway is the pods' one.
func (n Node) gateway(f family) netip.Addr { return n.pods(f).Addr().Next() }

func (p Pod) ip(f family) netip.Addr { return pick(f, p.IP, p.IP6) }

// A layout is all that the planner is to make true.
type layout struct {
	Desired   // but for its Pods
	pods      []placed
	announced map[netip.Addr][]string // nodes that the client sends an address to
}

func (l layout) client(f family) netip.Addr  { return pick(f, l.ClientIP, l.ClientIP6) }
func (l layout) control(f family) netip.Addr { return pick(f, l.ControlPlane, l.ControlPlane6) }

// families are those of the session.
func (d Desired) families() []family {
	if d.ClientIP6.IsValid() {
		return []family{v4, v6}
	}
	return []family{v4}
}

// clusters are the prefixes of a session's pods, by family.
type clusters [2]netip.Prefix

// site is what the planner must know of the place.
type site struct {
	cluster             clusters     // what holds all nodes' pod CIDRs
	underlay, underlay6 netip.Prefix // the bridge's addresses and the prefixes' lengths
	eth0                int          // the first index that is free in a new namespace
	// noSysctl says that /proc/sys is read-only, and that forwarding must be set a
	// device at a time.
	noSysctl bool
	// noFilter says that bridges show nothing to the IP hooks (br_netfilter is not
	// there): pods must not be switched then, but be sent by way of their node.
	noFilter bool
}

const (
	loIndex = 1
	// podIndexes is where the indexes of veths to pods begin on a node; those below
	// are its own: eth0, the bridge and the tunnels.
	podIndexes = note.Pods
	// vethMAC is every host end's address, as Calico has it: the link has two ends,
	// so nobody else can be meant.
	vethMAC = "ee:ee:ee:ee:ee:ee"
	// ethernet is the underlay's MTU.
	ethernet = 1500
)

func (s site) bridge() int               { return s.eth0 + 1 }
func (s site) tunnel(f family) int       { return s.eth0 + 2 + int(f) }
func (s site) mac() string               { return macOf(s.underlay.Addr()) }
func (s site) net(f family) netip.Prefix { return pick(f, s.underlay, s.underlay6) }

// portIndex is a machine's port's on the underlay: its own for good, whoever else
// comes and goes.
func (s site) portIndex(ip netip.Addr) int {
	b := ip.As4()
	return s.eth0 + int(b[2])<<8 + int(b[3])
}

// quiet keeps IPv6 from talking to itself on every link: the noise would be in
// every capture. A session of IPv4 alone has none of it; in another, addresses are
// those that we give.
func (d Desired) quiet() sysctl {
	if d.ClientIP6.IsValid() {
		return sysctl{"net/ipv6/conf/default/addr_gen_mode", "1"}
	}
	return sysctl{"net/ipv6/conf/default/disable_ipv6", "1"}
}

// vethName derives the host end's name from the pod's id; IFNAMSIZ allows 15 bytes.
func vethName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "veth" + hex.EncodeToString(sum[:4])
}

// macOf derives a device's address from its IP, as CNI's bridge plugins did, so
// that a learner can read it. Of an IPv6 address it takes what tells networks apart.
func macOf(ip netip.Addr) string {
	if ip.Is6() {
		b := ip.As16()
		return net.HardwareAddr{0x0a, 0x58, b[4], b[5], b[6], b[7]}.String()
	}
	b := ip.As4()
	return net.HardwareAddr{0x0a, 0x58, b[0], b[1], b[2], b[3]}.String()
}

func host(ip netip.Addr) netip.Prefix { return netip.PrefixFrom(ip, ip.BitLen()) }

// anywhere is a default route's destination.
func anywhere(f family) netip.Prefix {
	return pick(f, netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0))
}

func via(ip netip.Addr) []netip.Addr { return []netip.Addr{ip} }
