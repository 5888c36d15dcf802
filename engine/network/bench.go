package network

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/internal/nsexec"
)

// A BenchResult compares pods' networks as sessions get them with the least that
// the kernel must be asked for.
type BenchResult struct {
	Pods   int     `json:"pods"`
	Attach float64 `json:"attachPerSecond"` // NewSandbox and Attach
	Bare   float64 `json:"barePerSecond"`   // the same links, address and route, in two batches
	Ratio  float64 `json:"ratio"`
}

// Bench joins n pods in each way, one of each in turn so that both see the same
// machine, and takes them down again at the end. It must run inside nsexec's namespaces.
func Bench(ctx context.Context, n int) (r BenchResult, err error) {
	var held []io.Closer
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	lab, err := newBenchLab(ctx)
	if err != nil {
		return r, err
	}
	held = append(held, lab)
	var ours, bare time.Duration
	err = onOwnThread(func() error {
		ns, sock, err := bareNS()
		if err != nil {
			return err
		}
		held = append(held, ns)
		defer sock.close()
		for ; r.Pods < n; r.Pods++ {
			start := time.Now()
			c, err := lab.pod(ctx, r.Pods)
			if err != nil {
				return err
			}
			ours += time.Since(start)
			held = append(held, c)

			start = time.Now()
			if c, err = barePod(sock, r.Pods); err != nil {
				return err
			}
			bare += time.Since(start)
			held = append(held, c)
		}
		return ctx.Err()
	})
	if err != nil {
		return r, err
	}
	r.Attach, r.Bare = float64(r.Pods)/ours.Seconds(), float64(r.Pods)/bare.Seconds()
	r.Ratio = r.Attach / r.Bare
	return r, nil
}

// onOwnThread runs fn on a thread that may be left in any namespace: it ends with fn.
func onOwnThread(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- fn()
	}()
	return <-done
}

type benchLab struct {
	*Network
	users *nsexec.UserNS
}

func newBenchLab(ctx context.Context) (*benchLab, error) {
	users, err := nsexec.NewUserNS([]nsexec.IDMap{{Inner: 0, Outer: 0, Size: 1}})
	if err != nil {
		return nil, err
	}
	n, err := Open(Config{})
	if err != nil {
		users.Close()
		return nil, err
	}
	l := &benchLab{n, users}
	err = n.Set(ctx, Desired{
		Nodes:    []Node{{Name: "node-1", IP: netip.MustParseAddr("172.18.0.11"), PodCIDR: netip.MustParsePrefix("10.244.0.0/16")}},
		ClientIP: netip.MustParseAddr("172.18.0.100"),
	})
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *benchLab) pod(ctx context.Context, i int) (io.Closer, error) {
	name := fmt.Sprint("pod-", i)
	s, err := nsexec.NewSandbox(l.users, name)
	if err != nil {
		return nil, err
	}
	_, err = l.Attach(ctx, Pod{ID: name, Name: "default/" + name, Node: "node-1", NS: s.Net})
	return s, err
}

func (l *benchLab) Close() error {
	l.users.Close()
	return l.Network.Close()
}

type fd int

func (f fd) Close() error { return unix.Close(int(f)) }

// bareNS moves the calling thread into a new namespace.
func bareNS() (fd, *socket, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return -1, nil, err
	}
	ns, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, nil, err
	}
	quiet := Desired{}.quiet()
	// Without this the kernel gives each end an IPv6 address, which costs more than
	// all that Attach adds.
	if err := nsexec.Sysctl(quiet.name, quiet.value); err != nil {
		return fd(ns), nil, err
	}
	s, err := newSocket(unix.NETLINK_ROUTE)
	return fd(ns), s, err
}

// barePod makes a namespace with a veth to the node's, an address and a default route.
func barePod(node *socket, i int) (io.Closer, error) {
	ns, pod, err := bareNS()
	if err != nil {
		return nil, err
	}
	defer pod.close()
	send := func(s *socket, m *message) error {
		refused, err := s.do(m, m.seq)
		if err == nil && len(refused) > 0 {
			err = refused[0].err
		}
		return err
	}
	gw := netip.MustParseAddr("10.244.0.1")
	var m message
	m.addLink(link{name: fmt.Sprint("veth", i), index: podIndexes + i, kind: "veth", mac: vethMAC,
		peerName: "eth0", peerIndex: 2, peerMAC: macOf(gw)}, unix.NLM_F_ACK, int(ns))
	if err := send(node, &m); err != nil {
		return ns, err
	}
	m = message{}
	m.encode(op{action: setUp, link: link{index: loIndex}}, 0, -1)
	m.encode(op{action: setUp, link: link{index: 2}}, 0, -1)
	m.encode(op{action: addAddr, addr: addr{2, netip.PrefixFrom(gw.Next(), 16)}}, 0, -1)
	m.encode(op{action: addRoute, route: route{dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), via: []netip.Addr{gw}, dev: 2}}, unix.NLM_F_ACK, -1)
	return ns, send(pod, &m)
}
