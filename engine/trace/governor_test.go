package trace

import (
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

func TestGovernor(t *testing.T) {
	var said []model.Capture
	g := newGovernor(1000, &captures{}, func(c model.Capture) { said = append(said, c) })
	now, passed, last := time.Unix(1000, 0), uint64(0), time.Unix(1000, 0)
	g.passed = func() uint64 { return passed }
	g.reset(now)
	send := func(perSecond int, d time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(10 * time.Millisecond) {
			passed += uint64(perSecond / 100)
			if !g.on.Load() {
				g.see(perSecond/100, now)
				g.took(perSecond / 100)
			}
			if now.Sub(last) >= time.Second {
				last = now
				g.look(now)
			}
		}
	}
	send(900, 3*time.Second)
	g.see(100, now) // a burst
	g.took(100)
	if g.on.Load() || len(said) != 0 {
		t.Fatalf("on below the limit: %+v", said)
	}
	send(100, time.Second)
	send(2000, time.Second)
	if !g.on.Load() || len(said) == 0 || said[0].Mode != model.CaptureEdges || said[0].Skipped != 0 || said[0].Since == 0 || said[0].Reason == "" {
		t.Fatalf("not on above the limit: %+v", said)
	}
	send(2000, 10*time.Second)
	if m := said[len(said)-1]; !g.on.Load() || m.Mode != model.CaptureEdges || m.Since != said[0].Since || m.Skipped < 9*2000 || m.Skipped > 12*2000 {
		t.Fatalf("does not say that it goes on, or how many were left out: %+v", m)
	}
	send(600, 3*time.Second)
	if !g.on.Load() {
		t.Fatal("off before it is calm")
	}
	send(300, 3*time.Second)
	if m := said[len(said)-1]; g.on.Load() || m.Mode != model.CaptureAll || m.Since <= said[0].Since || m.Skipped < 10*2000 {
		t.Fatalf("not off when it is calm: %+v", m)
	}
	// A second flood counts from nothing.
	said = nil
	send(2000, time.Second)
	if len(said) == 0 || said[0].Skipped != 0 {
		t.Fatalf("%+v", said)
	}
	// Who begins to watch begins with all.
	g.reset(now)
	if m := said[len(said)-1]; g.on.Load() || m.Mode != model.CaptureAll {
		t.Fatalf("%+v", m)
	}
	// Few are too many for who does not keep up with them.
	said = nil
	for range 10 {
		send(100, time.Second)
		g.see(30, now)
	}
	if !g.on.Load() || len(said) == 0 || said[0].Mode != model.CaptureEdges {
		t.Fatalf("not on when the loop is behind: %+v", said)
	}
}
