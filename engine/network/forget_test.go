package network

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// With a pod's address its connections go, on all nodes, and nobody else's: what
// it opened, and what was opened to it by a Service's address too. An IPv6 address goes.
func TestDetachForgets(t *testing.T) {
	for _, tt := range []struct {
		name   string
		family family
		listed bool // as on a kernel that does not pick by itself what to forget
	}{{"IPv4", v4, false}, {"IPv6", v6, false}, {"listed", v4, true}} {
		f := tt.family
		t.Run(tt.name, func(t *testing.T) {
			l := openLab(t, Config{}, desired(2, Routed, true))
			a, b, c := l.pod("a", "node-1"), l.pod("b", "node-2"), l.pod("c", "node-2")
			ip, service := pick(f, "ip", "ip6"), pick(f, "10.96.0.7", "fd00:10:96::7")
			run(t, l.Node("node-2"), "nft 'table "+ip+" services { chain pre { type nat hook prerouting priority dstnat; "+ip+" daddr "+service+" dnat to "+a.ip(f).String()+"; }; }'")
			send := func(from Pod, to netip.Addr) {
				t.Helper()
				conn, err := from.NS.ListenPacket("udp", netip.AddrPortFrom(from.ip(f), 4000).String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := conn.WriteTo([]byte("?"), net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 4000))); err != nil {
					t.Fatal(err)
				}
			}
			send(a, c.ip(f))
			send(b, c.ip(f))
			send(c, netip.MustParseAddr(service)) // to a
			known := func(node string, p Pod) (n int) {
				t.Helper()
				if err := l.Node(node).Do(func() error {
					flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, pick[netlink.InetFamily](f, unix.AF_INET, unix.AF_INET6))
					for _, flow := range flows {
						if (flowsOf{p.ip(f): true}).MatchConntrackFlow(flow) {
							n++
						}
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
				return n
			}
			until(t, "the datagrams are tracked", func() bool {
				return known("node-1", a) == 2 && known("node-2", a) == 2 && known("node-2", b) == 1 && known("node-2", c) == 3
			})
			if tt.listed {
				for _, node := range []string{"node-1", "node-2"} {
					if err := l.spaces[NodeVertex(node)].forgetListed(a.IP); err != nil {
						t.Fatal(err)
					}
				}
			} else if err := l.Detach(t.Context(), a.ID); err != nil {
				t.Fatal(err)
			}
			if f == v6 {
				if d := l.pod("d", "node-1"); d.IP6 == a.IP6 || d.IP == a.IP {
					t.Errorf("a had %s and %s, and now d has %s and %s", a.IP, a.IP6, d.IP, d.IP6)
				}
				return
			}
			if known("node-1", a) != 0 || known("node-2", a) != 0 || known("node-2", b) != 1 {
				t.Errorf("of a are known %d and %d, of b %d", known("node-1", a), known("node-2", a), known("node-2", b))
			}
		})
	}
}

// flowsOf are the connections that have one of some addresses in either direction.
type flowsOf map[netip.Addr]bool

func (f flowsOf) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	for _, t := range []netlink.IPTuple{flow.Forward, flow.Reverse} {
		for _, ip := range [][]byte{t.SrcIP, t.DstIP} {
			if a, ok := netip.AddrFromSlice(ip); ok && f[a.Unmap()] {
				return true
			}
		}
	}
	return false
}
