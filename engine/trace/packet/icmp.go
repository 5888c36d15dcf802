package packet

import (
	"encoding/binary"
	"net/netip"
)

// ICMP types (RFC 792) and ICMPv6 types (RFC 4443).
const (
	EchoReply       = 0
	Unreachable     = 3
	Redirect        = 5
	EchoRequest     = 8
	TimeExceeded    = 11
	ParameterError  = 12
	EchoRequestV6   = 128
	EchoReplyV6     = 129
	unreachableV6   = 1
	parameterV6Last = 4
)

func (p *Packet) icmp(b []byte) {
	p.Type, p.Code = b[0], b[1]
	switch {
	case p.isEcho():
		p.Identifier, p.Sequence = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
		p.Source = netip.AddrPortFrom(p.Source.Addr(), p.Identifier)
		p.Destination = netip.AddrPortFrom(p.Destination.Addr(), p.Identifier)
		p.payload(b, 8)
	case p.isErrorType():
		p.payload(b, 8)
		p.Answers = embedded(p.Payload)
	default:
		p.payload(b, 8)
		if p.Discovery() {
			p.neighbor()
		}
	}
}

func (p *Packet) isEcho() bool {
	if p.Protocol == ICMPv6 {
		return p.Type == EchoRequestV6 || p.Type == EchoReplyV6
	}
	return p.Type == EchoRequest || p.Type == EchoReply
}

// IsEchoReply reports whether the packet answers a ping.
func (p *Packet) IsEchoReply() bool {
	return p.Protocol == ICMP && p.Type == EchoReply || p.Protocol == ICMPv6 && p.Type == EchoReplyV6
}

func (p *Packet) isErrorType() bool {
	if p.Protocol == ICMPv6 {
		return p.Type >= unreachableV6 && p.Type <= parameterV6Last
	}
	return p.Type == Unreachable || p.Type == Redirect || p.Type == TimeExceeded || p.Type == ParameterError
}

// embedded decodes the packet that an error quotes: its IP header, and 8 bytes
// or more. Rule events quote 12 bytes of the IP header, which is enough for the key.
func embedded(b []byte) *Embedded {
	if len(b) < 12 {
		return nil
	}
	if b[0]>>4 == 6 {
		return embedded6(b)
	}
	if b[0]>>4 != 4 {
		return nil
	}
	e := &Embedded{Protocol: b[9], Length: int(binary.BigEndian.Uint16(b[2:])), ID: binary.BigEndian.Uint16(b[4:])}
	e.key = [2]uint32{uint32(e.ID)<<16 | uint32(e.Length), uint32(e.Protocol)}
	if len(b) < 20 {
		return e
	}
	e.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), 0)
	e.Destination = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), 0)
	if head := int(b[0]&15) * 4; head >= 20 && head <= len(b) && binary.BigEndian.Uint16(b[6:])&0x1fff == 0 {
		e.transport(b[head:])
	}
	return e
}

func embedded6(b []byte) *Embedded {
	e := &Embedded{Protocol: b[6], Length: 40 + int(binary.BigEndian.Uint16(b[4:]))}
	e.key = [2]uint32{uint32(e.Length), uint32(e.Protocol)}
	if len(b) < 40 {
		return e
	}
	e.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), 0)
	e.Destination = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])), 0)
	behind := Packet{Protocol: e.Protocol}
	if rest, err := behind.extensions(b[40:]); err == nil {
		e.Protocol, e.ID = behind.Protocol, behind.ID
		if !behind.Fragment {
			e.transport(rest)
		}
	}
	return e
}

// transport decodes the quoted packet's ports, and what is in it if it is a tunnel's.
func (e *Embedded) transport(b []byte) {
	if len(b) < 8 {
		return
	}
	source, destination := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	switch e.Protocol {
	case TCP:
		e.Seq = binary.BigEndian.Uint32(b[4:])
	case ICMP, ICMPv6:
		source = binary.BigEndian.Uint16(b[4:]) // the identifier, as in Packet
		destination = source
	case UDP:
		if (destination == VXLANPort || destination == vxlanIANAPort) && len(b) > 8+8+14 {
			e.Inner = embedded(b[8+8+14:])
		}
	case SCTP:
	default:
		return
	}
	e.Source = netip.AddrPortFrom(e.Source.Addr(), source)
	e.Destination = netip.AddrPortFrom(e.Destination.Addr(), destination)
}
