package seats

import (
	"maps"
	"runtime"
	"sync"
	"time"
)

const (
	// burst is how long seats may be taken before anybody's share is asked about: what kubectl
	// asks for when it applies a hundred objects fits into it twice.
	burst = 2 * time.Second
	// lone is the most that a session owes whom nobody shared the server with.
	lone = burst / 8
	// recent is how long a session counts as one that does something. A container that starts
	// keeps the API waiting as long, and its learner too.
	recent = 2 * time.Second
	// quarter of the cores is what those have together who used up their burst, while others
	// are there who did not.
	quarter = 4
	// again is how often who waits for their share looks whether others are still there.
	again = 50 * time.Millisecond
)

// A Hall is where all sessions have their seats. Sessions pay for the time that their requests
// take: from a purse of two seconds, which fills again. Whoever has nothing left takes seats as
// ever while nobody else does anything, or only others do who have nothing left either; beside the
// others, all of them together have a quarter of the cores. It is safe for concurrent use.
type Hall struct {
	cores int

	mu      sync.Mutex
	last    doing                // who did something last
	another doing                // and who did before, of all others
	poor    map[*Seats]time.Time // who had nothing left, and when last
}

type doing struct {
	who *Seats
	at  time.Time
}

// NewHall returns a hall of the machine's cores.
func NewHall() *Hall { return &Hall{cores: runtime.GOMAXPROCS(0)} }

// Seats returns the share of one more who has its own.
func (h *Hall) Seats() *Seats {
	return &Seats{hall: h, free: make(chan struct{}, max(2, h.cores/2)), purse: purse{left: burst, at: time.Now()}}
}

// saw notes that somebody does something, so that others leave them room.
func (h *Hall) saw(who *Seats, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last.who != who {
		h.another = h.last
	}
	h.last = doing{who, now}
}

// crowded reports whether anybody does something but who asks.
func (h *Hall) crowded(who *Seats, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	other := h.last
	if other.who == who {
		other = h.another
	}
	return other.who != nil && now.Sub(other.at) < recent
}

// forget keeps nothing of who does nothing any more.
func (h *Hall) forget(who *Seats) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.poor, who)
	if h.another.who == who {
		h.another = doing{}
	}
	if h.last.who == who {
		h.last, h.another = h.another, doing{}
	}
}

// owing notes that somebody has nothing left.
func (h *Hall) owing(who *Seats, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.poor == nil {
		h.poor = map[*Seats]time.Time{}
	}
	h.poor[who] = now
}

// rate is what a purse gets a second: those that have nothing left share what there is.
func (h *Hall) rate(now time.Time) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.poor, func(_ *Seats, at time.Time) bool { return now.Sub(at) >= recent })
	return float64(h.cores) / quarter / float64(max(len(h.poor), 1))
}

// A purse is the time that somebody may take seats for yet. It is less than nothing if they took
// more than they had.
type purse struct {
	mu   sync.Mutex
	left time.Duration
	at   time.Time
}

// fill gives a purse what has come since. p.mu is held.
func (p *purse) fill(now time.Time, rate float64) {
	p.left = min(p.left+time.Duration(rate*float64(now.Sub(p.at))), burst)
	p.at = now
}

// Act notes that the session does something for which others are to leave it room. Who has
// used up most of what they had is not counted: they leave each other none.
func (s *Seats) Act() {
	now := time.Now()
	rate := s.hall.rate(now)
	s.purse.mu.Lock()
	s.purse.fill(now, rate)
	rich := s.purse.left > lone
	s.purse.mu.Unlock()
	if rich {
		s.hall.saw(s, now)
	}
}

// pay takes what a seat cost.
func (s *Seats) pay(took time.Duration) {
	now := time.Now()
	rate, crowded := s.hall.rate(now), s.hall.crowded(s, now)
	p := &s.purse
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fill(now, rate)
	left := p.left - took
	if !crowded {
		left = max(left, min(p.left, -lone))
	}
	p.left = left
}

// owes is how long it takes until somebody has what they owe, at least.
func (s *Seats) owes() time.Duration {
	now := time.Now()
	rate := s.hall.rate(now)
	p := &s.purse
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fill(now, rate)
	return time.Duration(float64(-p.left) / rate)
}
