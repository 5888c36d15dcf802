package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// check says what is wrong with what is desired, before anything is changed.
func (d Desired) check(s site) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if d.CNI != "" && !slices.Contains(CNIs(), d.CNI) {
		fail("cni %q: %w: there are %v", d.CNI, ErrInvalid, CNIs())
	}
	dual := d.ClientIP6.IsValid()
	if dual && s.noSysctl {
		// Unlike IPv4's, netlink cannot turn IPv6's forwarding on.
		fail("%w: dual stack needs a /proc/sys that can be written", ErrInvalid)
	}
	names := map[string]bool{}
	owners := map[netip.Addr]string{}
	own := func(ip netip.Addr, who string, wanted bool) {
		switch {
		case ip.IsValid() != wanted:
			fail("%s: %w: address %v in a session where dual stack is %v", who, ErrInvalid, ip, dual)
		case !wanted:
		case owners[ip] != "":
			fail("%s and %s: %w: both have %s", owners[ip], who, ErrInvalid, ip)
		default:
			owners[ip] = who
		}
	}
	own(d.ClientIP, "client", true)
	own(d.ClientIP6, "client", dual)
	own(d.ControlPlane, "control plane", d.ControlPlane.IsValid())
	own(d.ControlPlane6, "control plane", dual && d.ControlPlane6.IsValid())
	for i, n := range d.Nodes {
		if n.Name == "" || names[n.Name] {
			fail("node %q: %w: names must be there, and differ", n.Name, ErrInvalid)
		}
		names[n.Name] = true
		own(n.IP, "node "+n.Name, true)
		own(n.IP6, "node "+n.Name, dual)
		for _, f := range d.families() {
			// Of two addresses the first names the network, and the other is the gateway.
			if p := n.pods(f); !p.IsValid() || p.Addr().BitLen()-p.Bits() < 2 || p.Addr().Is4() != (f == v4) {
				fail("node %s: %w: pod CIDR %v", n.Name, ErrInvalid, p)
				continue
			}
			for _, m := range d.Nodes[:i] {
				if m.pods(f).Overlaps(n.pods(f)) {
					fail("nodes %s and %s: %w: pod CIDRs %s and %s overlap", m.Name, n.Name, ErrInvalid, m.pods(f), n.pods(f))
				}
			}
		}
	}
	d.checkFaults(fail)
	return errors.Join(errs...)
}
