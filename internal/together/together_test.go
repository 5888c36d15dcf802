package together

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// asked tells how many questions there were, each of which waits until it is let go.
type asked struct {
	mu    sync.Mutex
	sizes []int
	goes  chan struct{}
}

func (a *asked) ask(keys []int) (map[int]int, error) {
	a.mu.Lock()
	a.sizes = append(a.sizes, len(keys))
	a.mu.Unlock()
	<-a.goes
	all := map[int]int{}
	for _, key := range keys {
		if key >= 0 {
			all[key] = 2 * key
		}
	}
	return all, nil
}

// until waits for what others do.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come: ", what)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	of := &asked{goes: make(chan struct{})}
	a := New(100, of.ask)
	var all sync.WaitGroup
	get := func(key int, want int, there bool) {
		all.Go(func() {
			if got, ok, err := a.Get(t.Context(), key); got != want || ok != there || err != nil {
				t.Errorf("%d: got %d, %v, %v", key, got, ok, err)
			}
		})
	}
	get(1000, 2000, true)
	until(t, "the first is asked alone", func() bool { of.mu.Lock(); defer of.mu.Unlock(); return len(of.sizes) == 1 })
	for i := range 249 {
		get(i, 2*i, true)
	}
	get(-1, 0, false)
	waiting := func() (n int) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, r := range a.waiting {
			n += len(r.keys)
		}
		return n
	}
	until(t, "250 wait", func() bool { return waiting() == 250 })
	for range 50 { // the same once more is nothing more to ask
		get(1000, 2000, true)
	}
	until(t, "one more waits", func() bool { return waiting() == 251 })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := a.Get(gone, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone: %v", err)
	}
	close(of.goes)
	all.Wait()
	if n := len(of.sizes); n != 4 {
		t.Errorf("there were questions of %v; want 1, 100, 100 and 51 keys", of.sizes)
	}
	until(t, "nobody asks any more", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return !a.busy })
}

func TestFails(t *testing.T) {
	why := errors.New("why")
	fails := true
	a := New(2, func(keys []string) (map[string]bool, error) {
		if fails {
			return nil, why
		}
		return map[string]bool{keys[0]: true}, nil
	})
	if _, _, err := a.Get(t.Context(), "a"); err != why {
		t.Errorf("got %v", err)
	}
	fails = false
	if v, ok, err := a.Get(t.Context(), "a"); !v || !ok || err != nil {
		t.Errorf("got %v, %v, %v", v, ok, err)
	}
}
