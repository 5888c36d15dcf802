package packet

import (
	"encoding/binary"
	"net/netip"
)

// EtherTypes (IEEE 802).
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
	etherVLAN = 0x8100
	etherQinQ = 0x88a8
)

// VXLANPort is flannel's and the kernel's own default (IANA's is 4789).
const (
	VXLANPort     = 8472
	vxlanIANAPort = 4789
)

// ParseFrame decodes an Ethernet frame's IP packet, or question for a neighbour; of
// VXLAN, the inner one.
func ParseFrame(b []byte) (Packet, error) { return parseFrame(b, 0) }

func parseFrame(b []byte, depth int) (Packet, error) {
	if len(b) < 14 {
		return Packet{}, ErrShort
	}
	kind, b := binary.BigEndian.Uint16(b[12:]), b[14:]
	for kind == etherVLAN || kind == etherQinQ {
		if len(b) < 4 {
			return Packet{}, ErrShort
		}
		kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	version := uint8(4)
	switch kind {
	case etherARP:
		return arp(b)
	case etherIPv6:
		version = 6
	case etherIPv4:
	default:
		return Packet{}, ErrNotIP
	}
	if len(b) > 0 && b[0]>>4 != version {
		return Packet{}, ErrMalformed
	}
	return parseIP(b, depth)
}

// ParseIP decodes an IP packet; of VXLAN, the inner one.
func ParseIP(b []byte) (Packet, error) { return parseIP(b, 0) }

func parseIP(b []byte, depth int) (Packet, error) {
	var p Packet
	rest, err := p.network(b)
	if err != nil {
		return p, err
	}
	if err := p.transport(rest); err != nil {
		return p, err
	}
	if p.Protocol == UDP && depth == 0 {
		if port := p.Destination.Port(); port == VXLANPort || port == vxlanIANAPort {
			if inner, ok := p.vxlan(); ok {
				return inner, nil
			}
		}
	}
	return p, nil
}

// ParseHeaders decodes headers that come apart, as rule events give them. The
// transport header may be cut anywhere behind its ports. Of IPv6 extension headers
// they give none, and not what is behind them either: that is ErrShort.
func ParseHeaders(network, transport []byte) (Packet, error) {
	var p Packet
	if _, err := p.network(network); err != nil {
		return p, err
	}
	if p.Version == 6 && isExtension(p.Protocol) {
		return p, ErrShort
	}
	return p, p.transport(transport)
}

// network decodes the IP header and returns what follows, without padding.
func (p *Packet) network(b []byte) ([]byte, error) {
	if len(b) < 20 {
		return nil, ErrShort
	}
	switch b[0] >> 4 {
	case 4:
		head := int(b[0]&15) * 4
		if head < 20 || int(binary.BigEndian.Uint16(b[2:])) < head {
			return nil, ErrMalformed
		}
		p.Version, p.Protocol, p.TTL = 4, b[9], b[8]
		p.ID, p.Length = binary.BigEndian.Uint16(b[4:]), int(binary.BigEndian.Uint16(b[2:]))
		cut := binary.BigEndian.Uint16(b[6:])
		p.More, p.Offset = cut&0x2000 != 0, int(cut&0x1fff)*8
		p.Fragment = p.Offset != 0
		p.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), 0)
		p.Destination = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), 0)
		p.PayloadLength = p.Length - head
		return b[min(head, len(b)):min(max(p.Length, head), len(b))], nil
	case 6:
		if len(b) < 40 {
			return nil, ErrShort
		}
		p.Version, p.Protocol, p.TTL = 6, b[6], b[7]
		p.PayloadLength = int(binary.BigEndian.Uint16(b[4:]))
		p.Length = 40 + p.PayloadLength
		p.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), 0)
		p.Destination = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])), 0)
		return p.extensions(b[40:min(p.Length, len(b))])
	}
	return nil, ErrNotIP
}

// extensions skips IPv6 extension headers (RFC 8200, 4.1).
func (p *Packet) extensions(b []byte) ([]byte, error) {
	for {
		var n int
		switch p.Protocol {
		case 0, 43, 60: // hop-by-hop, routing, destination options
			if len(b) < 8 {
				return b, nil
			}
			n = (int(b[1]) + 1) * 8
		case 44: // fragment
			if len(b) < 8 {
				return b, nil
			}
			n = 8
			cut := binary.BigEndian.Uint16(b[2:])
			p.More, p.Offset = cut&1 != 0, int(cut&0xfff8)
			p.Fragment = p.Offset != 0
			p.ID = binary.BigEndian.Uint16(b[6:])
			if p.Fragment { // what follows is of no header
				p.Protocol, p.PayloadLength = b[0], p.PayloadLength-n
				return b[n:], nil
			}
		default:
			return b, nil
		}
		if n > len(b) {
			return b, ErrShort
		}
		p.Protocol, p.PayloadLength, b = b[0], max(0, p.PayloadLength-n), b[n:]
	}
}

func isExtension(protocol uint8) bool {
	return protocol == 0 || protocol == 43 || protocol == 44 || protocol == 60
}

// transport decodes what follows the IP header.
func (p *Packet) transport(b []byte) error {
	if p.Fragment {
		return nil
	}
	switch p.Protocol {
	case TCP:
		if len(b) < 14 {
			return ErrShort
		}
		if b[12]>>4 < 5 {
			return ErrMalformed
		}
		p.ports(b)
		p.Seq, p.Ack, p.Flags = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), b[13]
		p.payload(b, int(b[12]>>4)*4)
	case UDP:
		if len(b) < 8 {
			return ErrShort
		}
		p.ports(b)
		p.whole = int(binary.BigEndian.Uint16(b[4:])) - 8
		p.payload(b, 8)
	case SCTP:
		if len(b) < 12 {
			return ErrShort
		}
		p.ports(b)
		p.Seq = binary.BigEndian.Uint32(b[4:]) // the verification tag
		p.payload(b, 12)
		p.Head = fold(p.Payload[:min(8, len(p.Payload))])
		p.sctp()
	case ICMP, ICMPv6:
		if len(b) < 8 {
			return ErrShort
		}
		p.icmp(b)
	default:
		p.payload(b, 0)
	}
	return nil
}

func (p *Packet) ports(b []byte) {
	p.Source = netip.AddrPortFrom(p.Source.Addr(), binary.BigEndian.Uint16(b))
	p.Destination = netip.AddrPortFrom(p.Destination.Addr(), binary.BigEndian.Uint16(b[2:]))
}

func (p *Packet) payload(b []byte, head int) {
	p.PayloadLength = max(0, p.PayloadLength-head)
	if head >= len(b) {
		return
	}
	p.Payload = b[head:]
	p.Head = fold(p.Payload)
}

// fold hashes the first 12 bytes (FNV-1a): rule events carry 20 of a transport
// header, of which UDP takes 8.
func fold(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b[:min(12, len(b))] {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func (p *Packet) vxlan() (Packet, bool) {
	// RFC 7348: flags with the I bit, 24 reserved, 24 of VNI, 8 reserved.
	if len(p.Payload) < 8+14+20 || p.Payload[0]&0x08 == 0 {
		return Packet{}, false
	}
	inner, err := parseFrame(p.Payload[8:], 1)
	if err != nil {
		return Packet{}, false
	}
	inner.Outer = &Outer{Kind: "vxlan", VNI: binary.BigEndian.Uint32(p.Payload[4:]) >> 8, Source: p.Source, Destination: p.Destination}
	return inner, true
}
