package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// linux/netfilter/nfnetlink_conntrack.h
const (
	ctDelete       = unix.NFNL_SUBSYS_CTNETLINK<<8 | 2 // IPCTNL_MSG_CT_DELETE
	ctTupleOrig    = 1
	ctTupleReply   = 2
	ctFilter       = 25
	ctTupleIP      = 1
	ctIPv4Source   = 1
	ctFilterSource = 1 // CTA_FILTER_F_CTA_IP_SRC
)

// forget drops what the nodes' connection tracking knows of a pod's address: the
// next pod that has it must not go on with connections that were let through
// for this one. kube-proxy looks after those of Services only. It is for IPv4: of IPv6
// Linux 6.18 takes others' connections too, and a node hands no such address out again.
func (n *Network) forget(ip netip.Addr) error {
	var errs []error
	for _, node := range n.desired.Nodes {
		space := n.spaces[NodeVertex(node.Name)]
		var m message
		// What it opened, and what was opened to it, by whatever address.
		m.forget(ip, ctTupleOrig)
		m.forget(ip, ctTupleReply)
		refused, err := space.nf.do(&m, m.seq)
		if err == nil && len(refused) > 0 {
			err = refused[0].err
		}
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
			err = space.forgetListed(ip)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("conntrack of %s: %w", node.Name, err))
		}
	}
	return errors.Join(errs...)
}

// forget asks for an end of connections that have an address as the source of one
// of their two directions. The kernel picks them: to have it list all takes some 20 ms
// on a machine with a large table, whatever there is in it.
func (m *message) forget(ip netip.Addr, direction uint16) {
	at := m.start(ctDelete, unix.NLM_F_ACK)
	m.raw(afOf(ip), unix.NFNETLINK_V0+1, 0, 0) // of version 0 the kernel ignores the family
	tuple := m.nest(direction | unix.NLA_F_NESTED)
	addr := m.nest(ctTupleIP | unix.NLA_F_NESTED)
	m.ip(ctIPv4Source, ip)
	m.unnest(addr)
	m.unnest(tuple)
	filter := m.nest(ctFilter | unix.NLA_F_NESTED)
	m.u32(direction, ctFilterSource)
	m.unnest(filter)
	m.end(at)
}

// forgetListed does the same where the kernel picks nothing by itself (Debian 12's 6.1): it has
// all connections of the namespace listed.
func (s *space) forgetListed(ip netip.Addr) error {
	return s.ns.Do(func() error {
		_, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, netlink.InetFamily(afOf(ip)), sourceOf(ip))
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil // what came meanwhile is no longer this pod's
		}
		return err
	})
}

// sourceOf are the connections that have an address as the source of one of their directions.
type sourceOf netip.Addr

func (s sourceOf) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	for _, t := range []netlink.IPTuple{flow.Forward, flow.Reverse} {
		if a, ok := netip.AddrFromSlice(t.SrcIP); ok && a.Unmap() == netip.Addr(s) {
			return true
		}
	}
	return false
}
