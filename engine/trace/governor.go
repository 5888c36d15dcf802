package trace

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/capture"
)

const (
	// burst is how long packets may come at twice the limit: many that come at once and
	// are over soon can all be told, though later.
	burst = 250 * time.Millisecond
	// calm is for how many looks in a row, a second apart, no more than half the limit
	// must have passed before all is captured again.
	calm = 2
)

// Reasons of a model.Capture.
const (
	reasonFlood   = "too many packets at once to capture them all without slowing them down: of TCP only the beginnings and ends of connections are captured"
	reasonShare   = "too many packets to capture them all while other sessions need the server: of TCP only the beginnings and ends of connections are captured"
	reasonSamples = "too many packets to capture them all while other sessions need the server: only samples are, and of TCP only the beginnings and ends of connections"
	reasonCalm    = "there are few enough packets to capture them all again"
)

// A governor turns to capturing only the beginnings and ends of TCP connections
// while there are more packets than anybody could look at: capturing and joining them
// all would slow down the very traffic that is watched. When few enough pass, which
// their devices count, it turns back.
type governor struct {
	limit    float64 // frames a second
	say      func(model.Capture)
	captures *captures
	passed   func() uint64 // how many packets the devices have counted
	on       atomic.Bool
	turned   atomic.Int64 // when on changed, in nanoseconds since the Unix epoch

	setting sync.Mutex // held while the captures are told

	waiting atomic.Int64 // frames that were read and not joined yet

	mu     sync.Mutex
	room   float64   // frames, before it turns
	at     time.Time // when room was worked out
	reason string    // of the latest turn
	// Nothing is captured now; nothing was for some time since the last look; it is told so.
	resting, sampled, sampling bool
	// Since it turned to edges, and since the last look at the devices' counters:
	skipped uint64
	seen    uint64 // frames captured
	count   uint64 // of the devices
	looked  time.Time
	calm    int // looks in a row
}

func newGovernor(limit int, c *captures, say func(model.Capture)) *governor {
	if limit == 0 {
		limit = 40_000
	}
	return &governor{limit: float64(limit), say: say, captures: c, passed: c.passed}
}

// reset begins anew, with all.
func (g *governor) reset(now time.Time) {
	g.mu.Lock()
	g.room, g.at = g.limit*burst.Seconds(), now
	g.mu.Unlock()
	if g.on.Load() {
		g.turn(false, now, reasonCalm)
	}
}

// add makes a new capture do as all others do.
func (g *governor) add(c *capture.Capture) {
	g.setting.Lock()
	defer g.setting.Unlock()
	g.captures.add(c)
	if g.on.Load() {
		c.EdgesOnly(true)
	}
	g.mu.Lock()
	resting := g.resting
	g.mu.Unlock()
	if resting {
		c.Rest(true)
	}
}

// see counts frames as they are read, before they wait for the loop: when that lags it
// is too late. What it cannot keep up with is too much, too, however little that is on
// a machine that has more to do. It may be called from any goroutine.
func (g *governor) see(frames int, now time.Time) {
	g.mu.Lock()
	g.room = min(g.limit*burst.Seconds(), g.room+g.limit*max(0, now.Sub(g.at).Seconds())) - float64(frames)
	g.at = now
	g.seen += uint64(frames)
	behind := float64(g.waiting.Add(int64(frames))) > g.limit*burst.Seconds()
	turn := (g.room < 0 || behind) && !g.on.Load()
	if turn {
		g.begin()
	}
	g.mu.Unlock()
	if turn {
		g.turn(true, now, reasonFlood)
	}
}

// begin is for who turns to edges next. g.mu is held.
func (g *governor) begin() {
	g.on.Store(true)
	g.skipped, g.seen, g.calm, g.looked = 0, 0, 0, time.Time{}
	g.sampled, g.sampling = false, false
}

// left counts frames that were captured, and are not told.
func (g *governor) left(frames int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.skipped += uint64(frames)
}

// took says that frames wait no more.
func (g *governor) took(frames int) { g.waiting.Add(-int64(frames)) }

// look is called every second, and turns back when it is time.
func (g *governor) look(now time.Time) {
	if !g.on.Load() {
		return
	}
	count := g.passed()
	g.mu.Lock()
	if g.looked.IsZero() { // it is just being turned
		g.mu.Unlock()
		return
	}
	more := count - min(count, g.count) // a device that went took its count along
	if g.sampled || float64(more) > g.limit/2*now.Sub(g.looked).Seconds() {
		g.calm = 0
	} else {
		g.calm++
	}
	g.skipped += more - min(more, g.seen)
	g.count, g.looked, g.seen = count, now, 0
	back := g.calm >= calm
	g.sampling, g.sampled = g.sampled, g.resting
	g.mu.Unlock()
	if back {
		g.reset(now)
		return
	}
	g.setting.Lock()
	defer g.setting.Unlock()
	if g.on.Load() {
		g.edgesOnly(true) // of new devices, too
		g.tell()
	}
}

// partial reports whether packets that are joined now may not have been captured:
// rule events come of all.
func (g *governor) partial(now time.Time) bool {
	return g.on.Load() || now.UnixNano()-g.turned.Load() < time.Second.Nanoseconds()
}

func (g *governor) turn(on bool, now time.Time, reason string) {
	g.setting.Lock()
	defer g.setting.Unlock()
	g.on.Store(on)
	g.turned.Store(now.UnixNano())
	g.edgesOnly(on)
	count := uint64(0)
	if on {
		count = g.passed()
	}
	g.mu.Lock()
	g.reason = reason
	if on {
		g.count, g.looked = count, now
	}
	g.mu.Unlock()
	g.tell()
}

// edgesOnly tells all captures, at once: each waits for the kernel to have changed its rules,
// and what the others capture meanwhile is what there is too much of.
func (g *governor) edgesOnly(on bool) {
	var telling sync.WaitGroup
	g.captures.each(func(c *capture.Capture) {
		telling.Go(func() { c.EdgesOnly(on) }) // fails only if it is closing
	})
	telling.Wait()
}

// tell says what is captured now. g.setting is held.
func (g *governor) tell() {
	c := model.Capture{Mode: model.CaptureAll, Since: g.turned.Load()}
	g.mu.Lock()
	c.Reason, c.Skipped = g.reason, g.skipped
	switch {
	case !g.on.Load():
	case g.sampling:
		c.Mode, c.Reason = model.CaptureSamples, reasonSamples
	default:
		c.Mode = model.CaptureEdges
	}
	g.mu.Unlock()
	g.say(c)
}
