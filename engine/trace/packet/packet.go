// Package packet decodes what Podhop captures: Ethernet, VXLAN, IPv4 and IPv6,
// TCP, UDP, SCTP and ICMP, and a packet's identity across rewrites.
//
// It is pure, allocates nothing for a packet's headers, and must take any bytes.
package packet

import (
	"errors"
	"net/netip"

	"github.com/podhop/podhop/engine/trace/record"
)

// IP protocol numbers (IANA).
const (
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	ICMPv6 = 58
	SCTP   = 132
)

// TCP's flags.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

var (
	// ErrNotIP is returned for frames that hold no IP packet: ARP, LLDP, ...
	ErrNotIP = errors.New("not an IP packet")
	// ErrShort is returned where the captured bytes end within a header.
	ErrShort = errors.New("packet ends within a header")
)

// A Packet is one decoded IP packet. Payload aliases the bytes it was parsed of.
type Packet struct {
	Version  uint8 // 4 or 6
	Protocol uint8
	TTL      uint8
	Flags    uint8 // of TCP
	ID       uint16
	Length   int // of the IP packet, in bytes
	// Source and Destination carry ports; of an ICMP echo the identifier stands
	// for both, as in conntrack's tuples.
	Source, Destination netip.AddrPort
	Seq, Ack            uint32 // of TCP; of SCTP, Seq is the verification tag
	Type, Code          uint8  // of ICMP
	Identifier          uint16 // of ICMP echo
	Sequence            uint16 // of ICMP echo
	// Fragment is a later fragment: it has no ports.
	Fragment bool
	// Head is the beginning of the transport payload, folded: 12 bytes, which is
	// as much as rule events carry.
	Head uint64
	// PayloadLength is of the transport payload, in bytes, of the whole packet.
	PayloadLength int
	Payload       []byte
	// Answers is the packet that an ICMP error is about.
	Answers *Embedded
	// Outer is the encapsulating packet's tuple, where there was one.
	Outer *Outer
}

// An Embedded is the packet that an ICMP error quotes.
type Embedded struct {
	Protocol            uint8
	ID                  uint16
	Length              int
	Source, Destination netip.AddrPort
	Seq                 uint32 // of TCP
}

// An Outer is an encapsulation's outer header.
type Outer struct {
	Kind                string // vxlan
	VNI                 uint32
	Source, Destination netip.AddrPort
}

// Tuple is the packet's tuple.
func (p *Packet) Tuple() record.Tuple {
	return record.Tuple{Source: p.Source, Destination: p.Destination}
}

// IsError reports whether the packet is an ICMP error, one that answers another packet.
func (p *Packet) IsError() bool { return p.Answers != nil }

// A Key is the same at every hop of one packet: neither routing, NAT nor
// encapsulation rewrites any of it. It is not unique: UDP and SYN-ACKs may have
// ID 0, and two equal datagrams have one key; the joiner tells those apart.
type Key struct {
	Protocol   uint8
	Flags      uint8
	Type, Code uint8
	ID         uint16
	Seq, Ack   uint32
	Length     int
	Head       uint64
}

// Key is the packet's key.
func (p *Packet) Key() Key {
	k := Key{Protocol: p.Protocol, ID: p.ID, Length: p.Length}
	if p.Fragment {
		return k
	}
	switch p.Protocol {
	case TCP:
		// The options differ at no hop, so that the whole length can be part of it.
		k.Seq, k.Ack, k.Flags = p.Seq, p.Ack, p.Flags
	case ICMP, ICMPv6:
		k.Type, k.Code = p.Type, p.Code
		if e := p.Answers; e != nil {
			// NAT rewrites the quoted addresses and ports too.
			k.Seq = uint32(e.ID)<<16 | uint32(e.Length)
			k.Ack = uint32(e.Protocol)
		} else {
			k.Seq, k.Head = uint32(p.Sequence), p.Head
		}
	default:
		k.Seq, k.Head = p.Seq, p.Head
	}
	return k
}
