package network

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/nsexec"
)

// A way is a CNI, of IPv4 alone or dual stack, on a kernel with bridge filtering or
// without.
type way struct {
	cni      CNI
	dual     bool
	noFilter bool
}

func (w way) String() string {
	s := string(w.cni)
	if w.dual {
		s += " dual stack"
	}
	if w.noFilter {
		s += " without br_netfilter"
	}
	return s
}

var ways = []way{
	{cni: Routed}, {cni: Routed, dual: true}, {cni: Bridge}, {cni: Bridge, dual: true}, {cni: VXLAN}, {cni: VXLAN, dual: true},
	{cni: Bridge, noFilter: true}, {cni: Bridge, dual: true, noFilter: true}, {cni: VXLAN, dual: true, noFilter: true},
}

func (w way) lab(t *testing.T, n int) *lab {
	t.Helper()
	return openLab(t, Config{NoBridgeFilter: w.noFilter}, desired(n, w.cni, w.dual))
}

// The same questions to every way of joining pods. Answers name who was asked, and
// whom it saw.
func TestReach(t *testing.T) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			l := w.lab(t, 3)
			reach(l, w)
			if ops, err := l.set(t.Context(), l.desired); err != nil || len(ops) > 0 {
				t.Errorf("Set plans %v, %v", ops, err)
			}
		})
	}
}

type asked struct {
	what       string
	from       *nsexec.NetNS
	to, to6    string
	timeout    time.Duration
	want, see6 string // whom the answer names of IPv6; "" for an answer that names nobody
}

func reach(l *lab, w way) {
	t := l.t
	a, b, c := l.pod("a", "node-1"), l.pod("b", "node-1"), l.pod("c", "node-2")
	if a.IP != ip("10.244.1.2") || b.IP != ip("10.244.1.3") || c.IP != ip("10.244.2.2") {
		t.Fatalf("addresses %s %s %s", a.IP, b.IP, c.IP)
	}
	if w.dual && (a.IP6 != ip("fd00:10:244:1::2") || c.IP6 != ip("fd00:10:244:2::2")) {
		t.Fatalf("addresses %s %s", a.IP6, c.IP6)
	}
	answer(t, l.Node("node-1"), "node-1")
	answer(t, l.Node("node-2"), "node-2")
	answer(t, l.Client(), "client")
	answer(t, l.Underlay(), "control plane")
	abroad := "172.18.0.11" // whom another node's pod sees a node as
	if w.cni == VXLAN {
		abroad = "10.244.1.0"
	}
	for _, tc := range []asked{
		{"pod to pod on its node", a.NS, "10.244.1.3", "fd00:10:244:1::3", soon, "b sees 10.244.1.2", "fd00:10:244:1::2"},
		{"pod to pod on another node", a.NS, "10.244.2.2", "fd00:10:244:2::2", soon, "c sees 10.244.1.2", "fd00:10:244:1::2"},
		{"and back", c.NS, "10.244.1.2", "fd00:10:244:1::2", soon, "a sees 10.244.2.2", "fd00:10:244:2::2"},
		{"pod to its node", a.NS, "172.18.0.11", "fd00:172:18::11", soon, "node-1 sees 10.244.1.2", "fd00:10:244:1::2"},
		{"pod to its gateway", a.NS, "10.244.1.1", "fd00:10:244:1::1", soon, "node-1 sees 10.244.1.2", "fd00:10:244:1::2"},
		{"pod to another node", a.NS, "172.18.0.12", "fd00:172:18::12", soon, "node-2 sees 172.18.0.11", "fd00:172:18::11"},
		{"pod to outside", a.NS, "172.18.0.100", "fd00:172:18::100", soon, "client sees 172.18.0.11", "fd00:172:18::11"},
		{"pod to control plane", a.NS, "172.18.0.10", "fd00:172:18::10", soon, "control plane sees 172.18.0.11", "fd00:172:18::11"},
		{"node to its pod", l.Node("node-1"), "10.244.1.2", "fd00:10:244:1::2", soon, "a sees 10.244.1.1", "fd00:10:244:1::1"},
		{"node to another's pod", l.Node("node-1"), "10.244.2.2", "fd00:10:244:2::2", soon, "c sees " + abroad,
			map[bool]string{false: "fd00:172:18::11", true: "fd00:10:244:1::"}[w.cni == VXLAN]},
		{"node to node", l.Node("node-1"), "172.18.0.12", "fd00:172:18::12", soon, "node-2 sees 172.18.0.11", "fd00:172:18::11"},
		{"client to node", l.Client(), "172.18.0.12", "fd00:172:18::12", soon, "node-2 sees 172.18.0.100", "fd00:172:18::100"},
		{"client to control plane", l.Client(), "172.18.0.10", "fd00:172:18::10", soon, "control plane sees 172.18.0.100", "fd00:172:18::100"},
		{"client to pod", l.Client(), "10.244.1.2", "fd00:10:244:1::2", soon, "network is unreachable", ""},
		{"pod to anywhere", a.NS, "8.8.8.8", "2001:db8::8", never, "context deadline exceeded", "network is unreachable"},
		{"pod to itself", a.NS, "10.244.1.2", "fd00:10:244:1::2", soon, "a sees 10.244.1.2", "fd00:10:244:1::2"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			if got := ask(t, tc.from, tc.to, tc.timeout); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if !w.dual {
				return
			}
			want := tc.want
			if tc.timeout == never {
				want = tc.see6 // unlike IPv4, it says so
			} else if tc.see6 != "" {
				want = want[:strings.LastIndex(want, " ")+1] + tc.see6
			}
			if got := ask(t, tc.from, tc.to6, tc.timeout); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if w.cni == Routed {
		if got := ask(t, a.NS, "10.244.2.77", soon); got != "no route to host" {
			t.Errorf("an address of no pod: %q", got)
		}
	}
	if got := fmt.Sprint(run(t, a.NS, "ip -6 addr show dev eth0 scope link"), run(t, l.Node("node-1"), "ip -6 addr show scope link")); got != "" {
		t.Errorf("addresses that nobody gave: %s", got)
	}
}
