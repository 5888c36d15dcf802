package network

import (
	"errors"
	"net/netip"
	"testing"
)

func TestIPAM(t *testing.T) {
	m := newIPAM(netip.MustParsePrefix("10.244.1.0/29"))
	if m.gateway() != ip("10.244.1.1") {
		t.Error(m.gateway())
	}
	take := func(id, want string) {
		t.Helper()
		a, err := m.allocate(id)
		if err != nil || a != ip(want) {
			t.Errorf("%s: %v %v, want %s", id, a, err, want)
		}
	}
	take("a", "10.244.1.2")
	take("b", "10.244.1.3")
	if err := m.reserve("c", ip("10.244.1.5")); err != nil {
		t.Error(err)
	}
	take("d", "10.244.1.4")
	m.release("a", ip("10.244.1.3")) // not a's
	take("e", "10.244.1.6")
	if a, err := m.allocate("f"); !errors.Is(err, ErrNoAddress) {
		t.Errorf("got %v %v from a full prefix", a, err)
	}
	m.release("b", ip("10.244.1.3"))
	take("f", "10.244.1.3")
	if err := m.reserve("f", ip("10.244.1.3")); err != nil {
		t.Error(err)
	}
	if err := m.reserve("g", ip("10.244.1.3")); !errors.Is(err, ErrAddressInUse) {
		t.Error(err)
	}
	for _, a := range []string{"10.244.1.0", "10.244.1.1", "10.244.2.2"} {
		if err := m.reserve("g", ip(a)); err == nil {
			t.Errorf("reserved %s", a)
		}
	}
}

// An IPv6 address comes again only when all have been.
func TestIPAM6(t *testing.T) {
	m := newIPAM(netip.MustParsePrefix("fd00::/125"))
	for i, want := range []string{"fd00::2", "fd00::3", "fd00::4", "fd00::5", "fd00::6", "fd00::2"} {
		a, err := m.allocate("a")
		if err != nil || a != ip(want) {
			t.Errorf("%d: %v %v, want %s", i, a, err, want)
		}
		m.release("a", a)
	}
}
