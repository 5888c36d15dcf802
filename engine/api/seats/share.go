package seats

import (
	"context"
	"sync"
	"time"
)

// A Share is what a session may have of the server for one kind of thing. It is safe for
// concurrent use.
type Share struct {
	hall  *Hall
	who   *party
	purse purse
	turn  chan struct{} // of those who wait for Work
}

func newShare(h *Hall, who *party) *Share {
	return &Share{hall: h, who: who, purse: purse{left: burst, at: time.Now()}, turn: make(chan struct{}, 1)}
}

// Another is one more share of the same session, with a purse of its own: what is paid from it
// keeps nobody waiting who pays from the first.
func (s *Share) Another() *Share { return newShare(s.hall, s.who) }

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
func (s *Share) Act() {
	now := time.Now()
	rate := s.hall.rate(now)
	s.purse.mu.Lock()
	s.purse.fill(now, rate)
	rich := s.purse.left > lone
	s.purse.mu.Unlock()
	if rich {
		s.hall.saw(s.who, now)
	}
}

// Pay takes what something cost, and keeps nobody waiting.
func (s *Share) Pay(took time.Duration) {
	now := time.Now()
	rate, crowded := s.hall.rate(now), s.hall.crowded(s.who, now)
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

// Wait is how long nothing more is to be done, at least, so that others have their room: 0 if
// the session has not spent what it had, or is alone.
func (s *Share) Wait() time.Duration {
	now := time.Now()
	owes := s.owes(now)
	if owes <= 0 || !s.hall.crowded(s.who, now) {
		return 0
	}
	s.hall.owing(&s.purse, now)
	return owes
}

// Work waits until something may be done that costs so much, which is paid then: one after the
// other, while others want their room. It fails as ctx does.
func (s *Share) Work(ctx context.Context, cost time.Duration) error {
	s.Act()
	if s.Wait() > 0 {
		select {
		case s.turn <- struct{}{}:
			defer func() { <-s.turn }()
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		owes := s.Wait()
		if owes == 0 {
			s.Pay(cost)
			return nil
		}
		_ = sleep(ctx, min(owes, again)) // fails as ctx does
	}
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// owes is how long it takes until somebody has what they owe, at least.
func (s *Share) owes(now time.Time) time.Duration {
	rate := s.hall.rate(now)
	p := &s.purse
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fill(now, rate)
	return time.Duration(float64(-p.left) / rate)
}
