package engine

import "testing"

func TestSlots(t *testing.T) {
	s, err := newSlots(1+3*idsPerSession+7, 3)
	if err != nil || s.shared() {
		t.Fatalf("%+v %v", s, err)
	}
	for want := range 3 {
		if got, ok := s.take(); !ok || got != want {
			t.Errorf("slot %d, %v; want %d", got, ok, want)
		}
	}
	if _, ok := s.take(); ok {
		t.Error("there may be three")
	}
	// Who gives one in return has one all the same, and nobody else then.
	if got, ok := s.takeOver(); !ok || got != 3 {
		t.Errorf("slot %d, %v; want one more", got, ok)
	}
	s.give(0)
	if got, ok := s.take(); ok {
		t.Errorf("slot %d, though there are three sessions", got)
	}
	s.give(3)
	if got, ok := s.take(); !ok || got != 0 {
		t.Errorf("slot %d, %v; want the lowest", got, ok)
	}
	if _, ok := s.takeExtra(); !ok {
		t.Error("there is one beside the others")
	}
	if got, ok := s.take(); ok {
		t.Errorf("slot %d, though there are three sessions", got)
	}
	s.give(3)
	s.most--
	s.give(1)
	if got, ok := s.take(); !ok || got != 1 {
		t.Errorf("slot %d, %v; want the one given back", got, ok)
	}
	// Ranges must neither overlap nor hold the server's own root.
	next := 1
	for i := range 3 {
		m := s.ids(i)[0]
		if m.Inner != 0 || m.Outer != next || m.Size != idsPerSession {
			t.Errorf("slot %d: %+v", i, m)
		}
		next = m.Outer + m.Size
	}
	if _, err := newSlots(1000, 10); err == nil {
		t.Error("1000 ids are too few")
	}
	if s, err := newSlots(1+2*idsPerSession, 5); err != nil || !s.shared() || s.ids(0)[0] != s.ids(4)[0] || s.ids(0)[0] == s.ids(1)[0] {
		t.Errorf("five sessions on two ranges: %+v %v", s, err)
	}
	if s, err := newSlots(idsPerSession, 2); err != nil || !s.shared() || s.ids(1)[0].Outer != 1 || s.ids(1)[0].Size != idsPerSession-1 {
		t.Errorf("the ids of a container whose root is mapped: %+v %v", s, err)
	}
	if s, err := newSlots(1, 2); err != nil || s.ids(0)[0].Size != 1 {
		t.Errorf("a single id: %+v %v", s, err)
	}
}
