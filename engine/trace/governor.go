package trace

import (
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/engine/trace/capture"
	"github.com/podhop/podhop/engine/trace/record"
)

const (
	// window is how long a rate must last to count.
	window = 200 * time.Millisecond
	// hold is how long the governor captures edges only before it tries all again;
	// each try that fails doubles it, up to maxHold.
	hold, maxHold = 2 * time.Second, 16 * time.Second
)

// A governor turns to capturing only the beginnings and ends of TCP connections
// while there are more packets than anybody could look at: joining them all would
// slow down the very traffic that is watched.
type governor struct {
	limit float64 // frames a second
	say   func(reason string)

	captures *captures
	on       atomic.Bool

	// The loop's alone:
	since  time.Time // the window's start
	frames int
	until  time.Time // when all is tried again
	turned time.Time // when on changed
	next   time.Duration
}

func newGovernor(limit int, c *captures, say func(string)) *governor {
	if limit == 0 {
		limit = 40_000
	}
	return &governor{limit: float64(limit), say: say, captures: c, next: hold}
}

// add makes a new capture do as all others do.
func (g *governor) add(c *capture.Capture) {
	g.captures.add(c)
	if g.on.Load() {
		c.EdgesOnly(true)
	}
}

// see counts a batch.
func (g *governor) see(b *record.Batch, now time.Time) {
	if g.frames += len(b.Frames); g.since.IsZero() {
		g.since = now
	}
	took := now.Sub(g.since)
	if took < window {
		return
	}
	rate := float64(g.frames) / took.Seconds()
	g.frames, g.since = 0, now
	switch {
	case !g.on.Load() && rate > g.limit && took < 2*window:
		g.until = now.Add(g.next)
		g.next = min(2*g.next, maxHold)
		g.turned = now
		g.set(true)
		g.say("too many packets at once: for a while, of TCP only the beginnings and ends of connections are captured")
	case !g.on.Load() && g.until.Before(now.Add(-maxHold)):
		g.next = hold
	}
}

// relax goes back to capturing all when it is time.
func (g *governor) relax(now time.Time) {
	if g.on.Load() && now.After(g.until) {
		g.frames, g.since, g.turned = 0, now, now
		g.set(false)
	}
}

// partial reports whether packets that are joined now may not have been captured:
// rule events come of all.
func (g *governor) partial(now time.Time) bool { return g.on.Load() || now.Sub(g.turned) < time.Second }

func (g *governor) set(on bool) {
	g.on.Store(on)
	g.captures.each(func(c *capture.Capture) { c.EdgesOnly(on) }) // fails only if it is closing
}
