package packet

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// frame is a packet as another implementation writes it.
func frame(t testing.TB, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	var network gopacket.NetworkLayer
	for _, l := range ls {
		switch l := l.(type) {
		case *layers.IPv4:
			network = l
		case *layers.IPv6:
			network = l
		case *layers.TCP:
			l.SetNetworkLayerForChecksum(network)
		case *layers.UDP:
			l.SetNetworkLayerForChecksum(network)
		case *layers.ICMPv6:
			l.SetNetworkLayerForChecksum(network)
		}
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ether(kind layers.EthernetType) *layers.Ethernet {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	return &layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: kind}
}

func ip4(protocol layers.IPProtocol, id uint16) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 63, Id: id, Protocol: protocol, SrcIP: net.IP{10, 244, 1, 2}, DstIP: net.IP{10, 96, 41, 7}}
}

func ip6(protocol layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: net.ParseIP("fd00:244:1::2"), DstIP: net.ParseIP("fd00:96::7")}
}

func tcp(flags uint8) *layers.TCP {
	return &layers.TCP{SrcPort: 47298, DstPort: 80, Seq: 100, Ack: 200, Window: 1000,
		SYN: flags&SYN != 0, ACK: flags&ACK != 0, FIN: flags&FIN != 0, RST: flags&RST != 0, PSH: flags&PSH != 0}
}

func text(s string) gopacket.Payload { return gopacket.Payload(s) }

func TestParseFrame(t *testing.T) {
	const v4, v6 = layers.EthernetTypeIPv4, layers.EthernetTypeIPv6
	question := append([]byte{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, "\x03web\x07default\x00\x00\x1c\x00\x01"...)
	answer := append([]byte{}, question...)
	answer[2], answer[3], answer[7] = 0x81, 0x80, 2
	missing := append([]byte{}, question...)
	missing[2], missing[3] = 0x81, 0x83
	inner := frame(t, ether(v4), ip4(layers.IPProtocolTCP, 5), tcp(SYN))
	quoted := frame(t, ip4(layers.IPProtocolUDP, 9), &layers.UDP{SrcPort: 4000, DstPort: 53}, text("hello"))
	unreachable6 := func(code uint8) []byte {
		quoted := frame(t, ip6(layers.IPProtocolUDP), &layers.UDP{SrcPort: 4000, DstPort: 53})
		return frame(t, ether(v6), ip6(layers.IPProtocolICMPv6), &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(1, code)},
			gopacket.Payload(append(make([]byte, 4), quoted...))) // of which the first four are not used
	}
	tests := []struct {
		name                         string
		frame                        []byte
		source, destination, summary string
		flags                        string
		payload                      int
	}{
		{"SYN", frame(t, ether(v4), ip4(layers.IPProtocolTCP, 1), tcp(SYN)), "10.244.1.2:47298", "10.96.41.7:80", "SYN", "SYN", 0},
		{"SYN ACK", frame(t, ether(v4), ip4(layers.IPProtocolTCP, 0), tcp(SYN|ACK)), "10.244.1.2:47298", "10.96.41.7:80", "SYN ACK", "SYN ACK", 0},
		{"RST", frame(t, ether(v4), ip4(layers.IPProtocolTCP, 0), tcp(RST|ACK)), "10.244.1.2:47298", "10.96.41.7:80", "RST ACK", "RST ACK", 0},
		{"a request", frame(t, ether(v4), ip4(layers.IPProtocolTCP, 2), tcp(PSH|ACK), text("GET /a?b HTTP/1.1\r\nHost: web\r\n\r\n")), "10.244.1.2:47298", "10.96.41.7:80", "GET /a?b", "PSH ACK", 32},
		{"a cut request", frame(t, ether(v4), ip4(layers.IPProtocolTCP, 2), tcp(PSH|ACK), text("POST /a/long/pa")), "10.244.1.2:47298", "10.96.41.7:80", "POST /a/long/pa", "PSH ACK", 15},
		{"an answer", frame(t, ether(v4), ip4(layers.IPProtocolTCP, 2), tcp(PSH|ACK), text("HTTP/1.1 404 Not Found\r\n\r\n")), "10.244.1.2:47298", "10.96.41.7:80", "404 Not Found", "PSH ACK", 26},
		{"not HTTP", frame(t, ether(v4), ip4(layers.IPProtocolTCP, 2), tcp(PSH|ACK), text("GET out of here\r\n")), "10.244.1.2:47298", "10.96.41.7:80", "17 bytes", "PSH ACK", 17},
		{"data with FIN", frame(t, ether(v4), ip4(layers.IPProtocolTCP, 2), tcp(FIN|ACK), text("bye")), "10.244.1.2:47298", "10.96.41.7:80", "FIN, 3 bytes", "FIN ACK", 3},
		{"control characters", frame(t, ether(v4), ip4(layers.IPProtocolTCP, 2), tcp(ACK), text("GET /\x1b[2J HTTP/1.1\r\n")), "10.244.1.2:47298", "10.96.41.7:80", "GET /.[2J", "ACK", 20},
		{"DNS question", frame(t, ether(v4), ip4(layers.IPProtocolUDP, 3), &layers.UDP{SrcPort: 4000, DstPort: 53}, gopacket.Payload(question)), "10.244.1.2:4000", "10.96.41.7:53", "DNS AAAA? web.default", "", 29},
		{"DNS answer", frame(t, ether(v4), ip4(layers.IPProtocolUDP, 3), &layers.UDP{SrcPort: 53, DstPort: 4000}, gopacket.Payload(answer)), "10.244.1.2:53", "10.96.41.7:4000", "DNS AAAA? web.default 2 more", "", 29},
		{"DNS no such name", frame(t, ether(v4), ip4(layers.IPProtocolUDP, 3), &layers.UDP{SrcPort: 53, DstPort: 4000}, gopacket.Payload(missing)), "10.244.1.2:53", "10.96.41.7:4000", "DNS AAAA? web.default no such name", "", 29},
		{"UDP", frame(t, ether(v4), ip4(layers.IPProtocolUDP, 3), &layers.UDP{SrcPort: 1, DstPort: 2}, text("hello")), "10.244.1.2:1", "10.96.41.7:2", "5 bytes", "", 5},
		{"ping", frame(t, ether(v4), ip4(layers.IPProtocolICMPv4, 4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 77, Seq: 3}), "10.244.1.2:77", "10.96.41.7:77", "Echo request 3", "", 0},
		{"port unreachable", frame(t, ether(v4), ip4(layers.IPProtocolICMPv4, 4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(quoted)), "10.244.1.2:0", "10.96.41.7:0", "Port unreachable", "", 33},
		{"VLAN", frame(t, ether(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 5, Type: v4}, ip4(layers.IPProtocolTCP, 1), tcp(SYN)), "10.244.1.2:47298", "10.96.41.7:80", "SYN", "SYN", 0},
		{"VXLAN", frame(t, ether(v4), ip4(layers.IPProtocolUDP, 0), &layers.UDP{SrcPort: 5, DstPort: 8472}, &layers.VXLAN{ValidIDFlag: true, VNI: 1}, gopacket.Payload(inner)), "10.244.1.2:47298", "10.96.41.7:80", "SYN", "SYN", 0},
		{"IPv6", frame(t, ether(v6), ip6(layers.IPProtocolTCP), tcp(SYN)), "[fd00:244:1::2]:47298", "[fd00:96::7]:80", "SYN", "SYN", 0},
		{"no route of IPv6", unreachable6(0), "[fd00:244:1::2]:0", "[fd00:96::7]:0", "Network unreachable", "", 48},
		{"address unreachable of IPv6", unreachable6(3), "[fd00:244:1::2]:0", "[fd00:96::7]:0", "Host unreachable", "", 48},
		{"port unreachable of IPv6", unreachable6(4), "[fd00:244:1::2]:0", "[fd00:96::7]:0", "Port unreachable", "", 48},
		{"reject route of IPv6", unreachable6(6), "[fd00:244:1::2]:0", "[fd00:96::7]:0", "Unreachable, code 6", "", 48},
		{"IPv6 ping", frame(t, ether(v6), ip6(layers.IPProtocolICMPv6), &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)}, &layers.ICMPv6Echo{Identifier: 9, SeqNumber: 2}), "[fd00:244:1::2]:9", "[fd00:96::7]:9", "Echo request 2", "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := ParseFrame(test.frame)
			if err != nil {
				t.Fatal(err)
			}
			if p.Source != netip.MustParseAddrPort(test.source) || p.Destination != netip.MustParseAddrPort(test.destination) {
				t.Errorf("%s > %s", p.Source, p.Destination)
			}
			if p.Summary() != test.summary || p.FlagNames() != test.flags || p.PayloadLength != test.payload {
				t.Errorf("%q, flags %q, %d bytes", p.Summary(), p.FlagNames(), p.PayloadLength)
			}
			// However little of it was captured, it must not go beyond, nor fail otherwise.
			for n := range test.frame {
				if _, err := ParseFrame(test.frame[:n]); err != nil && !errors.Is(err, ErrShort) && !errors.Is(err, ErrNotIP) {
					t.Errorf("%d bytes: %v", n, err)
				}
			}
		})
	}
	p, _ := ParseFrame(tests[16].frame)
	if p.Outer == nil || p.Outer.Kind != "vxlan" || p.Outer.VNI != 1 || p.Outer.Destination.Port() != 8472 || p.ID != 5 {
		t.Errorf("VXLAN: %+v", p)
	}
	p, _ = ParseFrame(tests[14].frame)
	if e := p.Answers; e == nil || e.ID != 9 || e.Source.String() != "10.244.1.2:4000" || e.Destination.String() != "10.96.41.7:53" {
		t.Errorf("quoted: %+v", p.Answers)
	}
}

func TestFragment(t *testing.T) {
	ip := ip4(layers.IPProtocolUDP, 8)
	ip.FragOffset = 185
	p, err := ParseFrame(frame(t, ether(layers.EthernetTypeIPv4), ip, text("the rest of a datagram")))
	if err != nil || !p.Fragment || p.Source.Port() != 0 || p.Summary() != "Fragment, from byte 1480" {
		t.Errorf("%+v, %v", p, err)
	}
}

// What NAT and routing rewrite is no part of the key, and what tells packets
// apart is. Rule events, which carry headers only, must come to the same key.
func TestKey(t *testing.T) {
	type rewrite struct {
		ip  func(*layers.IPv4)
		tcp func(*layers.TCP)
		udp func(*layers.UDP)
	}
	build := func(protocol layers.IPProtocol, r rewrite) []byte {
		ip := ip4(protocol, 0)
		if r.ip != nil {
			r.ip(ip)
		}
		if protocol == layers.IPProtocolTCP {
			l := tcp(PSH | ACK)
			if r.tcp != nil {
				r.tcp(l)
			}
			return frame(t, ip, l, text("GET / HTTP/1.1\r\n"))
		}
		l := &layers.UDP{SrcPort: 4000, DstPort: 53}
		if r.udp != nil {
			r.udp(l)
		}
		return frame(t, ip, l, text("a datagram of more than twelve bytes"))
	}
	key := func(b []byte) Key {
		p, err := ParseIP(b)
		if err != nil {
			t.Fatal(err)
		}
		events, err := ParseHeaders(b[:20], b[20:40])
		if err != nil {
			t.Fatal(err)
		}
		if p.Key() != events.Key() {
			t.Errorf("a frame's key is %+v, a rule event's %+v", p.Key(), events.Key())
		}
		return p.Key()
	}
	nat := func(ip *layers.IPv4) {
		ip.SrcIP, ip.DstIP, ip.TTL, ip.TOS = net.IP{172, 18, 0, 11}, net.IP{10, 244, 2, 3}, 60, 8
	}
	for _, protocol := range []layers.IPProtocol{layers.IPProtocolTCP, layers.IPProtocolUDP} {
		k := key(build(protocol, rewrite{}))
		same := rewrite{nat, func(l *layers.TCP) { l.SrcPort, l.DstPort = 1, 8080 }, func(l *layers.UDP) { l.SrcPort, l.DstPort = 1, 5353 }}
		if key(build(protocol, same)) != k {
			t.Errorf("%v: NAT changes the key", protocol)
		}
		if key(build(protocol, rewrite{ip: func(ip *layers.IPv4) { ip.Id = 1 }})) == k {
			t.Errorf("%v: another ID, and the same key", protocol)
		}
	}
	if key(build(layers.IPProtocolTCP, rewrite{tcp: func(l *layers.TCP) { l.Seq++ }})) == key(build(layers.IPProtocolTCP, rewrite{})) {
		t.Error("another sequence number, and the same key")
	}
	quote := func(to net.IP, port layers.UDPPort) Key {
		ip := ip4(layers.IPProtocolUDP, 9)
		ip.DstIP = to
		q := frame(t, ip, &layers.UDP{SrcPort: 4000, DstPort: port}, text("hello"))
		return key(frame(t, ip4(layers.IPProtocolICMPv4, 4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(q)))
	}
	if quote(net.IP{10, 96, 0, 10}, 53) != quote(net.IP{10, 244, 2, 2}, 5353) {
		t.Error("NAT of what an ICMP error quotes changes its key")
	}
}
