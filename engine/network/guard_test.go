package network

import (
	"encoding/binary"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/internal/nsexec"
)

// A pod's raw frames are let through if they are from its own address, and on a
// bridge from its own MAC, and not otherwise.
func TestSpoof(t *testing.T) {
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			l := w.lab(t, 2)
			a, b, c := l.pod("a", "node-1"), l.pod("b", "node-1"), l.pod("c", "node-2")
			_, at, _ := l.Pod(a.ID)
			gateway := vethMAC
			if w.cni != Routed {
				gateway = macOf(at.Gateway)
			}
			heard := []net.PacketConn{listen(t, b.NS), listen(t, c.NS)}
			for i, to := range []Pod{b, c} {
				var liars []netip.Addr
				for _, s := range []string{"10.244.1.9", b.IP.String(), c.IP.String(), "172.18.0.12", "10.244.1.1", "8.8.8.7", "0.0.0.0"} {
					liars = append(liars, ip(s))
				}
				for _, liar := range liars {
					sendFrame(t, a.NS, frame(at.MAC, gateway, liar, to.IP))
				}
				if w.dual {
					for _, s := range []string{"fd00:10:244:1::9", b.IP6.String(), "fd00:172:18::12", "2001:db8::1", "fe80::1", "::"} {
						sendFrame(t, a.NS, frame(at.MAC, gateway, ip(s), to.IP6))
					}
				}
				if w.cni != Routed {
					sendFrame(t, a.NS, frame(macOf(b.IP), gateway, a.IP, to.IP))
					sendFrame(t, a.NS, frame("02:00:00:00:00:01", gateway, a.IP, to.IP))
				}
				// The honest ones come last, and first.
				honest := []netip.Addr{a.IP}
				if w.dual {
					honest = append(honest, a.IP6)
				}
				for _, ip := range honest {
					sendFrame(t, a.NS, frame(at.MAC, gateway, ip, pick(familyOf(ip), to.IP, to.IP6)))
					heard[i].SetReadDeadline(time.Now().Add(soon))
					_, from, err := heard[i].ReadFrom(make([]byte, 64))
					if err != nil || netip.MustParseAddrPort(from.String()).Addr().Unmap() != ip {
						t.Errorf("%s got a packet from %v, %v; want one from %s", to.Name, from, err, ip)
					}
				}
			}
			table := "inet"
			if w.cni != Routed {
				table = "bridge"
			}
			rules := run(t, l.Node("node-1"), "nft list chain "+table+" podhop-guard prerouting")
			counts := regexp.MustCompile(`counter packets (\d+)`).FindAllStringSubmatch(rules, -1)
			if len(counts) < 2 || counts[0][1] != map[bool]string{true: "14", false: "18"}[w.cni == Routed] {
				t.Errorf("rules:\n%s", rules)
			}
		})
	}
}

// Nobody takes another's place on a bridge by ARP, or by anything that is not IP.
func TestSpoofARP(t *testing.T) {
	l := way{cni: Bridge}.lab(t, 1)
	a, b := l.pod("a", "node-1"), l.pod("b", "node-1")
	arp := func(mac string, sender netip.Addr) []byte {
		hw, _ := net.ParseMAC(mac)
		p := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, hw...)
		p = append(p, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
		p = append(append(append(p, hw...), sender.AsSlice()...), 0, 0, 0, 0, 0, 0)
		return append(p, ip("10.244.1.1").AsSlice()...)
	}
	sendFrame(t, a.NS, arp(macOf(a.IP), b.IP))
	sendFrame(t, a.NS, arp(macOf(b.IP), b.IP))
	sendFrame(t, a.NS, arp(macOf(a.IP), a.IP)) // honest
	tagged := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xcc}, make([]byte, 46)...)
	sendFrame(t, a.NS, tagged)
	rules := run(t, l.Node("node-1"), "nft list chain bridge podhop-guard prerouting")
	if got := regexp.MustCompile(`counter packets \d+`).FindAllString(rules, -1); !slices.Equal(got, []string{"counter packets 0", "counter packets 2", "counter packets 0", "counter packets 1"}) {
		t.Errorf("rules:\n%s", rules)
	}
}

func listen(t *testing.T, ns *nsexec.NetNS) net.PacketConn {
	t.Helper()
	u, err := ns.ListenPacket("udp", "[::]:9")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	return u
}

// frame is an Ethernet frame with a UDP datagram to port 9.
func frame(srcMAC, dstMAC string, src, dst netip.Addr) []byte {
	from, _ := net.ParseMAC(srcMAC)
	to, _ := net.ParseMAC(dstMAC)
	udp := []byte{0, 7, 0, 9, 0, 16, 0, 0, 'p', 'o', 'd', 'h', 'o', 'p', '!', '!'}
	pseudo := append(append(src.AsSlice(), dst.AsSlice()...), 0, 0, 0, 16, 0, 0, 0, unix.IPPROTO_UDP)
	binary.BigEndian.PutUint16(udp[6:], checksum(append(pseudo, udp...)))
	f := append(append([]byte{}, to...), from...)
	if dst.Is4() {
		h := []byte{0x45, 0, 0, 36, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}
		h = append(append(h, src.AsSlice()...), dst.AsSlice()...)
		binary.BigEndian.PutUint16(h[10:], checksum(h))
		return append(append(append(f, 8, 0), h...), udp...)
	}
	h := append(append([]byte{0x60, 0, 0, 0, 0, 16, unix.IPPROTO_UDP, 64}, src.AsSlice()...), dst.AsSlice()...)
	return append(append(append(f, 0x86, 0xdd), h...), udp...)
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// sendFrame sends one by the namespace's eth0.
func sendFrame(t *testing.T, ns *nsexec.NetNS, f []byte) {
	t.Helper()
	err := ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		return unix.Sendto(fd, f, 0, &unix.SockaddrLinklayer{Ifindex: eth0.Index})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The text that stands in plans for the guards of ports makes the same table.
func TestPortGuardText(t *testing.T) {
	ns, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	list := func() string { return run(t, ns, "nft -s list table bridge podhop-guard") }
	if err := ns.Do(portGuards); err != nil {
		t.Fatal(err)
	}
	ours := list()
	if err := ns.Do(deletePortGuards); err != nil {
		t.Fatal(err)
	}
	if got := run(t, ns, "nft '"+portGuardText+"'"); got != "" {
		t.Fatal(got)
	}
	if text := list(); ours != text || !strings.Contains(ours, "arp") {
		t.Errorf("the kernel has\n%s\nand of the text\n%s", ours, text)
	}
}
