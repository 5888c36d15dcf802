package network

import (
	"errors"
	"strings"
	"testing"

	"github.com/podhop/podhop/internal/nsexec"
)

// Where /proc/sys cannot be written, every device of a node is told to forward by
// netlink, whatever the namespace's default is.
func TestNoSysctl(t *testing.T) {
	n, err := Open(Config{NoSysctl: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	d := Desired{Nodes: nodes(1), ClientIP: ip("172.18.0.100")}
	if err := n.Set(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	node := n.Node("node-1")
	if got := run(t, node, "cat /proc/sys/net/ipv4/conf/eth0/forwarding"); got != "1\n" {
		t.Errorf("eth0: %s", got)
	}
	if err := node.Do(func() error { return nsexec.Sysctl("net/ipv4/conf/default/forwarding", "0") }); err != nil {
		t.Fatal(err)
	}
	ns, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	p := Pod{ID: "a", Name: "default/a", Node: "node-1", NS: ns}
	at, err := n.Attach(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, node, "cat /proc/sys/net/ipv4/conf/"+at.HostDevice+"/forwarding"); got != "1\n" {
		t.Errorf("%s: %s", at.HostDevice, got)
	}
	answer(t, n.Client(), "client")
	if got := ask(t, ns, "172.18.0.100", soon); got != "client sees 172.18.0.11" {
		t.Errorf("got %q", got)
	}
	d.Pods = []Pod{p}
	if ops, err := n.set(t.Context(), d); err != nil || len(ops) > 0 {
		t.Error(ops, err)
	}
	if got := strings.Join(n.Wiring("a"), "\n"); !strings.Contains(got, "sysctl -w net.ipv4.conf."+at.HostDevice+".forwarding=1") {
		t.Errorf("wiring:\n%s", got)
	}
}

// Bridges are told by netlink to show what they switch, and tunnels to forward.
func TestNoSysctlBridge(t *testing.T) {
	for _, cni := range []CNI{Bridge, VXLAN} {
		l := openLab(t, Config{NoSysctl: true}, desired(2, cni, false))
		a, b, c := l.pod("a", "node-1"), l.pod("b", "node-1"), l.pod("c", "node-2")
		node := l.Node("node-1")
		if err := node.Do(func() error { return nsexec.Sysctl("net/bridge/bridge-nf-call-iptables", "0") }); err != nil {
			t.Fatal(err)
		}
		for to, want := range map[string]string{b.IP.String(): "b sees 10.244.1.2", c.IP.String(): "c sees 10.244.1.2", "172.18.0.100": "connection refused"} {
			if got := ask(t, a.NS, to, soon); got != want {
				t.Errorf("%s: got %q, want %q", cni, got, want)
			}
		}
		run(t, node, "nft 'table ip netpol { chain forward { type filter hook forward priority filter; ip saddr "+a.IP.String()+" ip daddr "+b.IP.String()+" reject; }; }'")
		if got := ask(t, a.NS, b.IP.String(), soon); got != "connection refused" {
			t.Errorf("%s: rejected by a policy: %q", cni, got)
		}
		if ops, err := l.set(t.Context(), l.desired); err != nil || len(ops) > 0 {
			t.Error(ops, err)
		}
	}
	n, err := Open(Config{NoSysctl: true})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := n.Set(t.Context(), desired(1, Routed, true)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "dual stack needs a /proc/sys that can be written") {
		t.Errorf("dual stack: %v", err)
	}
}
