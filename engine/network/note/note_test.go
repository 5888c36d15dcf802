package note

import "testing"

func TestLost(t *testing.T) {
	for _, want := range []Lost{{2, true, 300}, {2, false, 5}, {10234, true, 1000}} {
		name := want.Device()
		if got, ok := ParseLost(name); !ok || got != want || len(name) > 15 || !IsDetour(name) {
			t.Errorf("%s reads back as %+v", name, got)
		}
	}
	if s := (Lost{Share: 305}).Percent(); s != "30.5%" {
		t.Error(s)
	}
}

func TestHeld(t *testing.T) {
	if got, ok := ParseHeld(Held(102)); !ok || got != 102 {
		t.Errorf("reads back as %d", got)
	}
	for _, other := range []string{"eth0", "held-", "lost-", "lost-2x3", "veth12345678", "cni0"} {
		if IsDetour(other) {
			t.Errorf("%s is one", other)
		}
	}
}
