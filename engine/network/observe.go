package network

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// observe reads what is in the calling thread's namespace, as far as the planner
// cares: run it in Do. want says which sysctls to read.
func observe(want *furniture, node bool) (*furniture, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	f := &furniture{}
	for _, c := range want.sysctls {
		b, err := os.ReadFile("/proc/sys/" + c.name)
		if err != nil {
			return nil, fmt.Errorf("sysctl %s: %w", c.name, err)
		}
		f.sysctls = append(f.sysctls, sysctl{c.name, strings.TrimSpace(string(b))})
	}
	links, err := h.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	for _, l := range links {
		a := l.Attrs()
		f.links = append(f.links, link{name: a.Name, index: a.Index, kind: l.Type(), up: a.RawFlags&unix.IFF_UP != 0})
	}
	addrs, err := h.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addrs {
		ip, _ := netip.AddrFromSlice(a.IP.To4())
		bits, _ := a.Mask.Size()
		f.addrs = append(f.addrs, addr{a.LinkIndex, netip.PrefixFrom(ip, bits)})
	}
	routes, err := h.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	for _, r := range routes {
		if r.Protocol != unix.RTPROT_BOOT {
			continue // the kernel's own, for a connected network
		}
		o := route{dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), dev: r.LinkIndex}
		if r.Dst != nil {
			ip, _ := netip.AddrFromSlice(r.Dst.IP.To4())
			bits, _ := r.Dst.Mask.Size()
			o.dst = netip.PrefixFrom(ip, bits)
		}
		if gw, ok := netip.AddrFromSlice(r.Gw); ok {
			o.via = append(o.via, gw.Unmap())
		}
		for _, hop := range r.MultiPath {
			gw, _ := netip.AddrFromSlice(hop.Gw)
			o.via, o.dev = append(o.via, gw.Unmap()), hop.LinkIndex
		}
		if r.Type == unix.RTN_UNREACHABLE {
			o.dev = 0
		}
		f.routes = append(f.routes, o)
	}
	neighs, err := h.NeighList(0, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list neighbours: %w", err)
	}
	for _, n := range neighs {
		if n.State&netlink.NUD_PERMANENT != 0 {
			ip, _ := netip.AddrFromSlice(n.IP.To4())
			f.neighs = append(f.neighs, neigh{n.LinkIndex, ip, n.HardwareAddr.String()})
		}
	}
	if node {
		f.guards, err = guardsOf()
	}
	return f, err
}
