package trace

import (
	"sync"
	"time"

	"github.com/podhop/podhop/engine/trace/capture"
	"github.com/podhop/podhop/engine/trace/join"
)

// A Share is what a session has of the server beside others. It is safe for concurrent use.
type Share interface {
	// Pay tells what work took.
	Pay(took time.Duration)
	// Wait is how long no more is to be done, at least; 0 if there is room.
	Wait() time.Duration
}

// all is the share of who is alone.
type all struct{}

func (all) Pay(time.Duration)   {}
func (all) Wait() time.Duration { return 0 }

const (
	// account is how much work is paid for at once.
	account = 5 * time.Millisecond
	// besides is how much more is paid for a journey than what it takes to join and to tell it:
	// as much again is spent to read it from the rings, to encode it for who watches and to collect
	// the garbage; and it is dear, because fewer samples are as good.
	besides = 3
	// A rest lasts as long as its session is to wait, within bounds: shorter ones would leave
	// few journeys whole in between, and after longer ones others may be gone.
	restLeast, restMost = 500 * time.Millisecond, 2 * time.Second
	// remembered is how long it is known when a rest began or ended: until all that passed
	// then has been told.
	remembered = 5 * time.Second
)

// rests are times in which nothing is captured, so that other sessions have their room: what
// passes in between is told whole, and is a sample of all. Only the loop uses it.
type rests struct {
	share    Share
	governor *governor
	spent    time.Duration // and not paid yet
	on       bool
	timer    *time.Timer
	turns    []turn
}

// A turn is when a rest began or ended, from and until in nanoseconds since the Unix epoch:
// namespaces turn one after the other.
type turn struct{ from, until int64 }

func newRests(share Share, g *governor) *rests {
	r := &rests{share: share, governor: g, timer: time.NewTimer(time.Hour)}
	r.timer.Stop()
	return r
}

// spend takes notice of what was done since began.
func (r *rests) spend(began time.Time) { r.spent += (1 + besides) * time.Since(began) }

// check pays for what was done. When that is more than the session has room for, TCP is reduced
// to its edges; if it is too much still, a rest begins.
func (r *rests) check() {
	if r.spent < account {
		return
	}
	r.share.Pay(r.spent)
	r.spent = 0
	if r.on {
		return
	}
	wait := r.share.Wait()
	if wait == 0 || r.governor.crowded(time.Now()) {
		return
	}
	r.turn(true)
	r.timer.Reset(min(max(wait, restLeast), restMost))
}

// over ends a rest, if nobody needs more of it.
func (r *rests) over() {
	if wait := r.share.Wait(); wait > 0 {
		r.timer.Reset(min(wait, restMost))
		return
	}
	r.turn(false)
}

// stop ends what lasts.
func (r *rests) stop() {
	r.timer.Stop()
	if r.on {
		r.turn(false)
	}
}

func (r *rests) turn(on bool) {
	t := turn{from: time.Now().UnixNano()}
	r.on = on
	r.governor.rest(on)
	t.until = time.Now().UnixNano()
	for len(r.turns) > 0 && t.from-r.turns[0].until > remembered.Nanoseconds() {
		r.turns = r.turns[1:]
	}
	r.turns = append(r.turns, t)
}

// torn reports whether a packet was on its way when a rest began or ended: not all of it was
// captured, perhaps. hold is for how many nanoseconds a link may keep it.
func (r *rests) torn(w *join.Way, hold int64) bool {
	if len(r.turns) == 0 || !w.Seen() {
		return false
	}
	margin := slack.Nanoseconds() + hold
	first, last := w.Start(), w.Last()
	for _, t := range r.turns {
		if last >= t.from-margin && first <= t.until+margin {
			return true
		}
	}
	return false
}

// crowded turns to edges, if it is not, because others need room; and reports whether it is too
// early to see what that has brought.
func (g *governor) crowded(now time.Time) bool {
	g.mu.Lock()
	turn := !g.on.Load()
	if turn {
		g.begin()
	}
	g.mu.Unlock()
	if turn {
		g.turn(true, now, reasonShare)
	}
	return now.Sub(time.Unix(0, g.turned.Load())) < burst
}

// rest has all captures rest, or go on.
func (g *governor) rest(on bool) {
	g.setting.Lock()
	defer g.setting.Unlock()
	g.mu.Lock()
	tell := on && !g.sampling
	g.resting, g.sampled, g.sampling = on, g.sampled || on, g.sampling || on
	g.mu.Unlock()
	var telling sync.WaitGroup
	g.captures.each(func(c *capture.Capture) {
		telling.Go(func() { _ = c.Rest(on) }) // fails only if it is closing
	})
	telling.Wait()
	if tell {
		g.tell()
	}
}
