// Package seats bounds what a session's clients may have the server do at once, so that a
// client without a limit slows down its own session and not the others. It must not know
// what requests ask for. Upstream's limits count all sessions together.
package seats

import (
	"context"
	"errors"
	"runtime"
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
)

// ErrBusy says that the session asks for more than its share.
var ErrBusy = errors.New("too many requests of this session are under way")

// Seats are one session's share. The zero value is ready, and has half of the machine's
// cores as seats, or two if that is less. It is safe for concurrent use.
type Seats struct {
	once          sync.Once
	free          chan struct{}
	waiting, long atomic.Int64
	taken         atomic.Int64 // nanoseconds that seats were taken
	refused       atomic.Int64
}

// Take waits for a seat. It fails with ErrBusy if too many wait, or it has waited for too
// long, and as ctx does. leave gives the seat back, if the request has it still.
func (s *Seats) Take(ctx context.Context) (leave func(), err error) {
	s.once.Do(func() { s.free = make(chan struct{}, max(2, runtime.NumCPU()/2)) })
	select {
	case s.free <- struct{}{}:
	default:
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	give := sync.OnceFunc(func() {
		s.taken.Add(int64(time.Since(start)))
		<-s.free
	})
	end := time.AfterFunc(heldMost, give)
	return func() { end.Stop(); give() }, nil
}

func (s *Seats) wait(ctx context.Context) error {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > waitingMost {
		return s.refuse()
	}
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
func (s *Seats) Last() (leave func(), err error) {
	if s.long.Add(1) > longMost {
		s.long.Add(-1)
		return nil, s.refuse()
	}
	return sync.OnceFunc(func() { s.long.Add(-1) }), nil
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
