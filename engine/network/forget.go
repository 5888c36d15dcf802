package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// forget drops what the nodes' connection tracking knows of a pod's addresses: the
// next pod that has them must not go on with connections that were let through
// for this one. kube-proxy looks after those of Services only.
func (n *Network) forget(addrs ...netip.Addr) error {
	var errs []error
	for _, node := range n.desired.Nodes {
		err := n.spaces[NodeVertex(node.Name)].ns.Do(func() error {
			for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
				of := flowsOf{}
				for _, a := range addrs {
					if a.IsValid() && a.Is4() == (family == unix.AF_INET) {
						of[a] = true
					}
				}
				if len(of) == 0 {
					continue
				}
				if _, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, of); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("conntrack of %s: %w", node.Name, err))
		}
	}
	return errors.Join(errs...)
}

// flowsOf are the connections that have one of some addresses in either direction.
type flowsOf map[netip.Addr]bool

func (f flowsOf) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	for _, t := range []netlink.IPTuple{flow.Forward, flow.Reverse} {
		for _, ip := range [][]byte{t.SrcIP, t.DstIP} {
			if a, ok := netip.AddrFromSlice(ip); ok && f[a.Unmap()] {
				return true
			}
		}
	}
	return false
}
