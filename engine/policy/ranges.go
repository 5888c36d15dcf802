package policy

import (
	"cmp"
	"net/netip"
	"slices"
)

// A Range is the addresses from First to Last, of one family.
type Range struct{ First, Last netip.Addr }

// Contains reports whether an address is one of them.
func (r Range) Contains(a netip.Addr) bool {
	return a.BitLen() == r.First.BitLen() && !a.Less(r.First) && !r.Last.Less(a)
}

// String is the range as nft lists it, but for prefixes.
func (r Range) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	return r.First.String() + "-" + r.Last.String()
}

func rangeOf(p netip.Prefix) Range {
	p = p.Masked()
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return Range{p.Addr(), last}
}

// without is the prefix but for the excepted ones.
func without(p netip.Prefix, except []netip.Prefix) []Range {
	except = slices.Clone(except)
	slices.SortFunc(except, func(a, b netip.Prefix) int { return a.Masked().Addr().Compare(b.Masked().Addr()) })
	rest := rangeOf(p)
	var out []Range
	for _, e := range except {
		hole := rangeOf(e)
		if hole.First.BitLen() != rest.First.BitLen() || hole.Last.Less(rest.First) || rest.Last.Less(hole.First) {
			continue
		}
		if rest.First.Less(hole.First) {
			out = append(out, Range{rest.First, hole.First.Prev()})
		}
		if !hole.Last.Less(rest.Last) {
			return out
		}
		rest.First = hole.Last.Next()
	}
	return append(out, rest)
}

func contains(all []Range, a netip.Addr) bool {
	return slices.ContainsFunc(all, func(r Range) bool { return r.Contains(a) })
}

// ones makes ranges of single addresses, in order, each once.
func ones(all []netip.Addr) []Range {
	all = slices.Clone(all)
	slices.SortFunc(all, netip.Addr.Compare)
	out := make([]Range, 0, len(all))
	for _, a := range slices.Compact(all) {
		out = append(out, Range{a, a})
	}
	return out
}

func compareAddrPort(a, b netip.AddrPort) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Port(), b.Port()))
}
