package trace

import (
	"testing"
	"time"

	"github.com/podhop/podhop/engine/trace/record"
)

func TestGovernor(t *testing.T) {
	said := 0
	g := newGovernor(1000, &captures{}, func(string) { said++ })
	now := time.Unix(1000, 0)
	send := func(perSecond int, d time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(10 * time.Millisecond) {
			g.see(&record.Batch{Frames: make([]record.Frame, perSecond/100)}, now)
			g.relax(now)
		}
	}
	send(900, time.Second)
	if g.on.Load() || said != 0 {
		t.Fatal("on below the limit")
	}
	send(2000, 500*time.Millisecond)
	if !g.on.Load() || said != 1 {
		t.Fatal("not on above the limit")
	}
	send(10, hold)
	if g.on.Load() {
		t.Fatal("still on after the hold")
	}
	send(2000, time.Second)
	if !g.on.Load() || said != 2 {
		t.Fatal("not on again")
	}
	send(10, hold+hold/2)
	if !g.on.Load() {
		t.Fatal("the second hold is no longer than the first")
	}
	send(10, hold+maxHold+time.Second)
	if g.on.Load() || g.next != hold {
		t.Fatalf("peace is not trusted: %v", g.next)
	}
	// A burst after a silence is no rate.
	now = now.Add(time.Minute)
	g.see(&record.Batch{Frames: make([]record.Frame, 5000)}, now)
	if g.on.Load() {
		t.Fatal("on for a burst")
	}
}
