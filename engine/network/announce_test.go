package network

import (
	"net/netip"
	"strings"
	"testing"
)

func TestControlPlane(t *testing.T) {
	l := newLab(t, 2)
	a := l.pod("a", "node-1")
	l.desired.ControlPlane = ip("172.18.0.10")
	if err := l.Set(t.Context(), l.desired); err != nil {
		t.Fatal(err)
	}
	answer(t, l.Underlay(), "control plane")
	for from, want := range map[string]string{"node": "172.18.0.12", "client": "172.18.0.100", "pod": "172.18.0.11"} {
		ns := l.Node("node-2")
		if from == "client" {
			ns = l.Client()
		} else if from == "pod" {
			ns = a.NS
		}
		if got := ask(t, ns, "172.18.0.10", soon); got != "control plane sees "+want {
			t.Errorf("%s: got %q", from, got)
		}
	}
	if ops, err := l.set(t.Context(), l.desired); err != nil || len(ops) > 0 {
		t.Error(ops, err)
	}
}

// What the client is told of, it sends to a node, whose kube-proxy (here a rule)
// sends it on to a pod, on another node too.
func TestAnnounce(t *testing.T) {
	l := newLab(t, 3)
	a := l.pod("a", "node-1")
	balanced := "203.0.113.1"
	announce := func(nodes ...string) {
		t.Helper()
		if err := l.Announce(t.Context(), map[netip.Addr][]string{ip(balanced): nodes}); err != nil {
			t.Fatal(err)
		}
	}
	routes := func() string {
		return strings.Join(strings.Fields(run(t, l.Client(), "ip route show proto boot; ip -6 route show proto boot")), " ")
	}
	if got := ask(t, l.Client(), balanced, soon); got != "network is unreachable" {
		t.Errorf("before: %q", got)
	}
	for _, n := range l.desired.Nodes {
		run(t, l.Node(n.Name), "nft 'table ip proxy { chain pre { type nat hook prerouting priority dstnat; ip daddr "+balanced+" dnat to "+a.IP.String()+
			"; }; chain post { type nat hook postrouting priority srcnat; ct status dnat masquerade; }; }'")
	}
	announce("node-1")
	if got := ask(t, l.Client(), balanced, soon); got != "a sees 172.18.0.11" && got != "a sees 10.244.1.1" {
		t.Errorf("by its own node: %q", got)
	}
	announce("node-2", "node-9")
	if got := ask(t, l.Client(), balanced, soon); got != "a sees 172.18.0.12" {
		t.Errorf("by another node: %q", got)
	}
	announce("node-3", "node-2")
	seen := map[string]bool{}
	for range 40 {
		seen[ask(t, l.Client(), balanced, soon)] = true
	}
	if !seen["a sees 172.18.0.12"] || !seen["a sees 172.18.0.13"] || len(seen) != 2 {
		t.Errorf("by two nodes: %v", seen)
	}
	want := "203.0.113.1 nexthop via 172.18.0.12 dev eth0 weight 1 nexthop via 172.18.0.13 dev eth0 weight 1"
	if got := routes(); got != want {
		t.Errorf("got %s", got)
	}
	if ops, err := l.set(t.Context(), l.desired); err != nil || len(ops) > 0 {
		t.Error(ops, err)
	}
	run(t, l.Client(), "ip route del 203.0.113.1; ip route add 203.0.113.9 via 172.18.0.11")
	if err := l.Set(t.Context(), l.desired); err != nil {
		t.Fatal(err)
	}
	if got := routes(); got != want {
		t.Errorf("Set left %s", got)
	}
	if err := l.Announce(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := routes(); got != "" {
		t.Errorf("left %s", got)
	}
}
