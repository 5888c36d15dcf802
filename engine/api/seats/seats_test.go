package seats

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestNoMoreThanTheShare(t *testing.T) {
	s := NewHall().Seats()
	most := max(2, runtime.GOMAXPROCS(0)/2)
	var now, seen atomic.Int64
	var all sync.WaitGroup
	for range 10 * most {
		all.Go(func() {
			leave, err := s.Take(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			n := now.Add(1)
			for old := seen.Load(); n > old && !seen.CompareAndSwap(old, n); old = seen.Load() {
			}
			time.Sleep(time.Millisecond)
			now.Add(-1)
			leave()
			leave() // as a deferred one may
		})
	}
	all.Wait()
	if got := seen.Load(); got > int64(most) {
		t.Errorf("%d had seats at once, of %d", got, most)
	}
	if u := s.Use(); u.Waiting != 0 || u.Taken < time.Millisecond {
		t.Errorf("used %+v", u)
	}
}

// TestWaitingForEachOther has requests that hold all seats wait for one that needs a seat.
func TestWaitingForEachOther(t *testing.T) {
	s := NewHall().Seats()
	var leave []func()
	for range max(2, runtime.GOMAXPROCS(0)/2) {
		l, err := s.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	last, err := s.Take(t.Context()) // when those have had theirs for long enough
	if err != nil {
		t.Fatal(err)
	}
	last()
	for _, l := range leave {
		l()
	}
	if n := len(s.free); n != 0 {
		t.Errorf("%d seats are taken", n)
	}
}

func TestTooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewHall().Seats()
		for range max(2, runtime.GOMAXPROCS(0)/2) {
			leave, err := s.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer leave()
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Take(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone: %v", err)
		}
		s.waiting.Add(waitingMost)
		if _, err := s.Take(t.Context()); !errors.Is(err, ErrBusy) {
			t.Errorf("one too many: %v", err)
		}
	})
}

func TestThoseThatLast(t *testing.T) {
	s := NewHall().Seats()
	var leave func()
	for range longMost {
		var err error
		if leave, err = s.Last(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Last(t.Context()); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	leave()
	leave()
	if _, err := s.Last(t.Context()); err != nil {
		t.Errorf("in the place of one that has ended: %v", err)
	}
	if u := s.Use(); u.Long != longMost || u.Refused != 1 {
		t.Errorf("used %+v", u)
	}
}
