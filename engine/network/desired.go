package network

import (
	"errors"
	"net/netip"

	"github.com/podhop/podhop/internal/nsexec"
)

var (
	// ErrNoNode says that a pod is to be attached to a node that is not there.
	ErrNoNode = errors.New("no such node")
	// ErrNoAddress says that a node's pod CIDR is used up.
	ErrNoAddress = errors.New("no free address")
	// ErrAddressInUse says that another pod has the address.
	ErrAddressInUse = errors.New("address in use")
	// ErrInvalid says that what is desired cannot be.
	ErrInvalid = errors.New("invalid")
	// ErrClosed is returned by everything after Close.
	ErrClosed = errors.New("network closed")
)

// Desired is what a session's network should be.
type Desired struct {
	// CNI is how pods are joined to each other; Routed if empty.
	CNI      CNI
	Nodes    []Node
	ClientIP netip.Addr
	// ClientIP6 is the client's second address, in a dual-stack session only.
	ClientIP6 netip.Addr
	// ControlPlane and ControlPlane6 are further addresses of the underlay, which
	// nodes and client reach; none if zero.
	ControlPlane, ControlPlane6 netip.Addr
	Pods                        []Pod
	// Faults are what is wrong with links on purpose, one a target; of targets that are
	// not there they wait until they are.
	Faults []Fault
}

// A CNI is a way to join pods to each other.
type CNI string

const (
	// Routed gives each pod a /32 at one end of a veth, and a route to it at the
	// other, as kindnet and Calico do.
	Routed CNI = "routed"
	// Bridge makes pods of a node ports of one bridge, cni0, as the plugin of that
	// name does; nodes send to each other's pods by routes.
	Bridge CNI = "bridge"
	// VXLAN is Bridge with a tunnel between nodes instead of those routes, as flannel
	// does: the network below need not know of pods.
	VXLAN CNI = "vxlan"
)

// CNIs are those that there are, the first the default.
func CNIs() []CNI { return []CNI{Routed, Bridge, VXLAN} }

// A Node is one machine of the cluster.
type Node struct {
	Name    string
	IP      netip.Addr   // on the underlay
	PodCIDR netip.Prefix // the gateway is its first address, pods get those after it
	// IP6 and PodCIDR6 are the same once more, in a dual-stack session only.
	IP6      netip.Addr
	PodCIDR6 netip.Prefix
	// Down says that the machine is off: its link to the underlay is down, and nobody
	// sends it what Announce says of it.
	Down bool
}

// A Pod is what Attach needs to know of one.
type Pod struct {
	ID   string // unique in the session, for ever: the sandbox's id
	Name string // "namespace/name"
	Node string
	// IP is the address to use; the zero Addr lets the node's pod CIDR give the
	// next free one. IP6 is the same once more, in a dual-stack session only.
	IP, IP6 netip.Addr
	// NS stays its owner's: closing it, which must not be before Detach has returned,
	// is what removes the pod's links.
	NS *nsexec.NetNS
}

// Names of vertices: whose namespace something is.
const (
	VertexClient   = "client"
	VertexUnderlay = "underlay"
)

// NodeVertex names a node's namespace.
func NodeVertex(name string) string { return "node/" + name }

// PodVertex names a pod's namespace; name is "namespace/name".
func PodVertex(name string) string { return "pod/" + name }

// An Attachment is how a pod is joined to its node.
type Attachment struct {
	IP      netip.Addr
	Gateway netip.Addr
	// IP6 and Gateway6 are the second address and its gateway, in a dual-stack
	// session only.
	IP6, Gateway6 netip.Addr
	MAC           string
	// HostDevice is the veth's end in the node's namespace, HostIndex its ifindex.
	HostDevice string
	HostIndex  int
}

// A Device is one end of a link, with whose namespace is at the other end.
type Device struct {
	Vertex string
	Name   string
	Index  int
	// Peer is the vertex at the other end, "" for a bridge or a tunnel; PeerName and
	// PeerIndex are the device there.
	Peer      string
	PeerName  string
	PeerIndex int
	// Bridge is the bridge of the same vertex that it is a port of, if it is one.
	Bridge string
}
