// Package seats bounds what a session may have the server do, so that one without a limit
// slows down itself and not the others: how many requests of its clients at a time, and beside
// others how long those take, and all else that is done for it. It must not know what that is.
// Upstream's limits count all sessions together.
package seats

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// heldMost is how long a request has its seat. One that takes longer does not compute but
	// waits, for a webhook perhaps, which may ask the API itself and need a seat for that.
	heldMost = time.Second
	// patience is how long a request waits for a seat: as long as upstream's priority and
	// fairness has one wait, a quarter of the minute that a request may take.
	patience = 15 * time.Second
	// waitingMost is how many requests wait, longMost how many there are of those that last:
	// watches, logs, execs, forwarded ports.
	waitingMost, longMost = 200, 300
	// Who is refused hears of it a second later, so that clients that ask again at once do not
	// have the server do nothing but refuse. So many wait for that.
	refusal, refusedMost = time.Second, 1000
)

// ErrBusy says that the session asks for more than its share.
var ErrBusy = errors.New("too many requests of this session are under way")

// Seats are one session's share, of a Hall: half of the machine's cores, or two if that is less.
// They are safe for concurrent use.
type Seats struct {
	*Share
	free          chan struct{}
	waiting, long atomic.Int64
	refusing      atomic.Int64
	taken         atomic.Int64 // nanoseconds that seats were taken
	refused       atomic.Int64
}

// Take waits for a seat, and until the session may have it beside others. It fails with
// ErrBusy if too many wait, or it has waited for too long, and as ctx does. leave gives the
// seat back, if the request has it still.
func (s *Seats) Take(ctx context.Context) (leave func(), err error) {
	s.Act()
	came := time.Now()
	select {
	case s.free <- struct{}{}:
	default:
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.afford(ctx, came.Add(patience)); err != nil {
		<-s.free
		return nil, err
	}
	start := time.Now()
	give := sync.OnceFunc(func() {
		took := time.Since(start)
		s.taken.Add(int64(took))
		s.Pay(took)
		<-s.free
	})
	end := time.AfterFunc(heldMost, give)
	return func() { end.Stop(); give() }, nil
}

// afford waits, with a seat, until the session has paid for what it had, or is alone.
func (s *Seats) afford(ctx context.Context, until time.Time) error {
	for {
		owes := s.Wait()
		if owes == 0 {
			return nil
		}
		if !time.Now().Before(until) {
			return s.refuse()
		}
		if err := sleep(ctx, min(owes, again)); err != nil {
			return err
		}
	}
}

func (s *Seats) wait(ctx context.Context) error {
	if s.waiting.Add(1) > waitingMost {
		s.waiting.Add(-1)
		s.hold(ctx)
		return s.refuse()
	}
	defer s.waiting.Add(-1)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case s.free <- struct{}{}:
		return nil
	case <-timer.C:
		return s.refuse()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Last counts a request that lasts, and fails with ErrBusy if there are too many.
func (s *Seats) Last(ctx context.Context) (leave func(), err error) {
	s.Act()
	if s.long.Add(1) > longMost {
		s.long.Add(-1)
		s.hold(ctx)
		return nil, s.refuse()
	}
	return sync.OnceFunc(func() { s.long.Add(-1) }), nil
}

// hold waits before a refusal.
func (s *Seats) hold(ctx context.Context) {
	defer s.refusing.Add(-1)
	if s.refusing.Add(1) > refusedMost {
		return
	}
	timer := time.NewTimer(refusal)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Seats) refuse() error {
	s.refused.Add(1)
	return ErrBusy
}

// Use is what a session had of the server.
type Use struct {
	Taken   time.Duration // by requests, all together; those that wait for others count for a second
	Waiting int           // now
	Long    int           // now
	Refused int           // so far
}

// Use tells what was had until now.
func (s *Seats) Use() Use {
	return Use{Taken: time.Duration(s.taken.Load()), Waiting: int(s.waiting.Load()), Long: int(s.long.Load()), Refused: int(s.refused.Load())}
}
