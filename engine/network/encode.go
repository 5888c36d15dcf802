package network

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

const create = unix.NLM_F_CREATE | unix.NLM_F_REPLACE

// encode appends one rtnetlink operation; peer is the descriptor of the namespace
// that a veth's other end goes to.
func (m *message) encode(o op, flags uint16, peer int) {
	switch o.action {
	case addLink:
		m.addLink(o.link, flags, peer)
	case deleteLink, setUp, setDown, setMaster, setMTU, setPort, setForwarding:
		m.changeLink(o.action, o.link, flags)
	case addAddr:
		m.addr(unix.RTM_NEWADDR, create|flags, o.addr)
	case deleteAddr:
		m.addr(unix.RTM_DELADDR, flags, o.addr)
	case addRoute:
		m.route(unix.RTM_NEWROUTE, create|flags, o.route)
	case deleteRoute:
		m.route(unix.RTM_DELROUTE, flags, o.route)
	case addNeigh:
		m.neigh(unix.RTM_NEWNEIGH, create|flags, o.neigh)
	case deleteNeigh:
		m.neigh(unix.RTM_DELNEIGH, flags, o.neigh)
	case addFDB:
		m.fdb(unix.RTM_NEWNEIGH, create|flags, o.fdb)
	case deleteFDB:
		m.fdb(unix.RTM_DELNEIGH, flags, o.fdb)
	}
}

func (m *message) addr(typ, flags uint16, a addr) {
	at := m.start(typ, flags)
	ip, quick := a.prefix.Addr(), byte(0)
	if ip.Is6() {
		quick = unix.IFA_F_NODAD
	}
	m.raw(afOf(ip), byte(a.prefix.Bits()), quick, 0)
	m.b = native.AppendUint32(m.b, uint32(a.dev))
	m.ip(unix.IFA_LOCAL, ip)
	m.ip(unix.IFA_ADDRESS, ip)
	m.end(at)
}

func (m *message) route(typ, flags uint16, r route) {
	at := m.start(typ, flags)
	scope, kind, how := byte(unix.RT_SCOPE_UNIVERSE), byte(unix.RTN_UNICAST), byte(0)
	switch {
	case r.dev == 0:
		kind = unix.RTN_UNREACHABLE
	case len(r.via) == 0 && r.dst.Addr().Is4():
		scope = unix.RT_SCOPE_LINK
	case r.onlink:
		how = unix.RTNH_F_ONLINK
	}
	m.raw(afOf(r.dst.Addr()), byte(r.dst.Bits()), 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, scope, kind, how, 0, 0, 0)
	if r.dst.Bits() > 0 {
		m.ip(unix.RTA_DST, r.dst.Addr())
	}
	switch len(r.via) {
	case 0:
	case 1:
		m.ip(unix.RTA_GATEWAY, r.via[0])
	default:
		m.multipath(r)
		m.end(at)
		return
	}
	if r.dev != 0 {
		m.u32(unix.RTA_OIF, uint32(r.dev))
	}
	m.end(at)
}

// multipath appends a route's several gateways, each a struct rtnexthop.
func (m *message) multipath(r route) {
	all := m.nest(unix.RTA_MULTIPATH)
	for _, gw := range r.via {
		hop := len(m.b)
		m.raw(make([]byte, unix.SizeofRtNexthop)...)
		native.PutUint32(m.b[hop+4:], uint32(r.dev))
		m.ip(unix.RTA_GATEWAY, gw)
		native.PutUint16(m.b[hop:], uint16(len(m.b)-hop))
	}
	m.unnest(all)
}

func (m *message) neigh(typ, flags uint16, n neigh) {
	at := m.start(typ, flags)
	m.ndmsg(afOf(n.ip), n.dev, unix.NUD_PERMANENT, 0)
	m.ip(unix.NDA_DST, n.ip)
	m.mac(unix.NDA_LLADDR, n.mac)
	m.end(at)
}

func (m *message) fdb(typ, flags uint16, f fdb) {
	at := m.start(typ, flags)
	if f.dst.IsValid() {
		m.ndmsg(unix.AF_BRIDGE, f.dev, unix.NUD_PERMANENT, unix.NTF_SELF)
		m.ip(unix.NDA_DST, f.dst)
	} else {
		m.ndmsg(unix.AF_BRIDGE, f.dev, unix.NUD_NOARP, unix.NTF_MASTER)
	}
	m.mac(unix.NDA_LLADDR, f.mac)
	m.end(at)
}

// ndmsg is a struct ndmsg.
func (m *message) ndmsg(family byte, dev int, state uint16, flags byte) {
	m.raw(family, 0, 0, 0)
	m.b = native.AppendUint32(m.b, uint32(dev))
	m.b = native.AppendUint16(m.b, state)
	m.raw(flags, 0)
}

func afOf(ip netip.Addr) byte { return pick[byte](familyOf(ip), unix.AF_INET, unix.AF_INET6) }
