package network

import (
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/nsexec"
)

// Rules of kube-proxy's kind and of policies' hold for what stays on one node too,
// whatever joins its pods.
func TestNodeRulesSeeEverything(t *testing.T) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			l := w.lab(t, 2)
			a, b, c := l.pod("a", "node-1"), l.pod("b", "node-1"), l.pod("c", "node-2")
			node := l.Node("node-1")
			families := []family{v4}
			if w.dual {
				families = append(families, v6)
			}
			for _, f := range families {
				ip := pick(f, "ip", "ip6")
				service, self := pick(f, "10.96.0.7", "fd00:10:96::7"), pick(f, "10.96.0.8", "fd00:10:96::8")
				run(t, node, "nft 'table "+ip+" services { chain pre { type nat hook prerouting priority dstnat; "+
					ip+" daddr "+service+" dnat to "+b.ip(f).String()+"; "+ip+" daddr "+self+" dnat to "+a.ip(f).String()+"; }; "+
					"chain post { type nat hook postrouting priority srcnat; ct status dnat "+ip+" saddr "+a.ip(f).String()+" "+ip+" daddr "+a.ip(f).String()+" masquerade; }; }'")
				if got := ask(t, a.NS, service, soon); got != "b sees "+a.ip(f).String() {
					t.Errorf("a Service's address, to a pod beside: %q", got)
				}
				if got := ask(t, a.NS, self, soon); !strings.HasPrefix(got, "a sees ") || strings.HasSuffix(got, " "+a.ip(f).String()) {
					t.Errorf("a Service's address, back to the pod itself: %q", got)
				}
				run(t, node, "nft 'table "+ip+" netpol { chain forward { type filter hook forward priority filter; ct state established accept; "+
					ip+" saddr "+b.ip(f).String()+" "+ip+" daddr "+a.ip(f).String()+" drop; "+ip+" saddr "+c.ip(f).String()+" "+ip+" daddr "+a.ip(f).String()+" reject; }; }'")
				if got := ask(t, b.NS, a.ip(f).String(), never); got != "context deadline exceeded" {
					t.Errorf("dropped by a policy, from a pod beside: %q", got)
				}
				if got := ask(t, c.NS, a.ip(f).String(), soon); got != "connection refused" {
					t.Errorf("rejected by a policy, from another node: %q", got)
				}
				if got := ask(t, node, a.ip(f).String(), soon); !strings.HasPrefix(got, "a sees") {
					t.Errorf("a pod's own node: %q", got)
				}
				if got := ask(t, a.NS, b.ip(f).String(), soon); got != "b sees "+a.ip(f).String() {
					t.Errorf("the other way: %q", got)
				}
			}
		})
	}
}

// What fits a pod's MTU passes whole, what does not is told so, and a stream of much
// data arrives.
func TestMTU(t *testing.T) {
	for _, w := range ways {
		want := map[way]int{{cni: VXLAN}: 1450, {cni: VXLAN, dual: true}: 1430, {cni: VXLAN, dual: true, noFilter: true}: 1430}[w]
		if want == 0 {
			want = 1500
		}
		t.Run(w.String(), func(t *testing.T) {
			l := w.lab(t, 2)
			a, c := l.pod("a", "node-1"), l.pod("c", "node-2")
			to := []netip.Addr{c.IP}
			if w.dual {
				to = append(to, c.IP6)
			}
			for _, ip := range to {
				header := 28
				if ip.Is6() {
					header = 48
				}
				u := listen(t, c.NS)
				size := func(n int) error {
					conn, err := a.NS.DialContext(t.Context(), "udp", net.JoinHostPort(ip.String(), "9"))
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					dontFragment(t, conn.(*net.UDPConn), ip)
					_, err = conn.Write(make([]byte, n))
					return err
				}
				if err := size(want - header); err != nil {
					t.Fatalf("%s: %d bytes: %v", ip, want, err)
				}
				u.SetReadDeadline(time.Now().Add(soon))
				if n, _, err := u.ReadFrom(make([]byte, 2000)); err != nil || n != want-header {
					t.Errorf("%s: %d bytes of %d, %v", ip, n, want-header, err)
				}
				if err := size(want - header + 1); err == nil || !strings.Contains(err.Error(), "message too long") {
					t.Errorf("%s: %d bytes: %v", ip, want+1, err)
				}
				u.Close()
				ln, err := c.NS.Listen("tcp", net.JoinHostPort(ip.String(), "99"))
				if err != nil {
					t.Fatal(err)
				}
				defer ln.Close()
				conn, err := a.NS.DialContext(t.Context(), "tcp", ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				const much = 4 << 20
				go func() {
					io.CopyN(conn, zeros{}, much)
					conn.Close()
				}()
				in, err := ln.Accept()
				if err != nil {
					t.Fatal(err)
				}
				in.SetDeadline(time.Now().Add(10 * time.Second))
				if n, err := io.Copy(io.Discard, in); err != nil || n != much {
					t.Errorf("%s: %d bytes of a stream, %v", ip, n, err)
				}
				in.Close()
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// The commands that are printed do what they say they did: Set finds nothing to do
// for a node and a pod that were wired by hand.
func TestWiringIsTrue(t *testing.T) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			l, by := w.lab(t, 2), w.lab(t, 2)
			b := l.pod("b", "node-1")
			a := l.pod("a", "node-1")
			pod, node := l.Wiring(a.ID), by.NodeWiring("node-1")

			// A node that was never joined to anything.
			run(t, by.Underlay(), "ip link delete node-1")
			run(t, by.Node("node-1"), "ip link delete cni0; ip link delete flannel.1; ip link delete flannel-v6.1; ip addr flush dev lo scope global;"+
				"ip route flush proto boot; ip -6 route flush proto boot; nft delete table bridge podhop-guard")
			other := Pod{ID: b.ID, Name: b.Name, Node: b.Node, NS: namespace(t)}
			mine := Pod{ID: a.ID, Name: a.Name, Node: a.Node, NS: namespace(t)}
			script := "set -e\nmkdir -p /run/netns\n"
			for name, ns := range map[string]*nsexec.NetNS{"a": mine.NS, "b": other.NS, "node-1": by.Node("node-1"), "node-2": by.Node("node-2"), "underlay": by.Underlay(), "client": by.Client()} {
				script += "touch /run/netns/" + name + "; mount --bind " + ns.Path() + " /run/netns/" + name + "\n"
			}
			defer exec.Command("sh", "-c", "umount /run/netns/*; rm -r /run/netns").Run()
			bash(t, script+"set -x\n"+strings.Join(node, "\n"))
			if ops, err := by.set(t.Context(), by.desired); err != nil || len(ops) > 0 {
				t.Errorf("%v\n%v\nafter\n%s", err, ops, strings.Join(node, "\n"))
			}
			// The pod beside it comes first, as it did there.
			if _, err := by.Attach(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			bash(t, "set -ex\n"+strings.Join(pod, "\n"))
			by.introduce(l.pods[a.ID].placed, addNeigh)
			by.desired.Pods = []Pod{other, mine}
			ops, err := by.set(t.Context(), by.desired)
			if err != nil || len(ops) > 0 {
				t.Errorf("%v\n%v\nafter\n%s", err, ops, strings.Join(pod, "\n"))
			}
			answer(t, mine.NS, "a")
			if got := ask(t, other.NS, a.IP.String(), soon); got != "a sees "+b.IP.String() {
				t.Errorf("got %q", got)
			}
		})
	}
}

func namespace(t *testing.T) *nsexec.NetNS {
	t.Helper()
	ns, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func bash(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
