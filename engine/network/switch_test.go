package network

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/nsexec"
)

// One CNI is turned into another under pods that are there: they keep their
// addresses, and a connection that is open stays open.
func TestSwitch(t *testing.T) {
	for _, dual := range []bool{false, true} {
		t.Run(fmt.Sprint("dual stack ", dual), func(t *testing.T) {
			l := openLab(t, Config{}, desired(2, Routed, dual))
			a, b, c := l.pod("a", "node-1"), l.pod("b", "node-1"), l.pod("c", "node-2")
			near, far := converse(t, a.NS, b.NS, b.IP), converse(t, a.NS, c.NS, c.IP)
			if dual {
				far = converse(t, a.NS, c.NS, c.IP6)
			}
			for _, cni := range []CNI{Bridge, VXLAN, Routed, VXLAN, Bridge, Routed} {
				if err := l.Update(t.Context(), func(d *Desired) { d.CNI = cni }); err != nil {
					t.Fatalf("%s: %v", cni, err)
				}
				l.desired.CNI = cni
				if ops, err := l.set(t.Context(), l.desired); err != nil || len(ops) > 0 {
					t.Fatalf("%s: Set plans %v, %v", cni, ops, err)
				}
				for to, want := range map[netip.Addr]string{b.IP: "b sees 10.244.1.2", c.IP: "c sees 10.244.1.2", b.IP6: "b sees fd00:10:244:1::2", c.IP6: "c sees fd00:10:244:1::2"} {
					if !to.IsValid() {
						continue
					}
					if got := ask(t, a.NS, to.String(), soon); got != want {
						t.Errorf("%s: got %q, want %q", cni, got, want)
					}
				}
				for _, talk := range []func() error{near, far} {
					if err := talk(); err != nil {
						t.Errorf("%s: an open connection: %v", cni, err)
					}
				}
				devices(t, l)
				d := l.pod("new-"+string(cni), "node-2")
				if got := ask(t, a.NS, d.IP.String(), soon); !strings.HasSuffix(got, "sees 10.244.1.2") {
					t.Errorf("%s: a pod that came later: %q", cni, got)
				}
				if err := l.Detach(t.Context(), d.ID); err != nil {
					t.Fatal(err)
				}
				l.desired.Pods = l.desired.Pods[:3]
				d.NS.Close()
			}
		})
	}
}

// converse opens a connection that echoes, and returns what says something by it.
func converse(t *testing.T, from, at *nsexec.NetNS, ip netip.Addr) func() error {
	t.Helper()
	ln, err := at.Listen("tcp", net.JoinHostPort(ip.String(), "7"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		if c, err := ln.Accept(); err == nil {
			io.Copy(c, c)
			c.Close()
		}
	}()
	c, err := from.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return func() error {
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 5))
		return err
	}
}

func TestNodesOfEveryWay(t *testing.T) {
	for _, w := range ways {
		if w.noFilter {
			continue
		}
		t.Run(w.String(), func(t *testing.T) {
			l := w.lab(t, 2)
			a, c := l.pod("a", "node-1"), l.pod("c", "node-2")
			hears := func(from Pod, to Pod, name, want string) {
				t.Helper()
				if got := ask(t, from.NS, to.IP.String(), soon); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
				if w.dual && !strings.Contains(want, "deadline") {
					if got := ask(t, from.NS, to.IP6.String(), soon); !strings.HasPrefix(got, want[:2]) {
						t.Errorf("%s: got %q", name, got)
					}
				}
			}
			update := func(change func(*Desired)) {
				t.Helper()
				if err := l.Update(t.Context(), change); err != nil {
					t.Fatal(err)
				}
				l.desired = l.Desired()
				if ops, err := l.set(t.Context(), l.desired); err != nil || len(ops) > 0 {
					t.Fatalf("Set plans %v, %v", ops, err)
				}
				devices(t, l)
			}
			update(func(d *Desired) { d.Nodes = desired(3, w.cni, w.dual).Nodes })
			e := l.pod("e", "node-3")
			hears(a, e, "a node came", "e sees 10.244.1.2")
			hears(e, c, "and reaches the others", "c sees 10.244.3.2")

			update(func(d *Desired) { d.Nodes[2].Down = true })
			l.Announce(t.Context(), map[netip.Addr][]string{ip("203.0.113.1"): {"node-2", "node-3"}})
			if got := ask(t, a.NS, e.IP.String(), never); got != "context deadline exceeded" {
				t.Errorf("a node that is down: %q", got)
			}
			if got := run(t, l.Client(), "ip route show 203.0.113.1"); !strings.HasPrefix(got, "203.0.113.1 via 172.18.0.12 dev") {
				t.Errorf("what is announced of it: %s", got)
			}
			update(func(d *Desired) { d.Nodes[2].Down = false })
			if got := run(t, l.Client(), "ip route show 203.0.113.1"); strings.Count(got, "nexthop") != 2 {
				t.Errorf("what is announced of it, up again: %s", got)
			}
			hears(a, e, "a node is up again", "e sees 10.244.1.2")

			before := run(t, l.Node("node-1"), "ip route; ip -6 route; ip neigh; ip -6 neigh; bridge fdb")
			update(func(d *Desired) {
				d.Nodes = slices.Delete(d.Nodes, 1, 2)
				d.Pods = slices.DeleteFunc(d.Pods, func(p Pod) bool { return p.Node == "node-2" })
			})
			if l.Node("node-2") != nil {
				t.Error("a node that went is there")
			}
			if _, _, ok := l.Pod(c.ID); ok {
				t.Error("so is its pod")
			}
			after := run(t, l.Node("node-1"), "ip route; ip -6 route; ip neigh; ip -6 neigh; bridge fdb")
			for _, of := range []string{"172.18.0.12", "10.244.2.", "fd00:172:18::12", "fd00:10:244:2:", "0a:58:0a:f4:02"} {
				if !strings.Contains(before, of) && w.dual && w.cni == VXLAN || strings.Contains(after, of) {
					t.Errorf("%s: before\n%s\nafter\n%s", of, before, after)
				}
			}
			hears(a, e, "a node went", "e sees 10.244.1.2")
			update(func(d *Desired) { d.Nodes = desired(3, w.cni, w.dual).Nodes })
			c = l.pod("c2", "node-2")
			hears(a, c, "a node came again", "c2 sees 10.244.1.2")
		})
	}
}

// devices checks that what Devices says is so.
func devices(t *testing.T, l *lab) {
	t.Helper()
	spaces := map[string]*nsexec.NetNS{VertexClient: l.Client(), VertexUnderlay: l.Underlay()}
	d := l.Desired()
	for _, n := range d.Nodes {
		spaces[NodeVertex(n.Name)] = l.Node(n.Name)
	}
	for _, p := range d.Pods {
		spaces[PodVertex(p.Name)] = p.NS
	}
	said, seen := map[string]bool{}, map[string]bool{}
	for _, d := range l.Devices() {
		said[fmt.Sprint(d.Vertex, " ", d.Index, " ", d.Name)] = true
		if one, ok := l.Device(d.Vertex, d.Index); !ok || one != d {
			t.Errorf("Device says %+v, Devices %+v", one, d)
		}
		if d.Peer != "" {
			if p, ok := l.Device(d.Peer, d.PeerIndex); !ok || p.Name != d.PeerName || p.Peer != d.Vertex || p.PeerIndex != d.Index {
				t.Errorf("%+v has at its other end %+v", d, p)
			}
		}
	}
	for v, ns := range spaces {
		for _, line := range strings.Split(strings.TrimSpace(run(t, ns, "ip -o link | grep -v ' lo:'")), "\n") {
			words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ':' || r == '@' })
			if len(words) > 1 {
				seen[v+" "+words[0]+" "+words[1]] = true
			}
		}
	}
	for s := range said {
		if !seen[s] {
			t.Errorf("Devices says %s, which is not there", s)
		}
	}
	for s := range seen {
		if !said[s] {
			t.Errorf("%s is there, and Devices does not say so", s)
		}
	}
	if d, ok := l.Device("node/node-1", 77); ok {
		t.Errorf("no device: %+v", d)
	}
}

// Pods come and go while the CNI changes: each is joined in the way of the moment,
// and in the end nothing is left to do.
func TestSwitchUnderLoad(t *testing.T) {
	l := openLab(t, Config{}, desired(2, Routed, true))
	stays := l.pod("stays", "node-1")
	stop, churned := make(chan struct{}), make(chan error, 2)
	for i := range cap(churned) {
		go func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					churned <- nil
					return
				default:
				}
				ns, err := nsexec.NewNetNS()
				if err != nil {
					churned <- err
					return
				}
				id := fmt.Sprint(i, "-", n)
				_, err = l.Attach(t.Context(), Pod{ID: id, Name: "default/same-name", Node: fmt.Sprint("node-", 1+i), NS: ns})
				if err == nil {
					l.Wiring(id)
					l.CNI(id)
					l.Devices()
					err = l.Detach(t.Context(), id)
				}
				ns.Close()
				if err != nil {
					churned <- fmt.Errorf("%s: %w", id, err)
					return
				}
			}
		}()
	}
	for range 3 {
		for _, cni := range CNIs() {
			if err := l.Update(t.Context(), func(d *Desired) { d.CNI = cni }); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	for range cap(churned) {
		if err := <-churned; err != nil {
			t.Error(err)
		}
	}
	l.desired.CNI = VXLAN
	// The links of those that went are taken apart in the kernel's own time.
	until(t, "nothing is left", func() bool {
		ops, err := l.set(t.Context(), l.desired)
		return err == nil && len(ops) == 0
	})
	b := l.pod("b", "node-2")
	if got := ask(t, stays.NS, b.IP.String(), soon); got != "b sees 10.244.1.2" {
		t.Errorf("got %q", got)
	}
}
