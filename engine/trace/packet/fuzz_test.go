package packet

import (
	"bytes"
	stdtls "crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// check holds what must be true of any packet, whatever it was read from.
func check(t *testing.T, p *Packet, from []byte) {
	t.Helper()
	if p.PayloadLength < 0 && !p.Fragment || len(p.Payload) > len(from) || !p.Source.Addr().IsValid() || !p.Destination.Addr().IsValid() || p.Offset < 0 {
		t.Fatalf("%+v", p)
	}
	if again := *p; p.Key() != again.Key() || !p.Fits(&again) {
		t.Fatalf("it is not itself: %+v", p)
	}
	printed(t, p.Summary(), p.ProtocolName(), p.FlagNames())
	if p.Summary() == "" && p.Protocol != TCP { // a segment without flags says nothing
		t.Fatalf("no summary: %+v", p)
	}
	if e := p.Answers; e != nil && e.About() == nil {
		t.Fatalf("%+v", p)
	}
	if number, ok := p.Opens(); ok && p.Answered() == number && p.Protocol == TCP {
		t.Fatalf("%+v", p)
	}
	p.Refuses()
	p.Answering()
	p.Whole()
	if ends := p.Ends(); !ends.Source.Addr().IsValid() || !ends.Destination.Addr().IsValid() {
		t.Fatalf("%+v", p)
	}
}

// printed fails for what is not fit for a screen.
func printed(t *testing.T, all ...string) {
	t.Helper()
	for _, s := range all {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("%q", s)
		}
	}
}

// seeds are frames of everything that is decoded.
func seeds(f *testing.F) [][]byte {
	v4 := ether(layers.EthernetTypeIPv4)
	inner := frame(f, v4, ip4(layers.IPProtocolTCP, 5), tcp(SYN))
	quoted := frame(f, ip4(layers.IPProtocolUDP, 9), &layers.UDP{SrcPort: 4000, DstPort: 53}, gopacket.Payload("hello"))
	first, second := ip4(layers.IPProtocolUDP, 7), ip4(layers.IPProtocolUDP, 7)
	first.Flags, second.FragOffset = layers.IPv4MoreFragments, 185
	six := append([]byte{17, 0, 0x05, 0xa9, 0, 0, 0, 7}, "the second fragment of IPv6"...)
	return [][]byte{
		frame(f, v4, ip4(layers.IPProtocolTCP, 1), tcp(SYN)),
		frame(f, v4, ip4(layers.IPProtocolTCP, 1), tcp(PSH|ACK), gopacket.Payload("GET / HTTP/1.1\r\n")),
		frame(f, ether(layers.EthernetTypeIPv6), ip6(layers.IPProtocolTCP), tcp(SYN)),
		frame(f, v4, ip4(layers.IPProtocolUDP, 0), &layers.UDP{SrcPort: 5, DstPort: 8472}, &layers.VXLAN{ValidIDFlag: true, VNI: 1}, gopacket.Payload(inner)),
		frame(f, v4, ip4(layers.IPProtocolICMPv4, 4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(quoted)),
		frame(f, v4, ip4(layers.IPProtocolICMPv4, 4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 7, Seq: 3}),
		frame(f, v4, first, &layers.UDP{SrcPort: 4000, DstPort: 53}, gopacket.Payload("the first fragment")),
		frame(f, v4, second, gopacket.Payload("the second fragment")),
		frame(f, ether(layers.EthernetTypeIPv6), ip6(layers.IPProtocolIPv6Fragment), gopacket.Payload(six)),
		arpFrame(f, 1, []byte{10, 244, 1, 5}, []byte{10, 244, 1, 1}),
		arpFrame(f, 2, []byte{10, 244, 1, 1}, []byte{10, 244, 1, 5}),
		ndFrame(f, "fd00::5", "ff02::1:ff00:1", &layers.ICMPv6NeighborSolicitation{TargetAddress: []byte{0xfd, 15: 1}}, 135),
		sctpFrame(f, 0, append([]byte{1}, 0, 0, 0, 7, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1)),
		sctpFrame(f, 9, []byte{10, 1, 2, 3}, append([]byte{0}, make([]byte, 17)...)),
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) (Packet, error){ParseFrame, ParseIP} {
			p, err := parse(b)
			if err == nil {
				check(t, &p, b)
			} else if !errors.Is(err, ErrShort) && !errors.Is(err, ErrNotIP) && !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
		}
	})
}

// FuzzHeaders reads headers as rule events give them. What a whole packet is known by,
// its first 20 bytes of each must tell.
func FuzzHeaders(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b[14:], uint8(20))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		at := min(int(n), len(b))
		if p, err := ParseHeaders(b[:at], b[at:]); err == nil {
			check(t, &p, b)
		}
		if len(b) < 40 || b[0] != 0x45 {
			return
		}
		whole, err := ParseIP(b)
		if err != nil || whole.Outer != nil || whole.Length < 40 || whole.Protocol == TCP && b[32]>>4 > 5 {
			return
		}
		event, err := ParseHeaders(b[:20], b[20:40])
		if err != nil || event.Key() != whole.Key() {
			t.Fatalf("%v: a rule event's key is %+v, a packet's %+v", err, event.Key(), whole.Key())
		}
	})
}

func FuzzDNS(f *testing.F) {
	question := append([]byte{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, "\x03web\x07default\x00\x00\x01\x00\x01"...)
	f.Add(question)
	answer := append(append([]byte{}, question...), "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x0a\x60\x03\x04"...)
	answer[2], answer[3], answer[7] = 0x81, 0x80, 1
	f.Add(answer)
	f.Add(append([]byte{0, 7, 0x83, 0x80, 0, 1, 0, 1, 0, 0, 0, 1}, "\x00\x00\x10\x00\x01\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x05\x00\x02\xc0\x0c\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := DNS(b)
		if ok != (dns(b) != "") || ok && m.Response != (m.Answer != "") {
			t.Fatalf("%+v, %v", m, ok)
		}
		printed(t, m.String())
	})
}

func FuzzTLS(f *testing.F) {
	f.Add([]byte{22, 3, 3, 0, 80, 2, 0, 0, 76, 3, 3})
	f.Add([]byte{21, 3, 3, 0, 2, 2, 40})
	f.Add(hello(f, &stdtls.Config{ServerName: "shop.example.com", NextProtos: []string{"h2", "http/1.1"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := TLSHello(b)
		if ok && tls(b) != "" && tls(b) != h.String() || len(h.Protocols) > 8 {
			t.Fatalf("%+v, %q", h, tls(b))
		}
		printed(t, tls(b), h.ServerName, h.Version, strings.Join(h.Protocols, ""))
	})
}

func FuzzHTTP(f *testing.F) {
	for _, s := range []string{"GET /a?b HTTP/1.1\r\nHost: web\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "POST /cut/o", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		printed(t, httpLine(b))
		for _, whole := range []bool{false, true} {
			line, response, ok := HTTPLine(b, whole)
			if ok != (line != "") || response && !bytes.HasPrefix(b, []byte("HTTP/1.")) {
				t.Fatalf("%q, %v, %v", line, response, ok)
			}
			printed(t, line)
		}
	})
}

func FuzzSCTP(f *testing.F) {
	for _, b := range seeds(f)[12:] {
		f.Add(b[14+20:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		head := []byte{0x45, 0, byte((20 + len(b)) >> 8), byte(20 + len(b)), 0, 1, 0, 0, 64, SCTP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
		if p, err := ParseIP(append(head, b...)); err == nil {
			check(t, &p, append(head, b...))
		}
	})
}

func FuzzNeighbor(f *testing.F) {
	for _, b := range seeds(f)[9:12] {
		f.Add(b[14:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := arp(b); err == nil {
			check(t, &p, b)
		}
		p := Packet{Version: 6, Protocol: ICMPv6, Type: 135, PayloadLength: len(b), Payload: b}
		for _, p.Type = range []uint8{neighborSolicitation, neighborAdvertisement} {
			p.Neighbor = nil
			if p.neighbor(); p.Neighbor != nil {
				printed(t, p.Neighbor.summary())
			}
		}
	})
}
