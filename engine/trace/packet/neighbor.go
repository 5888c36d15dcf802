package packet

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/podhop/podhop/engine/trace/record"
)

// ARP stands where an IP packet has its protocol. As an IP protocol the number is
// reserved, and a packet that has it all the same has a Version.
const ARP = 255

// ICMPv6's types of RFC 4861 and of multicast listeners (RFC 2710, 3810).
const (
	routerSolicitation    = 133
	neighborSolicitation  = 135
	neighborAdvertisement = 136
	redirectV6            = 137
)

// A Neighbor is a question for an address's link address, or the answer: of ARP (RFC
// 826) or of IPv6's neighbour discovery (RFC 4861).
type Neighbor struct {
	Answer bool
	// Target is the address that is asked for, or told of; Asker is who asks, or is
	// told. Asker is unspecified in a probe for duplicates (RFC 5227, RFC 4862), and
	// the same as Target where somebody tells of itself unasked.
	Target, Asker netip.Addr
	// MAC is Target's in an answer, the asker's in a question; nil if none is told.
	MAC net.HardwareAddr
}

// Probe reports whether it asks who else has the asker's own address.
func (n *Neighbor) Probe() bool { return !n.Answer && n.Asker.IsUnspecified() }

// Announcement reports whether it tells of an address that nobody had asked for.
func (n *Neighbor) Announcement() bool { return n.Asker == n.Target || n.Asker.IsMulticast() }

// arp decodes what follows the Ethernet header: of Ethernet and IPv4, others are not
// on our links. b may end with padding.
func arp(b []byte) (Packet, error) {
	if len(b) < 28 {
		return Packet{}, ErrShort
	}
	// Hardware type 1, protocol type IPv4, of 6 and 4 bytes.
	if binary.BigEndian.Uint32(b) != 1<<16|etherIPv4 || b[4] != 6 || b[5] != 4 {
		return Packet{}, ErrNotIP
	}
	operation := binary.BigEndian.Uint16(b[6:])
	if operation != 1 && operation != 2 {
		return Packet{}, ErrNotIP
	}
	sender, target := netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	n := &Neighbor{Target: target, Asker: sender, MAC: net.HardwareAddr(b[8:14])}
	if n.Answer = operation == 2; n.Answer {
		n.Target, n.Asker = sender, target
	}
	return Packet{
		Protocol: ARP, Type: uint8(operation), Length: 28, Neighbor: n, Head: fold(b[8:14]) ^ fold(b[14:18])<<1 ^ fold(b[24:28])<<2,
		Source: netip.AddrPortFrom(sender, 0), Destination: netip.AddrPortFrom(target, 0),
	}, nil
}

// neighbor decodes a neighbour solicitation or advertisement behind its first 8 bytes.
func (p *Packet) neighbor() {
	b := p.Payload
	if len(b) < 16 {
		return // as rule events have it
	}
	n := &Neighbor{Answer: p.Type == neighborAdvertisement, Target: netip.AddrFrom16([16]byte(b)), Asker: p.Source.Addr()}
	if n.Answer {
		n.Asker = p.Destination.Addr()
	}
	for b = b[16:]; len(b) >= 8; {
		size := int(b[1]) * 8
		if size == 0 || size > len(b) {
			break
		}
		if (b[0] == 1 || b[0] == 2) && size == 8 { // source and target link-layer address
			n.MAC = net.HardwareAddr(b[2:8])
		}
		b = b[size:]
	}
	p.Neighbor = n
}

// Chatter reports whether the packet is what kernels say to their links unasked, and
// nobody answers here: multicast memberships, and the search for routers. Whoever looks
// at traffic is not looking for these.
func (p *Packet) Chatter() bool {
	if p.Protocol == ICMPv6 {
		switch p.Type {
		case 130, 131, 132, 143, routerSolicitation, routerSolicitation + 1, redirectV6:
			return true
		}
	}
	return p.Protocol == 2 && p.Version == 4 // IGMP
}

// Discovery reports whether it is IPv6's word for ARP.
func (p *Packet) Discovery() bool {
	return p.Protocol == ICMPv6 && (p.Type == neighborSolicitation || p.Type == neighborAdvertisement)
}

// Everybody reports whether the packet is for everybody on its link, or for all of a group.
func (p *Packet) Everybody() bool {
	to := p.Destination.Addr()
	return to.IsMulticast() || to == broadcast || p.Neighbor != nil
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// Number stands for the target where questions and answers are looked up; others may
// have the same.
func (n *Neighbor) Number() uint32 {
	b := n.Target.As16()
	return uint32(fold(b[4:])) ^ uint32(fold(b[:4]))
}

// Ends is whose talk the packet is part of: its tuple, but of neighbours who asks and
// who is asked for, whatever group the question was sent to.
func (p *Packet) Ends() record.Tuple {
	n := p.Neighbor
	if n == nil {
		return p.Tuple()
	}
	t := record.Tuple{Source: netip.AddrPortFrom(n.Asker, 0), Destination: netip.AddrPortFrom(n.Target, 0)}
	if n.Answer {
		return t.Reverse()
	}
	return t
}

func (n *Neighbor) summary() string {
	target := n.Target.String()
	switch {
	case n.Probe():
		return "Does anybody have " + target + "?"
	case n.Announcement():
		return target + " is at " + n.MAC.String()
	case n.Answer:
		if n.MAC == nil {
			return target + " is here"
		}
		return target + " is at " + n.MAC.String()
	}
	return "Who has " + target + "? Tell " + n.Asker.String()
}
