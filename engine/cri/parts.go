package cri

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/internal/nsexec"
)

// A Network gives pods their namespaces and joins them to the node's network.
// Safe for concurrent use.
type Network interface {
	// Attach answers once the pod can send and receive. An ID is attached once.
	Attach(ctx context.Context, pod Pod) (Attachment, error)
	// Detach undoes Attach; it does nothing for an ID that is not attached.
	Detach(ctx context.Context, id string) error
}

// A Pod is what a Network has to know of one.
type Pod struct {
	// ID is the sandbox's: a pod whose sandbox is made again has two in its life.
	ID              string
	Namespace, Name string
	UID             string
	Hostname        string
	// HostNetwork pods are in the node's own network namespace.
	HostNetwork bool
	// DNS is what its resolv.conf says.
	DNS DNS
	// Ports are those of the node that lead to it.
	Ports []HostPort
}

// A HostPort leads a port of the node to one of a pod.
type HostPort struct {
	Protocol string // tcp, udp or sctp
	// HostIP is the node's address that has the port, any if it is not valid.
	HostIP         netip.Addr
	HostPort, Port uint16
}

// DNS is a resolv.conf(5) in parts.
type DNS struct{ Servers, Searches, Options []string }

// An Attachment is a pod's place in the network.
type Attachment struct {
	// IPs are the pod's; empty with HostNetwork.
	IPs []netip.Addr
	// Sandbox has the pod's namespaces. HostNetwork, if set, is joined in the
	// place of the sandbox's network namespace.
	Sandbox     *nsexec.Sandbox
	HostNetwork *nsexec.NetNS
	// Dial connects from inside of the pod's network namespace.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Containers makes containers; see Session. Safe for concurrent use.
type Containers interface {
	Create(ctx context.Context, spec container.Spec) (Container, error)
	// Group makes the cgroup of a pod, or takes over one of that name.
	Group(name string, limits container.Resources) (*container.Group, error)
	// Unpack unpacks an image, so that Create need not.
	Unpack(ctx context.Context, img image.Image) error
}

// A Container is what package container's is.
type Container interface {
	Start(ctx context.Context) error
	Status() container.Status
	// Usage tells false where nothing is known.
	Usage() (container.Usage, bool)
	// Done is closed once the container has exited and Status says so; also
	// after a Start that failed.
	Done() <-chan struct{}
	Signal(sig syscall.Signal) error
	// Disk is what it has written outside of its volumes.
	Disk() (bytes, inodes uint64)
	// Update changes those limits that are not zero.
	Update(limits container.Resources) error
	Stop(ctx context.Context, grace time.Duration) error
	ReopenLog() error
	Remove() error
	Exec(ctx context.Context, spec container.ExecSpec) (int, error)
	ExecSync(ctx context.Context, args []string, timeout time.Duration) (stdout, stderr []byte, code int, err error)
	Attach(ctx context.Context, spec container.AttachSpec) error
}

// Session is a container.Session as Containers.
type Session struct {
	*container.Session
	// Node is the cgroup that the groups of the node's pods are in; nil is the session's.
	Node *container.Group
}

// Group is Session.Group, in that of the node.
func (s Session) Group(name string, limits container.Resources) (*container.Group, error) {
	return s.Session.Group(s.Node, name, limits)
}

// Create is Session.Create.
func (s Session) Create(ctx context.Context, spec container.Spec) (Container, error) {
	c, err := s.Session.Create(ctx, spec)
	if err != nil {
		return nil, err // not a nil *container.Container
	}
	return c, nil
}

// Images finds images; image.Store does.
type Images interface {
	// Pull finds an image, and says in words who served it. Its error is for the
	// learner's eyes: it ends up in the pod's events.
	Pull(ctx context.Context, reference string, auth image.Auth, progress image.Progress) (img image.Image, source string, err error)
}

var _ Images = (*image.Store)(nil)
