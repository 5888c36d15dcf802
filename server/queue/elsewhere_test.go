package queue

import "testing"

// TestElsewhere has who waits at one queue get a place at another.
func TestElsewhere(t *testing.T) {
	here, there := newWorld(0), newWorld(0)
	a, b := here.enter(t, Claim{Person: "a"}), here.enter(t, Claim{Person: "b", Member: true})
	here.Keep(b.Ticket, "what b wants")
	c, then, ok := here.Next()
	if !ok || c.Ticket != b.Ticket || c.Person != "b" || !c.Member || then != "what b wants" {
		t.Fatalf("the next is %+v, %q, %v", c, then, ok)
	}
	if _, ok := there.Take(c, then); ok {
		t.Error("there is room where there is none")
	}
	waits := there.enter(t, Claim{})
	there.room = 1
	if _, ok := there.Take(c, then); ok {
		t.Error("it goes past who waits there")
	}
	there.Leave(waits.Ticket)
	to, ok := there.Take(c, then)
	if got := there.where(t, to); !ok || got != "1 of 1 true" || there.Kept(to) != then {
		t.Errorf("it has %q, %v, and %q", got, ok, there.Kept(to))
	}
	if _, ok := there.Take(c, then); ok {
		t.Error("there is one place for two")
	}
	if p := there.enter(t, Claim{Person: "new"}); p == nil {
		t.Error("somebody took what was held")
	}
	if !here.Move(b.Ticket, to) || here.Move(b.Ticket, to) {
		t.Error("a ticket is moved once")
	}
	if got, ok := here.Moved(b.Ticket); !ok || got != to {
		t.Errorf("it stands for %q", got)
	}
	if got := here.where(t, b.Ticket); got != "1 of 1 true" || here.Kept(b.Ticket) != then {
		t.Errorf("whose ticket it was is told %s", got)
	}
	if got := here.where(t, a.Ticket); got != "1 of 1 false" {
		t.Errorf("who is left: %s", got)
	}
	if p := there.enter(t, Claim{Ticket: to}); p != nil {
		t.Errorf("it was their turn: %+v", p)
	}
	here.room = 1
	here.where(t, a.Ticket)
	if _, _, ok := here.Next(); ok || here.Move(a.Ticket, to) {
		t.Error("whose turn it is goes nowhere")
	}
	for range 3 {
		here.now = here.now.Add(Hold)
		here.where(t, a.Ticket)
	}
	if _, ok := here.Moved(b.Ticket); ok {
		t.Error("it is remembered for ever")
	}
}
