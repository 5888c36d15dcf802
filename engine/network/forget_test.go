package network

import (
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// With a pod's address its connections go, on all nodes, and nobody else's.
func TestDetachForgets(t *testing.T) {
	l := newLab(t, 2)
	a, b, c := l.pod("a", "node-1"), l.pod("b", "node-2"), l.pod("c", "node-2")
	for _, from := range []Pod{a, b} {
		conn, err := from.NS.ListenPacket("udp4", from.IP.String()+":4000")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.WriteTo([]byte("?"), &net.UDPAddr{IP: c.IP.AsSlice(), Port: 4000}); err != nil {
			t.Fatal(err)
		}
	}
	known := func(node string, p Pod) (n int) {
		t.Helper()
		if err := l.Node(node).Do(func() error {
			flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
			for _, f := range flows {
				if (flowsOf{p.IP: true}).MatchConntrackFlow(f) {
					n++
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for deadline := time.Now().Add(10 * time.Second); known("node-1", a) != 1 || known("node-2", a) != 1 || known("node-2", b) != 1; {
		if time.Now().After(deadline) {
			t.Fatal("the datagrams are not tracked")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := l.Detach(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if known("node-1", a) != 0 || known("node-2", a) != 0 || known("node-2", b) != 1 {
		t.Errorf("of a are known %d and %d, of b %d", known("node-1", a), known("node-2", a), known("node-2", b))
	}
}
