package trace_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

// await flushes until there are journeys that are wanted, and so many of them.
func (w *watch) await(n int, want func(model.Journey) bool) []model.Journey {
	w.l.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		w.flush()
		if all := w.journeys(want); len(all) >= n {
			return all
		}
		if time.Now().After(deadline) {
			w.l.t.Fatalf("not %d of them:\n%s", n, tracetest.Render(w.journeys(anyJourney)...))
		}
	}
}

// told is journeys in short.
func told(all ...model.Journey) string {
	s := ""
	for _, j := range all {
		last := j.Hops[len(j.Hops)-1].Sentence
		if i := strings.LastIndex(last, ". "); i >= 0 {
			last = last[i+2:]
		}
		s += fmt.Sprintf("%s %s: %s to %s, reply %v, %s: %s\n", j.Protocol, j.Summary, j.From, j.To, j.Reply, j.Verdict, last)
	}
	return s
}

func (l *lab) packets(vertex, network, address string) net.PacketConn {
	l.t.Helper()
	var c net.PacketConn
	if err := l.nets[vertex].Do(func() (err error) {
		c, err = net.ListenPacket(network, address)
		return err
	}); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	return c
}

// Who has an address is asked of everybody on a link, and somebody answers, or nobody.
func TestARP(t *testing.T) {
	l := newLab(t)
	l.echo("pod/default/web-1", "0.0.0.0:53")
	w := l.watch()
	c := l.packets("pod/default/shop", "udp4", "10.244.1.2:0")
	exchange(t, c, "10.244.2.2:53", []byte("hello"))
	arp := func(target string) func(model.Journey) bool {
		return func(j model.Journey) bool {
			return j.Protocol == "ARP" && (strings.Contains(j.Summary, "has "+target+"?") || strings.HasPrefix(j.Summary, target+" is"))
		}
	}
	all := w.await(2, arp("10.244.1.1"))[:2]
	mac := strings.TrimPrefix(all[1].Summary, "10.244.1.1 is at ")
	if _, err := net.ParseMAC(mac); err != nil {
		t.Error(err)
	}
	check(t, strings.ReplaceAll(told(all...), mac, "MAC"), `
ARP Who has 10.244.1.1? Tell 10.244.1.2: pod/default/shop to node/node-1, reply false, delivered: node-1 answered.
ARP 10.244.1.1 is at MAC: node/node-1 to pod/default/shop, reply true, delivered: Delivered.
`)
	if all[0].Conversation != all[1].Conversation {
		t.Error("question and answer are of different conversations")
	}

	// An address of the underlay that nobody has.
	c = l.packets("client", "udp4", "172.18.0.100:0")
	send(t, c, "172.18.0.77:9", []byte("hello"))
	j := w.await(1, arp("172.18.0.77"))[0]
	check(t, told(j), `
ARP Who has 172.18.0.77? Tell 172.18.0.100: client to underlay, reply false, delivered: Nobody answered: nobody on this link has 172.18.0.77.
`)
	if len(j.Hops) != 4 || j.Hops[1].Sentence != "The underlay carried it from the client to node-1 and node-2." {
		t.Error(tracetest.Render(j))
	}
}

// IPv6 asks by neighbour solicitations.
func TestNeighborDiscovery(t *testing.T) {
	l := newLab(t)
	l.dualStack()
	w := l.watch()
	c := l.packets("client", "udp6", "["+six("172.18.0.100")+"]:0")
	for _, to := range []string{six("172.18.0.11"), six("172.18.0.77")} {
		if _, err := c.WriteTo([]byte("hello"), &net.UDPAddr{IP: net.ParseIP(to), Port: 9}); err != nil {
			t.Fatal(err)
		}
	}
	asks := func(target string) func(model.Journey) bool {
		return func(j model.Journey) bool {
			return j.Protocol == "ICMPv6" && (strings.HasPrefix(j.Summary, "Who has "+target+"? Tell ") || strings.HasPrefix(j.Summary, target+" is"))
		}
	}
	free := w.await(1, asks(six("172.18.0.77")))[0]
	if free.Verdict != "delivered" || free.From != "client" || !strings.HasSuffix(told(free), "Nobody answered: nobody on this link has "+six("172.18.0.77")+".\n") {
		t.Error(tracetest.Render(free))
	}
	all := w.await(2, asks(six("172.18.0.11")))
	if all[0].Reply { // the question went to all, the last of whom may have got it after the answer
		all[0], all[1] = all[1], all[0]
	}
	if all[0].To != "node/node-1" || all[0].Reply || !all[1].Reply || all[1].From != "node/node-1" || all[1].To != "client" || all[0].Conversation != all[1].Conversation {
		t.Error(tracetest.Render(all...))
	}
}

// sctp is an SCTP packet (RFC 9260) of chunks.
func sctp(from, to uint16, tag uint32, chunks ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, from)
	b = binary.BigEndian.AppendUint16(b, to)
	b = binary.BigEndian.AppendUint32(b, tag)
	b = append(b, 0, 0, 0, 0)
	for _, c := range chunks {
		b = append(b, c...)
	}
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func chunk(kind byte, body ...byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kind, 0}, uint16(4+len(body)))
	b = append(b, body...)
	return append(b, make([]byte, -len(b)&3)...)
}

// SCTP through NAT, as programs of their own speak it over raw sockets: the kernel need
// not know it.
func TestSCTP(t *testing.T) {
	if _, err := os.Stat("/proc/net/sctp"); err == nil {
		t.Skip("this kernel speaks SCTP, and would answer, too")
	}
	l := newLab(t)
	l.nft("node/node-1", `table ip mine {
  chain prerouting { type nat hook prerouting priority dstnat; ip daddr 10.99.0.7 meta l4proto sctp dnat to 10.244.2.2
  }
}`)
	w := l.watch()
	shop, web := l.packets("pod/default/shop", "ip4:132", "10.244.1.2"), l.packets("pod/default/web-1", "ip4:132", "10.244.2.2")
	from, to := &net.IPAddr{IP: net.IP{10, 244, 1, 2}}, &net.IPAddr{IP: net.IP{10, 99, 0, 7}}
	initial := func(tag byte) []byte { return []byte{0, 0, 0, tag, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1} }
	for i, p := range []struct {
		c      net.PacketConn
		to     net.Addr
		packet []byte
	}{
		{shop, to, sctp(4000, 9999, 0, chunk(1, initial(7)...))},
		{web, from, sctp(9999, 4000, 7, chunk(2, initial(9)...))},
		{shop, to, sctp(4000, 9999, 9, chunk(10, 1, 2, 3, 4), chunk(0, append(make([]byte, 12), "hello"...)...))},
		{web, from, sctp(9999, 4000, 7, chunk(11), chunk(3, make([]byte, 12)...))},
		{shop, to, sctp(4000, 9999, 9, chunk(7, 0, 0, 0, 1))},
		{web, from, sctp(9999, 4000, 7, chunk(8))},
		{shop, to, sctp(4000, 9999, 9, chunk(14))},
		{shop, to, sctp(4001, 8888, 0, chunk(1, initial(7)...))},
		{web, from, sctp(8888, 4001, 7, chunk(6))},
	} {
		if _, err := p.c.WriteTo(p.packet, p.to); err != nil {
			t.Fatal(i, err)
		}
		if i == 7 {
			continue // an INIT and what it brings about are told together
		}
		w.await(i+1, func(j model.Journey) bool { return j.Protocol == "SCTP" })
	}
	all := w.journeys(func(j model.Journey) bool { return j.Protocol == "SCTP" })
	check(t, told(all[:7]...), `
SCTP INIT: pod/default/shop to pod/default/web-1, reply false, delivered: Delivered.
SCTP INIT ACK: pod/default/web-1 to pod/default/shop, reply true, delivered: Delivered.
SCTP COOKIE ECHO, DATA, 5 bytes: pod/default/shop to pod/default/web-1, reply false, delivered: Delivered.
SCTP COOKIE ACK, SACK: pod/default/web-1 to pod/default/shop, reply true, delivered: Delivered.
SCTP SHUTDOWN: pod/default/shop to pod/default/web-1, reply false, delivered: Delivered.
SCTP SHUTDOWN ACK: pod/default/web-1 to pod/default/shop, reply true, delivered: Delivered.
SCTP SHUTDOWN COMPLETE: pod/default/shop to pod/default/web-1, reply false, delivered: Delivered.
`)
	for i, j := range all {
		if want := all[0].Conversation; i < 7 && j.Conversation != want || i >= 7 && (j.Conversation == want || j.Conversation != all[7].Conversation) {
			t.Errorf("%d: %s of %s", i, j.Summary, j.Conversation)
		}
	}
	check(t, told(all[7:]...), `
SCTP INIT: pod/default/shop to pod/default/web-1, reply false, rejected: Nobody listens on SCTP port 8888 of web-1: its kernel answered with an abort.
SCTP ABORT: pod/default/web-1 to pod/default/shop, reply true, delivered: Delivered.
`)
}

// A ping out of the pods' network is masqueraded, and stays one conversation.
func TestPingMasqueraded(t *testing.T) {
	l := newLab(t)
	w := l.watch()
	c := l.packets("pod/default/shop", "ip4:icmp", "10.244.1.2")
	echo := []byte{8, 0, 0, 0, 0x12, 0x34, 0, 1}
	binary.BigEndian.PutUint16(echo[2:], ^uint16(0x0800+0x1234+1))
	if _, err := c.WriteTo(echo, &net.IPAddr{IP: net.IP{172, 18, 0, 100}}); err != nil {
		t.Fatal(err)
	}
	all := w.await(2, func(j model.Journey) bool { return j.Protocol == "ICMP" })
	check(t, told(all...), `
ICMP Echo request 1: pod/default/shop to client, reply false, delivered: Delivered.
ICMP Echo reply 1: client to pod/default/shop, reply true, delivered: Delivered.
`)
	if all[0].Conversation != all[1].Conversation {
		t.Error("two conversations")
	}
	decision(t, all[0], "masquerade")
}

// A datagram that is too long for the links goes in fragments: one conversation, the
// rules' decision at the first, and through a Service all the same.
func TestFragments(t *testing.T) {
	l := newLab(t)
	l.dualStack()
	w := l.watch()
	for _, v := range []struct{ network, from, to, endpoint string }{
		{"udp4", "10.244.1.2:0", "10.96.0.10:53", "10.244.2.2:53"},
		{"udp6", "[" + six("10.244.1.2") + "]:0", "[" + six("10.96.0.10") + "]:53", "[" + six("10.244.2.2") + "]:53"},
	} {
		sink := l.packets("pod/default/web-1", v.network, v.endpoint)
		c := l.packets("pod/default/shop", v.network, v.from)
		send(t, c, v.to, make([]byte, 4000))
		b := make([]byte, 5000)
		sink.SetReadDeadline(time.Now().Add(time.Minute))
		if n, _, err := sink.ReadFrom(b); err != nil || n != 4000 {
			t.Fatal(n, err)
		}
		udp := func(j model.Journey) bool {
			return j.Protocol == "UDP" && strings.Contains(j.Source, ":") == (v.network == "udp6" || !strings.HasPrefix(j.Summary, "Fragment"))
		}
		all := w.await(3, udp)
		got := told(all...)
		second, third := 1480, 2960
		if v.network == "udp6" {
			second, third = 1448, 2896
		}
		check(t, got, fmt.Sprintf(`
UDP 4000 bytes, fragment 1 of 3: pod/default/shop to pod/default/web-1, reply false, delivered: Delivered.
UDP Fragment 2 of 3, from byte %d: pod/default/shop to pod/default/web-1, reply false, delivered: Delivered.
UDP Fragment 3 of 3, from byte %d: pod/default/shop to pod/default/web-1, reply false, delivered: Delivered.
`, second, third))
		for _, j := range all {
			if j.Conversation != all[0].Conversation {
				t.Errorf("%s is of another conversation", j.Summary)
			}
		}
		if d := decision(t, all[0], "dnat"); d.Object == nil || d.Object.Name != "kube-dns" {
			t.Error(tracetest.Render(all[0]))
		}
		w.reset()
	}
}

// Errors are joined to the packets that they answer, behind NAT too.
func TestErrors(t *testing.T) {
	l := newLab(t)
	w := l.watch()
	c := l.packets("pod/default/shop", "udp4", "10.244.1.2:0").(*net.UDPConn)
	option := func(level, name, value int) {
		t.Helper()
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), level, name, value) })
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string) {
		t.Helper()
		all := w.await(2, func(j model.Journey) bool { return j.Protocol == "UDP" || j.Protocol == "ICMP" })
		check(t, told(all...), want)
		if all[0].Conversation != all[1].Conversation {
			t.Errorf("%s: not of one conversation", all[1].Summary)
		}
		w.reset()
	}
	option(syscall.IPPROTO_IP, syscall.IP_TTL, 2)
	send(t, c, "10.96.0.10:53", []byte("short of breath"))
	expect(`
UDP 15 bytes: pod/default/shop to node/node-2, reply false, dropped: node-2 dropped it, because its TTL ran out.
ICMP Time exceeded: node/node-2 to pod/default/shop, reply true, delivered: Delivered.
`)
	option(syscall.IPPROTO_IP, syscall.IP_TTL, 64)
	option(syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE) // do not fragment
	l.run("node/node-1", "ip link set eth0 mtu 1000")
	send(t, c, "10.96.0.10:53", make([]byte, 1200))
	expect(`
UDP 1200 bytes: pod/default/shop to node/node-1, reply false, dropped: node-1 dropped it: it is too big for the next link.
ICMP Fragmentation needed: node/node-1 to pod/default/shop, reply true, delivered: Delivered.
`)
	l.nft("node/node-2", `table inet mine {
  chain forward { type filter hook forward priority 0; udp dport 53 reject with icmpx type admin-prohibited
  }
}`)
	send(t, c, "10.96.0.10:53", []byte("hello"))
	expect(`
UDP 5 bytes: pod/default/shop to node/node-2, reply false, rejected: node-2 rejected it.
ICMP Administratively prohibited: node/node-2 to pod/default/shop, reply true, delivered: Delivered.
`)
}

// What contradicts itself is counted, with the reason, and hurts nobody.
func TestMalformed(t *testing.T) {
	l := newLab(t)
	w := l.watch()
	err := l.nets["pod/default/shop"].Do(func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		head := append(make([]byte, 12), 8, 0)
		copy(head, []byte{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1})
		long := append([]byte{0x43, 0, 0, 60}, make([]byte, 56)...)  // a header of 12 bytes
		short := append([]byte{0x45, 0, 0, 24}, make([]byte, 20)...) // of UDP only 4 bytes
		short[9] = 17
		for _, b := range [][]byte{long, short} {
			if err := unix.Sendto(fd, append(head[:14:14], b...), 0, &unix.SockaddrLinklayer{Ifindex: eth0.Index}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		w.flush()
		w.mu.Lock()
		one, two := w.lost["malformed packets (a header contradicts itself)"], w.lost["malformed packets (they end within a header)"]
		got := fmt.Sprint(w.lost)
		w.mu.Unlock()
		if one == 1 && two == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(got)
		}
	}
}
