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
	// ErrClosed is returned by everything after Close.
	ErrClosed = errors.New("network closed")
)

// Desired is what a session's network should be.
type Desired struct {
	Nodes    []Node
	ClientIP netip.Addr
	Pods     []Pod
}

// A Node is one machine of the cluster.
type Node struct {
	Name    string
	IP      netip.Addr   // on the underlay
	PodCIDR netip.Prefix // the gateway is its first address, pods get those after it
}

// A Pod is what Attach needs to know of one.
type Pod struct {
	ID   string // unique in the session, for ever: the sandbox's id
	Name string // "namespace/name"
	Node string
	// IP is the address to use; the zero Addr lets the node's pod CIDR give the
	// lowest free one.
	IP netip.Addr
	// NS stays its owner's: closing it is what removes the pod's links.
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
	MAC     string
	// HostDevice is the veth's end in the node's namespace, HostIndex its ifindex.
	HostDevice string
	HostIndex  int
}

// A Device is one end of a link, with whose namespace is at the other end.
type Device struct {
	Vertex string
	Name   string
	Index  int
	// Peer is the vertex at the other end, "" for a bridge; PeerIndex the device there.
	Peer      string
	PeerIndex int
}
