package network

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

const (
	vethInfoPeer       = 1 // linux/veth.h
	ipv4DevconfForward = 1 // linux/ip.h, IPV4_DEVCONF_FORWARDING
	skipStats          = 8 // linux/rtnetlink.h, RTEXT_FILTER_SKIP_STATS
)

// addLink makes a link and, for a veth, its other end where that belongs: moving it
// there later takes the kernel 20 ms. The far end is set up by its own namespace's
// batch (IFF_UP here answers ENOTCONN).
func (m *message) addLink(l link, flags uint16, peer int) {
	at := m.start(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|flags)
	up := uint32(0)
	if l.up {
		up = unix.IFF_UP
	}
	m.ifinfo(l.index, up, unix.IFF_UP)
	m.linkAttrs(l.name, l.mac, l.mtu)
	if l.master != 0 {
		m.u32(unix.IFLA_MASTER, uint32(l.master))
	}
	info := m.nest(unix.IFLA_LINKINFO)
	m.str(unix.IFLA_INFO_KIND, l.kind)
	switch l.kind {
	case "veth":
		data, end := m.nest(unix.IFLA_INFO_DATA), m.nest(vethInfoPeer)
		m.ifinfo(l.peerIndex, 0, 0)
		m.linkAttrs(l.peerName, l.peerMAC, l.mtu)
		m.u32(unix.IFLA_NET_NS_FD, uint32(peer))
		m.unnest(end)
		m.unnest(data)
	case "vxlan":
		data := m.nest(unix.IFLA_INFO_DATA)
		m.u32(unix.IFLA_VXLAN_ID, vxlanID)
		m.u32(unix.IFLA_VXLAN_LINK, uint32(l.tunnel.dev))
		m.ip(pick[uint16](familyOf(l.tunnel.local), unix.IFLA_VXLAN_LOCAL, unix.IFLA_VXLAN_LOCAL6), l.tunnel.local)
		m.u8(unix.IFLA_VXLAN_LEARNING, 0)
		m.attr(unix.IFLA_VXLAN_PORT, binary.BigEndian.AppendUint16(nil, vxlanPort))
		m.unnest(data)
	case "bridge":
		if l.filter {
			data := m.nest(unix.IFLA_INFO_DATA)
			m.u8(unix.IFLA_BR_NF_CALL_IPTABLES, 1)
			m.u8(unix.IFLA_BR_NF_CALL_IP6TABLES, 1)
			m.unnest(data)
		}
	}
	m.unnest(info)
	m.end(at)
}

func (m *message) linkAttrs(name, mac string, mtu int) {
	m.str(unix.IFLA_IFNAME, name)
	if mac != "" {
		m.mac(unix.IFLA_ADDRESS, mac)
	}
	if mtu != 0 {
		m.u32(unix.IFLA_MTU, uint32(mtu))
	}
	// One queue, not one a CPU: it is the greater part of a veth's memory.
	m.u32(unix.IFLA_NUM_TX_QUEUES, 1)
	m.u32(unix.IFLA_NUM_RX_QUEUES, 1)
}

// changeLink does one thing to a link that is there.
func (m *message) changeLink(a action, l link, flags uint16) {
	typ, state, change := uint16(unix.RTM_SETLINK), uint32(0), uint32(0)
	switch a {
	case deleteLink:
		typ = unix.RTM_DELLINK
	case setUp:
		typ, state, change = unix.RTM_NEWLINK, unix.IFF_UP, unix.IFF_UP
	case setDown:
		typ, change = unix.RTM_NEWLINK, unix.IFF_UP
	case setPort:
		typ = unix.RTM_NEWLINK
	}
	at := m.start(typ, flags)
	m.ifinfo(l.index, state, change)
	switch a {
	case setMaster:
		m.u32(unix.IFLA_MASTER, uint32(l.master))
	case setMTU:
		m.u32(unix.IFLA_MTU, uint32(l.mtu))
	case setPort:
		info := m.nest(unix.IFLA_LINKINFO)
		m.str(unix.IFLA_INFO_SLAVE_KIND, "bridge")
		data := m.nest(unix.IFLA_INFO_SLAVE_DATA)
		m.u8(unix.IFLA_BRPORT_MODE, truth(l.port.hairpin))
		m.u8(unix.IFLA_BRPORT_ISOLATED, truth(l.port.isolated))
		m.unnest(data)
		m.unnest(info)
	case setForwarding:
		spec, inet := m.nest(unix.IFLA_AF_SPEC), m.nest(unix.AF_INET)
		conf := m.nest(unix.IFLA_INET_CONF)
		m.u32(ipv4DevconfForward, 1)
		m.unnest(conf)
		m.unnest(inet)
		m.unnest(spec)
	}
	m.end(at)
}

func truth(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// getLink asks for a device; see activate.
func (m *message) getLink(index int, flags uint16) {
	at := m.start(unix.RTM_GETLINK, flags)
	m.ifinfo(index, 0, 0)
	m.u32(unix.IFLA_EXT_MASK, skipStats)
	m.end(at)
}
