package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A lifetime is the time that a session has. It is safe for concurrent use.
type lifetime struct {
	mu          sync.Mutex
	born, until time.Time
	timer       *time.Timer // nil before it begins
	telling     sync.Mutex  // orders what viewers are told
	replaced    bool        // somebody starts over, or has
}

// begin has the session close at until.
func (l *lifetime) begin(born, until time.Time, over func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.born, l.until = born, until
	l.timer = time.AfterFunc(time.Until(until), over)
}

// extend makes the time longer by d, but not longer than most from its beginning. It
// fails with model.ErrConflict if that is reached, with model.ErrClosed if the time is over.
func (l *lifetime) extend(d, most time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	bound := l.born.Add(most)
	until := l.until.Add(d)
	if until.After(bound) {
		until = bound
	}
	if !until.After(l.until) {
		return fmt.Errorf("%w: a session lasts %s at most on this server, and this one has all of it", model.ErrConflict, shortly(most))
	}
	if l.timer == nil || !l.timer.Stop() {
		return model.ErrClosed
	}
	l.until = until
	l.timer.Reset(time.Until(until))
	return nil
}

// stop has the session not be closed any more: it is closing.
func (l *lifetime) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
}

func (l *lifetime) span() (born, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.born, l.until
}

func (l *lifetime) end() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}

// replace notes that somebody starts over, or does no more, and tells whether nobody
// did before.
func (l *lifetime) replace(yes bool) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, l.replaced = !l.replaced, yes
	return first
}

// shortly writes a duration as people do: 8h, 1h30m.
func shortly(d time.Duration) string {
	h, m := d/time.Hour, d%time.Hour/time.Minute
	switch {
	case d%time.Minute != 0:
		return d.String()
	case h == 0:
		return fmt.Sprintf("%dm", m)
	case m == 0:
		return fmt.Sprintf("%dh", h)
	}
	return fmt.Sprintf("%dh%dm", h, m)
}

// begin has the session's time go from born to until. It is kept from now on, unless begin
// fails.
func (s *Session) begin(born, until time.Time) error {
	s.life.begin(born, until, s.over)
	return s.tell()
}

// over is called when the time is up.
func (s *Session) over() {
	s.log.Info("the session's time is over")
	s.Close()
}

// tell tells viewers what the session is now, and keeps it. What cannot be kept is told in
// the log, too.
func (s *Session) tell() error {
	s.life.telling.Lock()
	defer s.life.telling.Unlock()
	if s.ctx.Err() != nil {
		return nil // it is closing: what is kept is kept, or removed
	}
	err := s.save()
	if err != nil {
		s.log.Warn("keeping the session", "err", err)
	}
	s.feed.SetSession(s.Info())
	return err
}

// Extend gives the session more time, as much as Config says. It fails with
// model.ErrConflict, and the reason, if there is no more to be had.
func (s *Session) Extend(context.Context) error {
	if err := s.life.extend(s.engine.cfg.Extension, s.engine.cfg.most()); err != nil {
		return err
	}
	_ = s.tell() // it has the time, whatever becomes of it
	return nil
}

// most is how long a session lasts at most.
func (c Config) most() time.Duration {
	if c.MaxLifetime != 0 {
		return c.MaxLifetime
	}
	return 4 * c.Lifetime
}

// StartOver opens a session as another was opened, has begin furnish it, and closes
// the other behind it; who watches that is told where it went. Who starts over has a place on
// the server: it is theirs though there is no other. It fails with model.ErrNotFound if
// there is no session of that ID, with model.ErrConflict if it is being started over already, and
// as Open and begin do: the other is then as it was.
func (e *Engine) StartOver(ctx context.Context, id string, begin func(*Session) error) (*Session, error) {
	old, err := e.Session(id)
	if err != nil {
		return nil, err
	}
	if !old.life.replace(true) {
		return nil, fmt.Errorf("%w: somebody starts this session over already", model.ErrConflict)
	}
	s, err := e.make(ctx, birth{options: old.asked}, (*slots).takeOver, e.keeper)
	if err == nil {
		if err = begin(s); err != nil {
			s.Close()
		}
	}
	if err != nil {
		old.life.replace(false)
		return nil, err
	}
	old.feed.Move(s.Info())
	e.behind(func() { old.Close() })
	return s, nil
}

// behind runs f on a goroutine that Close waits for.
func (e *Engine) behind(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed { // which closes everything by itself
		return
	}
	e.opening.Go(f)
}
