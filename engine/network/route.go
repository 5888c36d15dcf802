package network

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Route is the route by which a namespace's kernel sends what is for an address out of
// a device, as `ip route` lists it; empty if it would send it another way, or not at all.
// The kernel looks it up itself.
func (n *Network) Route(vertex string, to netip.Addr, device string) (text string) {
	ns := n.space(vertex)
	if ns == nil {
		return ""
	}
	_ = ns.Do(func() error { // a namespace that has gone since has no routes
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer h.Close()
		link, err := h.LinkByName(device)
		if err != nil {
			return err
		}
		all, err := h.RouteGetWithOptions(to.AsSlice(), &netlink.RouteGetOptions{FIBMatch: true})
		if err != nil || len(all) != 1 {
			return err
		}
		text = routeText(&all[0], to.Is6(), link)
		return nil
	})
	return text
}

// routeText is a route out of a link, and of more than one hop the one that leads there.
func routeText(r *netlink.Route, six bool, link netlink.Link) string {
	text := "default"
	if r.Dst != nil {
		dst := prefixOf(r.Dst)
		switch {
		case dst.IsSingleIP():
			text = dst.Addr().String()
		case dst.Bits() > 0:
			text = dst.String()
		}
	}
	gw, index, onlink := r.Gw, r.LinkIndex, r.Flags&unix.RTNH_F_ONLINK != 0
	for _, hop := range r.MultiPath {
		if hop.LinkIndex == link.Attrs().Index {
			gw, index, onlink = hop.Gw, hop.LinkIndex, hop.Flags&unix.RTNH_F_ONLINK != 0
		}
	}
	if index != link.Attrs().Index {
		return ""
	}
	if via, ok := netip.AddrFromSlice(gw); ok {
		text += " via " + via.Unmap().String()
	}
	text += " dev " + link.Attrs().Name
	if !six && r.Scope == netlink.SCOPE_LINK {
		text += " scope link"
	}
	if onlink {
		text += " onlink"
	}
	return text
}
