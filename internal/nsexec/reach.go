package nsexec

import (
	"net/netip"
	"slices"
	"strings"
)

// A Reach is what may be connected to outside, for one purpose. The zero one is nothing.
//
// Each purpose has its own, because some addresses are of a learner's choosing (an image's
// registry) and others of whoever runs the server (its etcd, its provider of accounts): what the
// server may ask for itself, it must not be led to.
type Reach struct {
	// Public is all that is the public Internet's (RFC 6890).
	Public bool
	// Named are addresses, "ip:port", public or not. By a name, "name:port", it is whatever
	// that is when it is dialled.
	Named []string
	// Within is all that is in there, public or not.
	Within []netip.Prefix
}

// may tells whether an address, "ip:port" or "name:port", may be connected to. Of a name that is
// not Named only the address that it turns out to have tells.
func (r Reach) may(address string) bool {
	if slices.ContainsFunc(r.Named, func(n string) bool { return strings.EqualFold(n, address) }) {
		return true
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	ip := ap.Addr().Unmap()
	return r.Public && public(ip) ||
		slices.ContainsFunc(r.Within, func(p netip.Prefix) bool { return p.Contains(ip) }) ||
		slices.ContainsFunc(r.Named, func(n string) bool {
			named, err := netip.ParseAddrPort(n)
			return err == nil && named.Addr().Unmap() == ip && named.Port() == ap.Port()
		})
}

// shared is RFC 6598's, which package netip does not count as private.
var shared = netip.MustParsePrefix("100.64.0.0/10")

func public(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}
