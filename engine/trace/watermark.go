package trace

import (
	"sync"
	"time"

	"github.com/podhop/podhop/engine/trace/capture"
)

const (
	// quiet is how long nothing must have been heard of a packet before its journey
	// is told.
	quiet = 50 * time.Millisecond
	// slack is how long a packet may take between two devices and still be told as
	// one journey, if the machine is so busy that the captures lag by more than quiet.
	slack = 10 * time.Millisecond
	// lag is how long a capture is waited for: a journey torn in two is better than
	// none at all.
	lag = 2 * time.Second
)

// captures is the set of those that run.
type captures struct {
	mu  sync.Mutex
	all map[*capture.Capture]bool
}

func (c *captures) add(x *capture.Capture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[x] = true
}

func (c *captures) remove(x *capture.Capture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, x)
}

func (c *captures) each(f func(*capture.Capture)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for x := range c.all {
		f(x)
	}
}

// passed is how many packets have passed all their devices. One that is closing, or
// whose counters cannot be read, counts none.
func (c *captures) passed() (sum uint64) {
	c.each(func(x *capture.Capture) {
		if n, err := x.Passed(); err == nil {
			sum += n
		}
	})
	return sum
}

// A watermark is the time before which everything captured has been handed to
// the loop. Without it a reader that gets no processor for a while would tear a
// journey in two. Only the loop uses it.
type watermark struct {
	captures *captures
	at       int64      // by clock
	rounds   chan int64 // a round that began then has ended
	asking   bool
}

func newWatermark(c *captures) *watermark {
	return &watermark{captures: c, rounds: make(chan int64, 1)}
}

// ask begins a round: all captures are to hand over what they have.
func (w *watermark) ask() {
	var waiting []<-chan struct{}
	began := clock()
	w.captures.each(func(c *capture.Capture) { waiting = append(waiting, c.Handover()...) })
	w.asking = true
	go func() {
		late := time.NewTimer(lag)
		defer late.Stop()
		for _, done := range waiting {
			select {
			case <-done:
			case <-late.C:
				w.rounds <- began
				return
			}
		}
		w.rounds <- began
	}()
}

// passed takes a round's end.
func (w *watermark) passed(began int64) { w.at, w.asking = began, false }

// next is when to look again, given when the joiner has a packet that was quiet
// for long enough; 0 if a round's end will tell. It begins a round if it is time.
func (w *watermark) next(due int64) int64 {
	need := due - quiet.Nanoseconds() + slack.Nanoseconds() // by when all must be handed over
	switch now := clock(); {
	case w.at >= need:
		return due
	case w.asking:
		return 0
	case now < need:
		return need
	}
	w.ask()
	return 0
}

// now is the joiner's clock: it must not run ahead of what was handed over.
func (w *watermark) now() int64 {
	return min(clock(), w.at-slack.Nanoseconds()+quiet.Nanoseconds())
}
