package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// observe reads what is in the calling thread's namespace, as far as the planner
// cares: run it in Do. want says which sysctls to read, faulty
// whether there may be faults.
func observe(want *furniture, node, faulty bool) (f *furniture, err error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	f = &furniture{}
	for _, look := range []struct {
		at string
		do func() error
	}{
		{"sysctls", func() error { return f.observeSysctls(want.sysctls) }},
		{"links", func() error { return f.observeLinks(h) }},
		{"addresses", func() error { return f.observeAddrs(h) }},
		{"routes", func() error { return f.observeRoutes(h) }},
		{"neighbours", func() error { return f.observeNeighs(h) }},
	} {
		if err := look.do(); err != nil {
			return nil, fmt.Errorf("list %s: %w", look.at, err)
		}
	}
	if len(want.fdb) > 0 || node {
		if err := f.observeFDB(h); err != nil {
			return nil, fmt.Errorf("list forwarding entries: %w", err)
		}
	}
	if faulty {
		if err := f.observeFlaws(); err != nil {
			return nil, fmt.Errorf("list faults: %w", err)
		}
	}
	if node {
		f.guards, f.portGuard, err = guardsOf()
	}
	return f, err
}

func (f *furniture) observeSysctls(want []sysctl) error {
	for _, c := range want {
		b, err := os.ReadFile("/proc/sys/" + c.name)
		if errors.Is(err, fs.ErrNotExist) {
			f.sysctls = append(f.sysctls, c) // this kernel does not have it
			continue
		}
		if err != nil {
			return fmt.Errorf("sysctl %s: %w", c.name, err)
		}
		f.sysctls = append(f.sysctls, sysctl{c.name, strings.TrimSpace(string(b))})
	}
	return nil
}

func (f *furniture) observeLinks(h *netlink.Handle) error {
	links, err := h.LinkList()
	if err != nil {
		return err
	}
	var ports map[int]port
	for _, l := range links {
		a := l.Attrs()
		seen := link{name: a.Name, index: a.Index, kind: l.Type(), mtu: a.MTU, master: a.MasterIndex, up: a.RawFlags&unix.IFF_UP != 0}
		if seen.master != 0 && ports == nil {
			if ports, err = observePorts(); err != nil {
				return err
			}
		}
		seen.port = ports[a.Index]
		f.links = append(f.links, seen)
	}
	return nil
}

// observePorts reads how bridges treat their ports, by index.
func observePorts() (map[int]port, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_BRIDGE))
	msgs, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if err != nil {
		return nil, err
	}
	out := map[int]port{}
	for _, m := range msgs {
		info := nl.DeserializeIfInfomsg(m)
		attrs, err := nl.ParseRouteAttr(m[info.Len():])
		if err != nil {
			return nil, err
		}
		for _, a := range attrs {
			if a.Attr.Type != unix.IFLA_PROTINFO|unix.NLA_F_NESTED {
				continue
			}
			parts, err := nl.ParseRouteAttr(a.Value)
			if err != nil {
				return nil, err
			}
			var p port
			for _, x := range parts {
				switch x.Attr.Type {
				case unix.IFLA_BRPORT_MODE:
					p.hairpin = x.Value[0] != 0
				case unix.IFLA_BRPORT_ISOLATED:
					p.isolated = x.Value[0] != 0
				}
			}
			out[int(info.Index)] = p
		}
	}
	return out, nil
}

func (f *furniture) observeAddrs(h *netlink.Handle) error {
	addrs, err := h.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		f.addrs = append(f.addrs, addr{a.LinkIndex, prefixOf(a.IPNet)})
	}
	return nil
}

func (f *furniture) observeRoutes(h *netlink.Handle) error {
	for fam, af := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := h.RouteList(nil, af)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if r.Protocol != unix.RTPROT_BOOT {
				continue // the kernel's own, for a connected network
			}
			o := route{dst: anywhere(family(fam)), dev: r.LinkIndex, onlink: r.Flags&unix.RTNH_F_ONLINK != 0}
			if r.Dst != nil {
				o.dst = prefixOf(r.Dst)
			}
			if gw, ok := netip.AddrFromSlice(r.Gw); ok {
				o.via = via(gw.Unmap())
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
	}
	return nil
}

func (f *furniture) observeNeighs(h *netlink.Handle) error {
	for _, af := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		neighs, err := h.NeighList(0, af)
		if err != nil {
			return err
		}
		for _, n := range neighs {
			if n.State&netlink.NUD_PERMANENT != 0 {
				ip, _ := netip.AddrFromSlice(n.IP)
				f.neighs = append(f.neighs, neigh{n.LinkIndex, ip.Unmap(), n.HardwareAddr.String()})
			}
		}
	}
	return nil
}

// observeFDB reads what bridges and tunnels were told, not what they learned or
// know by themselves.
func (f *furniture) observeFDB(h *netlink.Handle) error {
	entries, err := h.NeighList(0, unix.AF_BRIDGE)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dst, remote := netip.AddrFromSlice(e.IP)
		if remote || e.State&netlink.NUD_NOARP != 0 && e.MasterIndex != 0 {
			f.fdb = append(f.fdb, fdb{e.LinkIndex, e.HardwareAddr.String(), dst.Unmap()})
		}
	}
	return nil
}

func prefixOf(n *net.IPNet) netip.Prefix {
	ip, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), bits)
}
