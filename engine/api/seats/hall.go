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
// take, and for what else the server does for them: from a purse of two seconds, which fills again.
// Whoever has nothing left has what they want as ever while nobody else does anything, or only
// others do who have nothing left either; beside the others, all of them together have a quarter of
// the cores. It is safe for concurrent use.
type Hall struct {
	cores int

	mu      sync.Mutex
	last    doing                // who did something last
	another doing                // and who did before, of all others
	poor    map[*purse]time.Time // those that were empty, and when last
}

type doing struct {
	who *party
	at  time.Time
}

// A party is whose seats and purses are one's own: it does not leave itself room.
type party struct{ _ byte } // not of size 0, or all had one address

// NewHall returns a hall of the machine's cores.
func NewHall() *Hall { return &Hall{cores: runtime.GOMAXPROCS(0)} }

// Seats returns the share of one more who has its own.
func (h *Hall) Seats() *Seats {
	return &Seats{Share: newShare(h, new(party)), free: make(chan struct{}, max(2, h.cores/2))}
}

// saw notes that somebody does something, so that others leave them room.
func (h *Hall) saw(who *party, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last.who != who {
		h.another = h.last
	}
	h.last = doing{who, now}
}

// crowded reports whether anybody does something but who asks.
func (h *Hall) crowded(who *party, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	other := h.last
	if other.who == who {
		other = h.another
	}
	return other.who != nil && now.Sub(other.at) < recent
}

// owing notes that a purse is empty.
func (h *Hall) owing(p *purse, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.poor == nil {
		h.poor = map[*purse]time.Time{}
	}
	h.poor[p] = now
}

// rate is what a purse gets a second: those that have nothing left share what there is.
func (h *Hall) rate(now time.Time) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.poor, func(_ *purse, at time.Time) bool { return now.Sub(at) >= recent })
	return float64(h.cores) / quarter / float64(max(len(h.poor), 1))
}
