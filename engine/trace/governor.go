package trace

import (
	"sync"
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

	mu       sync.Mutex
	captures map[*capture.Capture]bool
	on       bool

	// The loop's alone:
	since  time.Time // the window's start
	frames int
	until  time.Time // when all is tried again
	turned time.Time // when on changed
	next   time.Duration
}

func newGovernor(limit int, say func(string)) *governor {
	if limit == 0 {
		limit = 40_000
	}
	return &governor{limit: float64(limit), say: say, captures: map[*capture.Capture]bool{}, next: hold}
}

func (g *governor) add(c *capture.Capture) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.captures[c] = true
	if g.on {
		c.EdgesOnly(true)
	}
}

func (g *governor) remove(c *capture.Capture) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.captures, c)
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
	case !g.on && rate > g.limit && took < 2*window:
		g.until = now.Add(g.next)
		g.next = min(2*g.next, maxHold)
		g.turned = now
		g.set(true)
		g.say("too many packets at once: for a while, of TCP only the beginnings and ends of connections are captured")
	case !g.on && g.until.Before(now.Add(-maxHold)):
		g.next = hold
	}
}

// relax goes back to capturing all when it is time.
func (g *governor) relax(now time.Time) {
	if g.on && now.After(g.until) {
		g.frames, g.since, g.turned = 0, now, now
		g.set(false)
	}
}

// partial reports whether packets that are joined now may not have been captured:
// rule events come of all.
func (g *governor) partial(now time.Time) bool { return g.on || now.Sub(g.turned) < time.Second }

func (g *governor) set(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.on = on
	for c := range g.captures {
		c.EdgesOnly(on) // fails only if the capture is closing
	}
}
