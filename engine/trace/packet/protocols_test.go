package packet

import (
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

func arpFrame(t testing.TB, operation uint16, sender, target net.IP) []byte {
	return frame(t, ether(layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: operation,
		SourceHwAddress: []byte{10, 88, 10, 244, 1, 5}, SourceProtAddress: sender.To4(), DstHwAddress: make([]byte, 6), DstProtAddress: target.To4(),
	})
}

func ndFrame(t testing.TB, from, to string, l gopacket.SerializableLayer, kind uint8) []byte {
	ip := ip6(layers.IPProtocolICMPv6)
	ip.SrcIP, ip.DstIP = net.ParseIP(from), net.ParseIP(to)
	return frame(t, ether(layers.EthernetTypeIPv6), ip, &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}, l)
}

// sctpFrame is of chunks with those types and bodies.
func sctpFrame(t testing.TB, tag uint32, chunks ...[]byte) []byte {
	b := []byte{0x0f, 0xa0, 0x27, 0x0f, byte(tag >> 24), byte(tag >> 16), byte(tag >> 8), byte(tag), 0, 0, 0, 0}
	for _, c := range chunks {
		size := 3 + len(c)
		b = append(b, c[0], 0, byte(size>>8), byte(size))
		b = append(b, c[1:]...)
		b = append(b, make([]byte, -size&3)...)
	}
	return frame(t, ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolSCTP, 9), gopacket.Payload(b))
}

func TestNeighbors(t *testing.T) {
	a, b, nobody := net.IP{10, 244, 1, 5}, net.IP{10, 244, 1, 1}, net.IP{0, 0, 0, 0}
	mac := net.HardwareAddr{10, 88, 10, 244, 1, 5}
	ask := func(to string) *layers.ICMPv6NeighborSolicitation {
		return &layers.ICMPv6NeighborSolicitation{TargetAddress: net.ParseIP(to),
			Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptSourceAddress, Data: mac}}}
	}
	tell := &layers.ICMPv6NeighborAdvertisement{TargetAddress: net.ParseIP("fd00::1"),
		Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptTargetAddress, Data: mac}}}
	for _, test := range []struct {
		frame                   []byte
		protocol, summary, ends string
		answer                  bool
	}{
		{arpFrame(t, 1, a, b), "ARP", "Who has 10.244.1.1? Tell 10.244.1.5", "10.244.1.5:0 10.244.1.1:0", false},
		{arpFrame(t, 2, b, a), "ARP", "10.244.1.1 is at 0a:58:0a:f4:01:05", "10.244.1.1:0 10.244.1.5:0", true},
		{arpFrame(t, 1, nobody, a), "ARP", "Does anybody have 10.244.1.5?", "0.0.0.0:0 10.244.1.5:0", false},
		{arpFrame(t, 1, a, a), "ARP", "10.244.1.5 is at 0a:58:0a:f4:01:05", "10.244.1.5:0 10.244.1.5:0", false},
		{ndFrame(t, "fd00::5", "ff02::1:ff00:1", ask("fd00::1"), 135), "ICMPv6", "Who has fd00::1? Tell fd00::5", "[fd00::5]:0 [fd00::1]:0", false},
		{ndFrame(t, "fd00::1", "fd00::5", tell, 136), "ICMPv6", "fd00::1 is at 0a:58:0a:f4:01:05", "[fd00::1]:0 [fd00::5]:0", true},
		{ndFrame(t, "::", "ff02::1:ff00:5", ask("fd00::5"), 135), "ICMPv6", "Does anybody have fd00::5?", "[::]:0 [fd00::5]:0", false},
		{ndFrame(t, "fd00::1", "ff02::1", tell, 136), "ICMPv6", "fd00::1 is at 0a:58:0a:f4:01:05", "[fd00::1]:0 [ff02::1]:0", false},
	} {
		p, err := ParseFrame(test.frame)
		if err != nil {
			t.Errorf("%s: %v", test.summary, err)
			continue
		}
		ends := p.Ends()
		if p.ProtocolName() != test.protocol || p.Summary() != test.summary || ends.Source.String()+" "+ends.Destination.String() != test.ends ||
			p.Answering() != test.answer || !p.Everybody() || p.Chatter() {
			t.Errorf("got %s %q, ends %v, answering %v; want %+v", p.ProtocolName(), p.Summary(), ends, p.Answering(), test)
		}
		for n := range test.frame {
			if p, err := ParseFrame(test.frame[:n]); err == nil {
				_, _ = p.Summary(), p.Key()
			}
		}
	}
	// What kernels tell their links by themselves.
	for _, chatter := range [][]byte{
		ndFrame(t, "fe80::5", "ff02::2", &layers.ICMPv6RouterSolicitation{}, 133),
		ndFrame(t, "fe80::5", "ff02::16", gopacket.Payload(make([]byte, 24)), 143),
		frame(t, ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolIGMP, 1), text("\x16\x00\x00\x00\xe0\x00\x00\x01")),
	} {
		if p, err := ParseFrame(chatter); err != nil || !p.Chatter() {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

func TestSCTP(t *testing.T) {
	initial := append([]byte{1}, 0, 0, 0, 7, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1)
	for _, test := range []struct {
		frame   []byte
		summary string
	}{
		{sctpFrame(t, 0, initial), "INIT"},
		{sctpFrame(t, 7, append([]byte{2}, initial[1:]...)), "INIT ACK"},
		{sctpFrame(t, 9, []byte{10, 1, 2, 3}), "COOKIE ECHO"},
		{sctpFrame(t, 9, []byte{10, 1, 2, 3}, append([]byte{0}, make([]byte, 17)...)), "COOKIE ECHO, DATA, 5 bytes"},
		{sctpFrame(t, 9, append([]byte{0}, make([]byte, 17)...), append([]byte{0}, make([]byte, 15)...)), "DATA, 8 bytes"},
		{sctpFrame(t, 9, []byte{200}), "chunk type 200"},
		{sctpFrame(t, 7, []byte{6}), "ABORT"},
		{sctpFrame(t, 7), "SCTP"},
	} {
		p, err := ParseFrame(test.frame)
		if err != nil || p.Summary() != test.summary || p.Source.Port() != 4000 || p.Destination.Port() != 9999 {
			t.Errorf("%+v %q, want %q: %v", p, p.Summary(), test.summary, err)
		}
	}
	// An abort names the INIT that it answers, in rule events, too.
	opens, _ := ParseFrame(sctpFrame(t, 0, initial))
	aborts, _ := ParseFrame(sctpFrame(t, 7, []byte{6}))
	number, refuses := aborts.Refuses()
	if _, ok := opens.Opens(); !ok || !refuses || number != opens.Answered() || number != 7 {
		t.Errorf("INIT %d, ABORT %d", opens.Answered(), number)
	}
	b := sctpFrame(t, 0, initial)[14:]
	event, err := ParseHeaders(b[:20], b[20:40])
	if err != nil || event.Key() != opens.Key() || event.Answered() != 7 {
		t.Errorf("a rule event's key is %+v, a frame's %+v: %v", event.Key(), opens.Key(), err)
	}
}

// The first fragment has the key of the whole, as rules see it; the later ones have
// their own.
func TestFragments(t *testing.T) {
	whole := frame(t, ip4(layers.IPProtocolUDP, 8), &layers.UDP{SrcPort: 4000, DstPort: 53}, gopacket.Payload(make([]byte, 3000)))
	event, err := ParseHeaders(whole[:20], whole[20:40])
	if err != nil {
		t.Fatal(err)
	}
	cut := func(offset, n int, more bool) Packet {
		b := append(append([]byte{}, whole[:20]...), whole[20+offset:20+offset+n]...)
		b[2], b[3] = byte(len(b)>>8), byte(len(b))
		b[6], b[7] = byte(offset/8>>8), byte(offset/8)
		if more {
			b[6] |= 0x20
		}
		p, err := ParseIP(b)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first, second, third := cut(0, 1480, true), cut(1480, 1480, true), cut(2960, 48, false)
	if first.Key() != event.Key() || !first.Fits(&event) || !event.Fits(&first) || second.Key() == third.Key() || second.Key() == first.Key() {
		t.Errorf("%+v\n%+v\n%+v\n%+v", event.Key(), first.Key(), second.Key(), third.Key())
	}
	if id, length := first.Whole(); id != 8 || length != len(whole) {
		t.Errorf("the whole has ID %d and %d bytes", id, length)
	}
	for p, want := range map[*Packet]string{&first: "3000 bytes, first fragment", &second: "Fragment, from byte 1480", &third: "Fragment, from byte 2960"} {
		if got := p.Summary(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	third.Part, third.Parts = 3, 3
	if got := third.Summary(); got != "Fragment 3 of 3, from byte 2960" {
		t.Error(got)
	}
}

// An error about a tunnel's packet is about what the tunnel carried.
func TestErrorAboutTunnel(t *testing.T) {
	inner := frame(t, ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP, 5), tcp(SYN))
	outer := ip4(layers.IPProtocolUDP, 6)
	outer.SrcIP, outer.DstIP = net.IP{172, 18, 0, 11}, net.IP{172, 18, 0, 12}
	quoted := frame(t, outer, &layers.UDP{SrcPort: 5, DstPort: 8472}, &layers.VXLAN{ValidIDFlag: true, VNI: 1}, gopacket.Payload(inner))
	b := frame(t, ip4(layers.IPProtocolICMPv4, 4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}, gopacket.Payload(quoted))
	p, err := ParseIP(b)
	if err != nil {
		t.Fatal(err)
	}
	if e := p.Answers.About(); e.Protocol != TCP || e.ID != 5 || e.Seq != 100 || e.Source.String() != "10.244.1.2:47298" {
		t.Errorf("%+v", e)
	}
	event, err := ParseHeaders(b[:20], b[20:40])
	if err != nil || event.Key() != p.Key() {
		t.Errorf("a rule event's key is %+v, a frame's %+v: %v", event.Key(), p.Key(), err)
	}
}

func TestMalformed(t *testing.T) {
	good := frame(t, ether(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP, 1), tcp(SYN))
	for name, change := range map[string]func([]byte){
		"a header of 16 bytes":        func(b []byte) { b[14] = 0x44 },
		"shorter than its header":     func(b []byte) { b[16], b[17] = 0, 19 },
		"another version of IP":       func(b []byte) { b[14] = 0x65 },
		"a header of TCP of 16 bytes": func(b []byte) { b[14+20+12] = 0x40 },
		"of IPv6 in a frame of IPv4":  func(b []byte) { b[12], b[13] = 0x86, 0xdd },
	} {
		b := append([]byte{}, good...)
		change(b)
		if _, err := ParseFrame(b); err != ErrMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseFrame(good[:30]); err != ErrShort {
		t.Error(err)
	}
}
