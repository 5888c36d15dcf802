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
	Bare   float64 `json:"barePerSecond"`   // the same kernel objects, in two batches
	Ratio  float64 `json:"ratio"`
}

// benchRound is how many pods each side gets in turn, so that both see the same
// machine; it is what a node has room for.
const benchRound = 50

// Bench joins n pods (rounded up to whole rounds) in each way and takes them down
// again. It must run inside nsexec's namespaces.
func Bench(ctx context.Context, n int) (BenchResult, error) {
	var r BenchResult
	var ours, bare time.Duration
	var held []io.Closer // until the end: taking down would steal from the next round
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	maps := []nsexec.IDMap{{Inner: 0, Outer: 0, Size: 1}}
	user, err := nsexec.NewUserNS(maps)
	if err != nil {
		return r, err
	}
	held = append(held, user)
	for r.Pods < n {
		took, closers, err := benchAttach(ctx, user)
		held = append(held, closers...)
		if err != nil {
			return r, err
		}
		ours += took
		took, closers, err = benchBare()
		held = append(held, closers...)
		if err != nil {
			return r, err
		}
		bare += took
		r.Pods += benchRound
	}
	r.Attach, r.Bare = float64(r.Pods)/ours.Seconds(), float64(r.Pods)/bare.Seconds()
	r.Ratio = r.Attach / r.Bare
	return r, nil
}

func benchAttach(ctx context.Context, user *nsexec.UserNS) (took time.Duration, held []io.Closer, err error) {
	n, err := Open(Config{})
	if err != nil {
		return 0, nil, err
	}
	held = append(held, n)
	node := Node{Name: "node-1", IP: netip.MustParseAddr("172.18.0.11"), PodCIDR: netip.MustParsePrefix("10.244.1.0/24")}
	if err := n.Set(ctx, Desired{Nodes: []Node{node}, ClientIP: netip.MustParseAddr("172.18.0.100")}); err != nil {
		return 0, held, err
	}
	start := time.Now()
	for i := range benchRound {
		name := fmt.Sprint("pod-", i)
		s, err := nsexec.NewSandbox(user, name)
		if err != nil {
			return 0, held, err
		}
		held = append(held, s)
		if _, err := n.Attach(ctx, Pod{ID: name, Name: "default/" + name, Node: node.Name, NS: s.Net}); err != nil {
			return 0, held, err
		}
	}
	return time.Since(start), held, nil
}

type fd int

func (f fd) Close() error { return unix.Close(int(f)) }

// benchBare makes namespaces with a veth, an address and a default route each, on a
// thread that does nothing else and ends with its goroutine.
func benchBare() (took time.Duration, held []io.Closer, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		took, held, err = bareLoop()
	}()
	<-done
	return took, held, err
}

func bareNS() (fd, *socket, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return -1, nil, err
	}
	ns, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, nil, err
	}
	// Without this the kernel gives each end an IPv6 address, and the loop is slower than we are.
	if err := nsexec.Sysctl(quiet.name, quiet.value); err != nil {
		return fd(ns), nil, err
	}
	s, err := newSocket(unix.NETLINK_ROUTE)
	return fd(ns), s, err
}

func bareLoop() (time.Duration, []io.Closer, error) {
	ns, node, err := bareNS()
	if err != nil {
		return 0, nil, err
	}
	defer node.close()
	held := []io.Closer{ns}
	send := func(s *socket, m *message) error {
		refused, err := s.do(m, m.seq)
		if err == nil && len(refused) > 0 {
			err = refused[0].err
		}
		return err
	}
	gw := netip.MustParseAddr("10.244.1.1")
	start := time.Now()
	for i := range benchRound {
		ns, pod, err := bareNS()
		if err != nil {
			return 0, held, err
		}
		held = append(held, ns)
		var m message
		m.addLink(link{name: fmt.Sprint("veth", i), index: 100 + i, kind: "veth", mac: vethMAC, peerName: "eth0", peerIndex: 2, peerMAC: macOf(gw)}, unix.NLM_F_ACK, int(ns))
		if err := send(node, &m); err != nil {
			return 0, held, err
		}
		m = message{}
		for _, o := range []op{
			{action: setUp, link: link{index: loIndex}},
			{action: setUp, link: link{index: 2}},
			{action: addAddr, addr: addr{2, netip.PrefixFrom(gw.Next(), 24)}},
			{action: addRoute, route: route{dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), gw: gw, dev: 2}},
		} {
			flags := uint16(0)
			if o.action == addRoute {
				flags = unix.NLM_F_ACK
			}
			m.encode(o, flags, -1)
		}
		err = send(pod, &m)
		pod.close()
		if err != nil {
			return 0, held, err
		}
	}
	return time.Since(start), held, nil
}
