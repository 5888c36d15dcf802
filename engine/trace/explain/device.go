package explain

import (
	"fmt"
	"net/netip"

	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/record"
)

// got says by which device a packet came in: of a bridge's port, of the bridge
// itself, of a tunnel, or of any other.
func (v *visit) got(s *join.Seen) string {
	dev, from := s.Device, ""
	if dev.Peer != "" && dev.Peer != join.Underlay && dev.Peer != v.namespace {
		from = " from " + short(dev.Peer)
	}
	switch {
	case dev.Bridge != "":
		return sentence("%s got it%s on %s, a port of its bridge %s.", v.where, from, dev.Name, dev.Bridge)
	case v.seen != nil && v.seen.Device.Bridge == dev.Name:
		return sentence("the bridge %s took it in for %s itself, whose link address it bears.", dev.Name, v.where)
	case v.seen != nil && v.seen.Packet.Outer != nil && s.Packet.Outer == nil:
		return sentence("%s on %s unpacked it: out of VXLAN, VNI %d.", dev.Name, v.where, v.seen.Packet.Outer.VNI)
	}
	return sentence("%s got it%s%s on its device %s.", v.where, encapsulated(s), from, dev.Name)
}

// sent says by which device a packet went out, and whether that was by the routes.
func (v *visit) sent(s *join.Seen, names func(netip.Addr) string) (text string, routed bool) {
	dev, to := s.Device, ""
	switch {
	case isPod(dev.Peer):
		to = " to " + short(dev.Peer)
	case dev.Name == "lo":
		to = " to itself"
	case v.bridge(dev.Name):
		to = ", the bridge of its pods"
	case v.next != "":
		to = " to " + short(v.next)
	}
	was := v.seen
	switch {
	case v.namespace == "client":
		return sentence("%s sent it out of its %s%s.", v.where, dev.Name, inferred(s)), false
	case dev.Bridge != "" && was != nil && (was.Device.Name == dev.Bridge || was.Device.Bridge == dev.Bridge):
		return sentence("the bridge %s on %s switched it%s, out of its port %s.", dev.Bridge, v.where, to, dev.Name), false
	case s.Packet.Outer != nil && was != nil && was.Packet.Outer == nil:
		o, by := s.Packet.Outer, ""
		if was.Direction == record.Out { // else the tunnel's own device was not asked
			by = " by " + was.Device.Name
		}
		return sentence("Encapsulated%s for %s, VNI %d: %s sent it out of %s in a UDP packet to %s%s.",
			by, short(orElse(names(o.Destination.Addr()), o.Destination.Addr().String())), o.VNI, v.where, dev.Name, o.Destination, inferred(s)), true
	}
	verb := "routed"
	if v.local {
		verb = "sent"
	}
	return sentence("%s %s it out of %s%s%s.", v.where, verb, dev.Name, to, inferred(s)), true
}

// inferred says of what was captured at the link's other end alone where that was.
func inferred(s *join.Seen) string {
	if !s.Inferred || s.Device.Peer == "" {
		return ""
	}
	return fmt.Sprintf(" (seen at the link's other end, %s on %s)", s.Device.PeerName, short(s.Device.Peer))
}

// bridge reports whether a device of the visit's is a port of this one.
func (v *visit) bridge(name string) bool {
	for i := range v.steps {
		if s := v.steps[i].Seen; s != nil && s.Device.Bridge == name {
			return true
		}
	}
	return false
}

func encapsulated(s *join.Seen) string {
	if s.Packet.Outer == nil {
		return ""
	}
	return fmt.Sprintf(", encapsulated (VXLAN, VNI %d),", s.Packet.Outer.VNI)
}
