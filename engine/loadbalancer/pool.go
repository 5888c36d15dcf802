package loadbalancer

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

var (
	// ErrExhausted says that every address of a pool is a load balancer's already.
	ErrExhausted = errors.New("no free address")
	// ErrAddressInUse says that another Service has the address that one asks for.
	ErrAddressInUse = errors.New("address in use")
	// ErrNoSuchAddress says that the address asked for is in no pool of its family.
	ErrNoSuchAddress = errors.New("no load balancer's address")
)

// A pool hands out the addresses of one prefix but for its first, and for IPv4 its
// last, which are the network's own.
type pool struct {
	prefix netip.Prefix
	taken  map[netip.Addr]types.UID
}

func newPool(p netip.Prefix) *pool {
	return &pool{prefix: p.Masked(), taken: map[netip.Addr]types.UID{}}
}

// holds tells whether the pool may hand an address out.
func (p *pool) holds(a netip.Addr) bool {
	return p.prefix.Contains(a) && a != p.prefix.Addr() && (a.Is6() || p.prefix.Contains(a.Next()))
}

// take gives owner the address that it wants, or with the zero Addr one that it has,
// or else the lowest free one.
func (p *pool) take(owner types.UID, wanted netip.Addr) (netip.Addr, error) {
	if wanted.IsValid() {
		if !p.holds(wanted) {
			return netip.Addr{}, fmt.Errorf("%s: %w: they are in %s", wanted, ErrNoSuchAddress, p.prefix)
		}
		if by, ok := p.taken[wanted]; ok && by != owner {
			return netip.Addr{}, fmt.Errorf("%s: %w by another Service", wanted, ErrAddressInUse)
		}
		p.taken[wanted] = owner
		return wanted, nil
	}
	for a, by := range p.taken {
		if by == owner {
			return a, nil
		}
	}
	for a := p.prefix.Addr().Next(); p.holds(a); a = a.Next() {
		if _, ok := p.taken[a]; !ok {
			p.taken[a] = owner
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%w in %s", ErrExhausted, p.prefix)
}

// keep takes all addresses back from owner but some.
func (p *pool) keep(owner types.UID, some []netip.Addr) {
	for a, by := range p.taken {
		if by == owner && !slices.Contains(some, a) {
			delete(p.taken, a)
		}
	}
}
