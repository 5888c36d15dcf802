// Package packet decodes what Podhop captures: Ethernet, VXLAN, IPv4 and IPv6,
// TCP, UDP, SCTP, ICMP, ARP and neighbour discovery, and a packet's identity
// across rewrites.
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
	// ErrNotIP is returned for frames that hold neither an IP packet nor a question
	// for a neighbour: LLDP, ...
	ErrNotIP = errors.New("not an IP packet")
	// ErrMalformed is returned where a header contradicts itself or its frame.
	ErrMalformed = errors.New("a header contradicts itself")
	// ErrShort is returned where the captured bytes end within a header.
	ErrShort = errors.New("packet ends within a header")
)

// A Packet is one decoded IP packet, or one of ARP, which has Version 0. Payload aliases the bytes it was parsed of.
type Packet struct {
	Version  uint8 // 4 or 6, 0 of ARP
	Protocol uint8
	TTL      uint8
	Flags    uint8 // of TCP
	ID       uint16
	Length   int // of the IP packet, in bytes
	// Source and Destination carry ports; of an ICMP echo the identifier stands
	// for both, as in conntrack's tuples.
	Source, Destination netip.AddrPort
	// Seq and Ack are of TCP; of SCTP, Seq is the verification tag and Ack an INIT's
	// initiate tag.
	Seq, Ack   uint32
	Type, Code uint8  // of ICMP; of SCTP, Type is the first chunk's, of ARP the operation
	Identifier uint16 // of ICMP echo
	Sequence   uint16 // of ICMP echo
	// Fragment is a later fragment: it has no ports of its own. More says that others
	// follow, Offset where in what was cut up this one begins, in bytes.
	Fragment, More bool
	Offset         int
	// Part is the how many-eth fragment of Parts it is, from 1; both 0 where that is
	// not known. One packet does not tell: whoever knows all of them sets it.
	Part, Parts int
	// Head is the beginning of the transport payload, folded: 12 bytes, which is
	// as much as rule events carry.
	Head  uint64
	whole int // of UDP: the datagram's payload, before it was cut up
	// PayloadLength is of the transport payload, in bytes, of the whole packet.
	PayloadLength int
	Payload       []byte
	// Answers is the packet that an ICMP error is about.
	Answers *Embedded
	// Neighbor is what ARP or neighbour discovery asks or says.
	Neighbor *Neighbor
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
	// Inner is the packet that the quoted one, of a tunnel, carried.
	Inner *Embedded
	// key is what rule events, too, show of it.
	key [2]uint32
}

// About is the packet that somebody sent: of a tunnel, the one inside.
func (e *Embedded) About() *Embedded {
	if e.Inner != nil {
		return e.Inner
	}
	return e
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
//
// A packet's length is no part of it: rules are asked about what is cut up as a whole.
type Key struct {
	Protocol   uint8
	Fragment   bool
	Flags      uint8
	Type, Code uint8
	ID         uint16
	Seq, Ack   uint32
	Head       uint64
}

// Key is the packet's key.
func (p *Packet) Key() Key {
	k := Key{Protocol: p.Protocol, ID: p.ID}
	if p.Version == 6 {
		// Only fragments have one, and each node that puts them together for its rules
		// gives them another when it cuts them up again.
		k.ID = 0
	}
	if p.Fragment {
		k.Fragment, k.Seq = true, uint32(p.Offset)
		return k
	}
	switch p.Protocol {
	case TCP:
		k.Seq, k.Ack, k.Flags = p.Seq, p.Ack, p.Flags
	case ICMP, ICMPv6:
		k.Type, k.Code = p.Type, p.Code
		if e := p.Answers; e != nil {
			// NAT rewrites the quoted addresses and ports too.
			k.Seq, k.Ack = e.key[0], e.key[1]
		} else {
			k.Seq, k.Head = uint32(p.Sequence), p.Head
		}
	case ARP:
		k.Type, k.Head = p.Type, p.Head
	default:
		k.Seq, k.Head = p.Seq, p.Head
	}
	return k
}

// Fits reports whether two sights of one key may be of one packet: they are as long,
// or one is the whole of what the other begins.
func (p *Packet) Fits(o *Packet) bool { return p.Length == o.Length || p.begins() || o.begins() }

// begins reports whether it is the first fragment of a packet.
func (p *Packet) begins() bool { return p.More && !p.Fragment }

// Whole is the ID and the length of the IP packet that the first fragment of a UDP
// datagram begins, as it is put together again; 0 of what is no such fragment.
func (p *Packet) Whole() (id uint16, length int) {
	if !p.begins() || p.Protocol != UDP || p.whole <= p.PayloadLength {
		return 0, 0
	}
	length = p.Length + p.whole - p.PayloadLength
	if p.Version == 6 {
		return 0, length - 8
	}
	return p.ID, length
}

// Answering reports whether the packet by itself says that it answers another one.
func (p *Packet) Answering() bool {
	switch {
	case p.Fragment:
		return false
	case p.Neighbor != nil:
		return p.Neighbor.Answer && !p.Neighbor.Announcement()
	case p.Protocol == TCP:
		return p.Flags&(SYN|ACK) == SYN|ACK
	case p.Protocol == SCTP:
		return len(p.Payload) > 0 && p.Type == sctpInitAck
	}
	return p.IsEchoReply()
}
