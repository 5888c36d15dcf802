package seats

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// work is what each request of a test takes.
const work = 10 * time.Millisecond

// flood has many take seats of s until ctx is done, one request after another.
func flood(ctx context.Context, t *testing.T, all *sync.WaitGroup, s *Seats) {
	for range 20 {
		all.Go(func() {
			for ctx.Err() == nil {
				leave, err := s.Take(ctx)
				if err == nil {
					time.Sleep(work)
					leave()
				} else if ctx.Err() == nil {
					t.Errorf("refused: %v", err)
				}
			}
		})
	}
}

// quietly has somebody do something every now and then, and returns what they waited at most.
func quietly(s *Seats, times int) (most time.Duration) {
	for range times {
		start := time.Now()
		leave, err := s.Take(context.Background())
		if err != nil {
			return time.Hour
		}
		most = max(most, time.Since(start))
		time.Sleep(work)
		leave()
		time.Sleep(200 * time.Millisecond)
	}
	return most
}

func used(s *Seats) float64 { return s.Use().Taken.Seconds() }

// What a session has that floods the API: all that it can take while it is alone, its burst and
// a quarter of the cores beside one that does little, of whom it is not to keep anything.
func TestShares(t *testing.T) {
	for _, test := range []struct {
		name    string
		floods  int
		quiet   bool
		seconds [2]float64 // of all floods together, in ten, with 4 cores
	}{
		{"alone", 1, false, [2]float64{19, 20.5}},
		{"beside a quiet one", 1, true, [2]float64{11, 14}},
		{"two, beside a quiet one", 2, true, [2]float64{12, 18}},
		{"two, beside each other", 2, false, [2]float64{30, 41}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &Hall{cores: 4}
				ctx, cancel := context.WithCancel(t.Context())
				var floods sync.WaitGroup
				defer floods.Wait()
				defer cancel()
				var all []*Seats
				for range test.floods {
					all = append(all, h.Seats())
					flood(ctx, t, &floods, all[len(all)-1])
				}
				if test.quiet {
					if waited := quietly(h.Seats(), 48); waited > 0 {
						t.Errorf("the quiet one waited for %s", waited)
					}
				} else {
					time.Sleep(10 * time.Second)
				}
				sum, least := 0.0, 1e9
				for _, s := range all {
					sum, least = sum+used(s), min(least, used(s))
				}
				if sum < test.seconds[0] || sum > test.seconds[1] {
					t.Errorf("floods used %.1f s of seats, not %v", sum, test.seconds)
				}
				if even := sum / float64(test.floods); least < even/2 {
					t.Errorf("one of the floods had %.1f s, of %.1f that all had", least, sum)
				}
			})
		})
	}
}

// Who flooded alone does not pay for that when somebody comes.
func TestNoOldDebts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hall{cores: 4}
		ctx, cancel := context.WithCancel(t.Context())
		var floods sync.WaitGroup
		defer floods.Wait()
		defer cancel()
		s, other := h.Seats(), h.Seats()
		flood(ctx, t, &floods, s)
		time.Sleep(time.Minute)
		other.Act()
		if owes := s.owes(time.Now()); owes > time.Second {
			t.Errorf("it is to wait for %s", owes)
		}
	})
}

// What kubectl does in a burst is not waited for, whoever else is there.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hall{cores: 2}
		s, other := h.Seats(), h.Seats()
		start := time.Now()
		for range 150 {
			other.Act()
			leave, err := s.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(work)
			leave()
		}
		if took := time.Since(start); took != 150*work {
			t.Errorf("it took %s", took)
		}
	})
}

// Who waits for their share for too long is told so.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hall{cores: 1}
		s, other := h.Seats(), h.Seats()
		other.Act()
		s.Pay(burst + 5*time.Second)
		var acting sync.WaitGroup
		defer acting.Wait()
		acting.Go(func() {
			for range 200 {
				other.Act()
				time.Sleep(100 * time.Millisecond)
			}
		})
		start := time.Now()
		if _, err := s.Take(t.Context()); err != ErrBusy || time.Since(start) < patience {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if s.Use().Refused != 1 || len(s.free) != 0 {
			t.Errorf("refused %d, taken %d", s.Use().Refused, len(s.free))
		}
	})
}

// A client that asks again at once is not refused more often than once a second for each of
// its connections.
func TestRudeClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := (&Hall{cores: 1}).Seats()
		for range cap(s.free) {
			s.free <- struct{}{}
		}
		s.waiting.Add(waitingMost)
		var rude sync.WaitGroup
		until := time.Now().Add(9500 * time.Millisecond)
		for range 10 {
			rude.Go(func() {
				for time.Now().Before(until) {
					if _, err := s.Take(t.Context()); err != ErrBusy {
						t.Error(err)
					}
				}
			})
		}
		rude.Wait()
		if n := s.Use().Refused; n != 100 {
			t.Errorf("%d were refused", n)
		}
		if n := s.waiting.Load(); n != waitingMost {
			t.Errorf("%d wait", n)
		}
	})
}

// What is done for a session without a request of its own.
func TestWork(t *testing.T) {
	const cost = 100 * time.Millisecond
	begun := func(h *Hall, quiet bool) (works int) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var all sync.WaitGroup
		defer all.Wait()
		s, done := h.Seats(), make(chan struct{}, 5000)
		for range 20 {
			all.Go(func() {
				for s.Work(ctx, cost) == nil {
					done <- struct{}{}
					time.Sleep(cost)
				}
			})
		}
		if quiet {
			if waited := quietly(h.Seats(), 48); waited > 0 {
				t.Errorf("the quiet one waited for %s", waited)
			}
		}
		<-ctx.Done()
		all.Wait()
		return len(done)
	}
	synctest.Test(t, func(t *testing.T) {
		if n := begun(&Hall{cores: 4}, false); n < 20*99 {
			t.Errorf("alone, only %d were begun in ten seconds", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		// Two seconds for nothing, and then a second's worth each second.
		if n := begun(&Hall{cores: 4}, true); n < 100 || n > 150 {
			t.Errorf("beside a quiet one, %d were begun in ten seconds", n)
		}
	})
}

// Another share has a purse of its own, and is no other session.
func TestAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Hall{cores: 4}
		s, other := h.Seats(), h.Seats()
		tracer := s.Another()
		tracer.Pay(time.Minute)
		s.Act()
		if wait := tracer.Wait(); wait != 0 {
			t.Errorf("a session leaves itself room, of %s", wait)
		}
		other.Act()
		tracer.Pay(time.Minute)
		if tracer.Wait() == 0 {
			t.Error("it leaves another session none")
		}
		if wait := s.Wait(); wait != 0 {
			t.Errorf("the session waits for %s, for what is paid from another purse", wait)
		}
	})
}
