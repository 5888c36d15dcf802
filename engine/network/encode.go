package network

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	vethInfoPeer       = 1 // linux/veth.h
	ipv4DevconfForward = 1 // linux/ip.h, IPV4_DEVCONF_FORWARDING
	skipStats          = 8 // linux/rtnetlink.h, RTEXT_FILTER_SKIP_STATS
	nftSubsystem       = unix.NFNL_SUBSYS_NFTABLES << 8
)

// encode appends one rtnetlink operation; peer is the descriptor of the namespace
// that a veth's other end goes to.
func (m *message) encode(o op, flags uint16, peer int) {
	const create = unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	switch o.action {
	case addLink:
		m.addLink(o.link, flags, peer)
	case deleteLink:
		at := m.start(unix.RTM_DELLINK, flags)
		m.ifinfo(o.link.index, 0, 0)
		m.end(at)
	case setUp:
		at := m.start(unix.RTM_NEWLINK, flags)
		m.ifinfo(o.link.index, unix.IFF_UP, unix.IFF_UP)
		m.end(at)
	case setForwarding:
		at := m.start(unix.RTM_SETLINK, flags)
		m.ifinfo(o.link.index, 0, 0)
		spec, inet := m.nest(unix.IFLA_AF_SPEC), m.nest(unix.AF_INET)
		conf := m.nest(unix.IFLA_INET_CONF)
		m.u32(ipv4DevconfForward, 1)
		m.unnest(conf)
		m.unnest(inet)
		m.unnest(spec)
		m.end(at)
	case addAddr:
		at := m.start(unix.RTM_NEWADDR, create|flags)
		m.raw(family(o.addr.prefix.Addr()), byte(o.addr.prefix.Bits()), 0, 0)
		m.b = native.AppendUint32(m.b, uint32(o.addr.dev))
		m.ip(unix.IFA_LOCAL, o.addr.prefix.Addr())
		m.ip(unix.IFA_ADDRESS, o.addr.prefix.Addr())
		m.end(at)
	case addRoute:
		at := m.start(unix.RTM_NEWROUTE, create|flags)
		m.route(o.route)
		m.end(at)
	case deleteRoute:
		at := m.start(unix.RTM_DELROUTE, flags)
		m.route(o.route)
		m.end(at)
	case addNeigh:
		at := m.start(unix.RTM_NEWNEIGH, create|flags)
		m.raw(family(o.neigh.ip), 0, 0, 0)
		m.b = native.AppendUint32(m.b, uint32(o.neigh.dev))
		m.b = native.AppendUint16(m.b, unix.NUD_PERMANENT)
		m.raw(0, 0)
		m.ip(unix.NDA_DST, o.neigh.ip)
		m.mac(unix.NDA_LLADDR, o.neigh.mac)
		m.end(at)
	}
}

func (m *message) route(r route) {
	scope, kind := byte(unix.RT_SCOPE_UNIVERSE), byte(unix.RTN_UNICAST)
	switch {
	case r.dev == 0:
		kind = unix.RTN_UNREACHABLE
	case len(r.via) == 0 && r.dst.Addr().Is4():
		scope = unix.RT_SCOPE_LINK
	}
	m.raw(family(r.dst.Addr()), byte(r.dst.Bits()), 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_BOOT, scope, kind, 0, 0, 0, 0)
	if r.dst.Bits() > 0 {
		m.ip(unix.RTA_DST, r.dst.Addr())
	}
	switch len(r.via) {
	case 0:
	case 1:
		m.ip(unix.RTA_GATEWAY, r.via[0])
	default:
		m.multipath(r)
		return
	}
	if r.dev != 0 {
		m.u32(unix.RTA_OIF, uint32(r.dev))
	}
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

func family(ip netip.Addr) byte {
	if ip.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// addLink makes a link and, for a veth, its other end where that belongs: moving it
// there later takes the kernel 20 ms. The far end is set up by its own namespace's
// batch (IFF_UP here answers ENOTCONN).
func (m *message) addLink(l link, flags uint16, peer int) {
	at := m.start(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|flags)
	m.ifinfo(l.index, unix.IFF_UP, unix.IFF_UP)
	m.linkAttrs(l.name, l.mac)
	if l.master != 0 {
		m.u32(unix.IFLA_MASTER, uint32(l.master))
	}
	info := m.nest(unix.IFLA_LINKINFO)
	m.str(unix.IFLA_INFO_KIND, l.kind)
	if l.kind == "veth" {
		data, end := m.nest(unix.IFLA_INFO_DATA), m.nest(vethInfoPeer)
		m.ifinfo(l.peerIndex, 0, 0)
		m.linkAttrs(l.peerName, l.peerMAC)
		m.u32(unix.IFLA_NET_NS_FD, uint32(peer))
		m.unnest(end)
		m.unnest(data)
	}
	m.unnest(info)
	m.end(at)
}

func (m *message) linkAttrs(name, mac string) {
	m.str(unix.IFLA_IFNAME, name)
	if mac != "" {
		m.mac(unix.IFLA_ADDRESS, mac)
	}
	// One queue, not one a CPU: it is the greater part of a veth's memory.
	m.u32(unix.IFLA_NUM_TX_QUEUES, 1)
	m.u32(unix.IFLA_NUM_RX_QUEUES, 1)
}

// getLink asks for a device; see activate.
func (m *message) getLink(index int, flags uint16) {
	at := m.start(unix.RTM_GETLINK, flags)
	m.ifinfo(index, 0, 0)
	m.u32(unix.IFLA_EXT_MASK, skipStats)
	m.end(at)
}

// guards appends one nftables transaction that adds or deletes elements, and
// returns the number of the message that is acknowledged.
func (m *message) guards(ops []op) (last uint32) {
	marker := func(typ uint16) {
		at := m.start(typ, 0)
		m.raw(unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES)
		m.end(at)
	}
	marker(unix.NFNL_MSG_BATCH_BEGIN)
	for _, o := range ops {
		typ, flags := uint16(nftSubsystem|unix.NFT_MSG_NEWSETELEM), uint16(unix.NLM_F_CREATE|unix.NLM_F_ACK)
		if o.action == deleteGuard {
			typ, flags = nftSubsystem|unix.NFT_MSG_DELSETELEM, unix.NLM_F_ACK
		}
		at := m.start(typ, flags)
		last = m.seq
		m.raw(unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0)
		m.str(unix.NFTA_SET_ELEM_LIST_TABLE, guardTable)
		m.str(unix.NFTA_SET_ELEM_LIST_SET, guardSet)
		list := m.nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS | unix.NLA_F_NESTED)
		elem := m.nest(unix.NFTA_LIST_ELEM | unix.NLA_F_NESTED)
		key := m.nest(unix.NFTA_SET_ELEM_KEY | unix.NLA_F_NESTED)
		m.attr(unix.NFTA_DATA_VALUE, guardKey(o.guard.device, o.guard.ip))
		m.unnest(key)
		m.unnest(elem)
		m.unnest(list)
		m.end(at)
	}
	marker(unix.NFNL_MSG_BATCH_END)
	return last
}

// guardKey is an ifname . ipv4_addr.
func guardKey(device string, ip netip.Addr) []byte {
	key := make([]byte, unix.IFNAMSIZ, unix.IFNAMSIZ+4)
	copy(key, device)
	return append(key, ip.AsSlice()...)
}
