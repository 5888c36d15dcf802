package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { nsexec.TestMain(m) }

var ip = netip.MustParseAddr

func desired(n int, cni CNI, dual bool) Desired {
	d := Desired{CNI: cni, Nodes: nodes(n), ClientIP: ip("172.18.0.100"), ControlPlane: ip("172.18.0.10")}
	if dual {
		d.ClientIP6, d.ControlPlane6 = ip("fd00:172:18::100"), ip("fd00:172:18::10")
		for i := range d.Nodes {
			d.Nodes[i].IP6 = ip(fmt.Sprintf("fd00:172:18::1%d", i+1))
			d.Nodes[i].PodCIDR6 = netip.MustParsePrefix(fmt.Sprintf("fd00:10:244:%d::/64", i+1))
		}
	}
	return d
}

func nodes(n int) (out []Node) {
	for i := 1; i <= n; i++ {
		out = append(out, Node{
			Name: fmt.Sprintf("node-%d", i), IP: ip(fmt.Sprintf("172.18.0.1%d", i)),
			PodCIDR: netip.MustParsePrefix(fmt.Sprintf("10.244.%d.0/24", i)),
		})
	}
	return out
}

type lab struct {
	*Network
	t       *testing.T
	desired Desired
	users   *nsexec.UserNS
}

func newLab(t *testing.T, n int) *lab {
	t.Helper()
	return openLab(t, Config{}, desired(n, Routed, false))
}

func openLab(t *testing.T, cfg Config, d Desired) *lab {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	net, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{Network: net, t: t, desired: d}
	t.Cleanup(func() { l.Close() })
	if err := l.Set(t.Context(), l.desired); err != nil {
		t.Fatal(err)
	}
	maps := []nsexec.IDMap{{Inner: 0, Outer: 0, Size: 1}}
	if nsexec.Current().SubIDs > 65536 {
		maps = []nsexec.IDMap{{Inner: 0, Outer: 1, Size: 65536}}
	}
	if l.users, err = nsexec.NewUserNS(maps); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.users.Close() })
	return l
}

// pod attaches a pod that answers its name on port 80, with whom it sees.
func (l *lab) pod(name, node string) Pod {
	l.t.Helper()
	s, err := nsexec.NewSandbox(l.users, name)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { s.Close() })
	p := Pod{ID: "id-" + name, Name: "default/" + name, Node: node, NS: s.Net}
	at, err := l.Attach(l.t.Context(), p)
	if err != nil {
		l.t.Fatal(err)
	}
	p.IP, p.IP6 = at.IP, at.IP6
	l.desired.Pods = append(l.desired.Pods, p)
	answer(l.t, p.NS, name)
	return p
}

func answer(t *testing.T, ns *nsexec.NetNS, name string) {
	t.Helper()
	ln, err := ns.Listen("tcp", "[::]:80")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(c, "%s sees %s", name, c.RemoteAddr().(*net.TCPAddr).IP)
			c.Close()
		}
	}()
}

func ask(t *testing.T, from *nsexec.NetNS, to string, timeout time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	c, err := from.DialContext(ctx, "tcp", net.JoinHostPort(to, "80"))
	if err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			return errno.Error()
		}
		return err.Error()[strings.LastIndex(err.Error(), ": ")+2:]
	}
	defer c.Close()
	b, _ := io.ReadAll(c)
	return string(b)
}

const (
	soon  = 3 * time.Second
	never = 300 * time.Millisecond // how long to wait for what must not come
)

func TestSet(t *testing.T) {
	l := newLab(t, 3)
	a, b := l.pod("a", "node-1"), l.pod("b", "node-1")
	l.pod("c", "node-2")
	t.Run("Set plans nothing", func(t *testing.T) {
		ops, err := l.set(t.Context(), l.desired)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range ops {
			t.Error(o)
		}
	})
	t.Run("Set mends", func(t *testing.T) {
		out := run(t, l.Node("node-1"), "ip route del default; ip route del 10.244.1.2; nft flush set inet podhop-guard pods; ip neigh flush nud permanent; ip link set eth0 down")
		out += run(t, a.NS, "ip addr flush dev eth0")
		if err := l.Set(t.Context(), l.desired); err != nil {
			t.Fatal(err, out)
		}
		if got := ask(t, a.NS, "10.244.2.2", soon); got != "c sees 10.244.1.2" {
			t.Errorf("got %q", got)
		}
		if ops, err := l.set(t.Context(), l.desired); err != nil || len(ops) != 0 {
			t.Error(ops, err)
		}
	})
	t.Run("Detach", func(t *testing.T) {
		if err := errors.Join(l.Detach(t.Context(), b.ID), l.Detach(t.Context(), b.ID)); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, a.NS, "10.244.1.3", soon); got != "no route to host" {
			t.Errorf("got %q", got)
		}
		d := l.pod("d", "node-1")
		if d.IP == b.IP {
			t.Errorf("address %s was given again at once", b.IP)
		}
		if got := ask(t, a.NS, d.IP.String(), soon); got != "d sees 10.244.1.2" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("Set detaches", func(t *testing.T) {
		l.desired.Pods = l.desired.Pods[:1]
		if err := l.Set(t.Context(), l.desired); err != nil {
			t.Fatal(err)
		}
		if got := run(t, l.Node("node-1"), "ip -br link | grep -c veth; nft list set inet podhop-guard pods | grep -o '10[.0-9]*'"); got != "1\n10.244.1.2\n" {
			t.Errorf("left: %s", got)
		}
	})
}

// The first packet to a pod arrives, even right after Attach: see activate and settle.
func TestFirstPacket(t *testing.T) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			l := w.lab(t, 2)
			for i := range 20 {
				ns := namespace(t)
				u := listen(t, ns)
				id := fmt.Sprint("pod-", i)
				at, err := l.Attach(t.Context(), Pod{ID: id, Name: "default/" + id, Node: "node-1", NS: ns})
				if err != nil {
					t.Fatal(err)
				}
				for _, to := range []netip.Addr{at.IP, at.IP6} {
					if !to.IsValid() {
						continue
					}
					c, err := l.Node(fmt.Sprint("node-", 1+i%2)).DialContext(t.Context(), "udp", netip.AddrPortFrom(to, 9).String())
					if err != nil {
						t.Fatal(err)
					}
					if _, err := c.Write([]byte("first")); err != nil {
						t.Fatal(err)
					}
					c.Close()
					u.SetReadDeadline(time.Now().Add(time.Second))
					if _, _, err := u.ReadFrom(make([]byte, 9)); err != nil {
						t.Fatalf("pod %d: %v", i, err)
					}
				}
			}
		})
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			before := descriptors(t)
			l := w.lab(t, 3)
			var pods []Pod
			for _, name := range []string{"a", "b"} {
				ns, err := nsexec.NewNetNS()
				if err != nil {
					t.Fatal(err)
				}
				p := Pod{ID: "id-" + name, Name: "default/" + name, Node: "node-1", NS: ns}
				if _, err := l.Attach(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				pods = append(pods, p)
			}
			if n := len(namespaces(t)); n != 1+5+2 {
				t.Errorf("%d namespaces, of which 5 are the network's: %v", n, namespaces(t))
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
			if _, err := l.Attach(t.Context(), pods[0]); !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
			for _, p := range pods {
				// Once the node is gone, so is its end of the veth, and with it the pod's: that
				// the kernel took it apart shows that nothing else had kept it.
				until(t, "the pod's link goes", func() bool {
					return !strings.Contains(run(t, p.NS, "ip -br link"), "eth0")
				})
				p.NS.Close()
			}
			l.users.Close()
			if got := namespaces(t); len(got) != 1 {
				t.Errorf("left: %v", got)
			}
			// Fewer, if those of tests before this one were still being closed.
			until(t, "as few descriptors as there were", func() bool { return descriptors(t) <= before })
		})
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func TestAttachErrors(t *testing.T) {
	l := newLab(t, 1)
	a := l.pod("a", "node-1")
	again, err := l.Attach(t.Context(), Pod{ID: a.ID, Name: a.Name, Node: a.Node, NS: a.NS})
	if err != nil || again.IP != a.IP {
		t.Errorf("again: %v %v", again, err)
	}
	ns, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	for _, tc := range []struct {
		pod  Pod
		want error
	}{
		{Pod{ID: "x", Name: "default/x", Node: "node-9", NS: ns}, ErrNoNode},
		{Pod{ID: "x", Name: "default/x", Node: "node-1", NS: ns, IP: a.IP}, ErrAddressInUse},
		{Pod{ID: "x", Name: "default/x", Node: "node-1", NS: a.NS}, unix.EEXIST}, // it has an eth0
	} {
		if _, err := l.Attach(t.Context(), tc.pod); !errors.Is(err, tc.want) {
			t.Errorf("got %v, want %v", err, tc.want)
		}
	}
	if got, err := l.Attach(t.Context(), Pod{ID: "x", Name: "default/x", Node: "node-1", NS: ns}); err != nil || got.IP != ip("10.244.1.4") {
		t.Errorf("after the failures: %v %v", got, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Attach(cancelled, Pod{ID: "y"}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func run(t *testing.T, ns *nsexec.NetNS, script string) string {
	t.Helper()
	var out []byte
	f := func() error {
		out, _ = exec.Command("sh", "-c", script).CombinedOutput()
		return nil
	}
	if ns == nil {
		f()
	} else if err := ns.Do(f); err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// namespaces lists the network namespaces that a descriptor, a thread or a process
// here keeps.
func namespaces(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, pattern := range []string{"/proc/*/fd/*", "/proc/*/task/*/ns/net"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			if to, _ := os.Readlink(p); strings.HasPrefix(to, "net:[4") {
				out[to] = true
			}
		}
	}
	return out
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}
