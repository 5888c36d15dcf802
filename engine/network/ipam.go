package network

import (
	"fmt"
	"net/netip"
)

// ipam hands out one node's pod addresses, as the CNI plugin host-local does:
// from the prefix' third address on (the first names the network, the second is the
// gateway), each after the one handed out before, so that an address that is given back
// is not another pod's at once; the last one, the broadcast address, is never used.
type ipam struct {
	prefix netip.Prefix
	used   map[netip.Addr]string // by pod id
	last   netip.Addr            // that was handed out
}

func newIPAM(p netip.Prefix) *ipam {
	return &ipam{prefix: p.Masked(), used: map[netip.Addr]string{}}
}

func (m *ipam) gateway() netip.Addr { return m.prefix.Addr().Next() }

// allocate returns the next address.
func (m *ipam) allocate(id string) (netip.Addr, error) {
	first := m.gateway().Next()
	for _, from := range []netip.Addr{m.last.Next(), first} { // the zero Addr's next is zero
		for a := from; m.prefix.Contains(a) && m.prefix.Contains(a.Next()); a = a.Next() {
			if _, ok := m.used[a]; ok {
				continue
			}
			m.used[a], m.last = id, a
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("pod CIDR %s: %w", m.prefix, ErrNoAddress)
}

// reserve takes a given address; taking it twice for the same pod is well.
func (m *ipam) reserve(id string, a netip.Addr) error {
	if !m.prefix.Contains(a) || a.Less(m.gateway().Next()) {
		return fmt.Errorf("%s is not a pod address of %s", a, m.prefix)
	}
	if by, ok := m.used[a]; ok && by != id {
		return fmt.Errorf("%s: %w by %s", a, ErrAddressInUse, by)
	}
	m.used[a] = id
	return nil
}

func (m *ipam) release(id string, a netip.Addr) {
	if m.used[a] == id {
		delete(m.used, a)
	}
}
