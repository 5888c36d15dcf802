package hosts

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestReopener opens what was written last first, never more at a time than may be, and each once.
func TestReopener(t *testing.T) {
	for _, most := range []int{1, 3} {
		t.Run(fmt.Sprint(most), func(t *testing.T) { reopens(t, most) })
	}
}

func reopens(t *testing.T, most int) {
	var mu sync.Mutex
	var order []string
	now, seen := 0, 0
	last := map[string]int64{"a": 1, "b": 5, "c": 3, "d": 9}
	r := &Reopener{
		Most: most,
		Last: func(_ context.Context, id string) int64 { return last[id] },
		Open: func(_ context.Context, id string) {
			mu.Lock()
			order = append(order, id)
			now++
			seen = max(seen, now)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
		},
	}
	all := []string{"a", "b", "c", "d"}
	for i := range 40 {
		all = append(all, fmt.Sprint("e", i))
	}
	for _, id := range append(slices.Clone(all), "a", "e7") {
		r.Add(id)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	open := func(n int) func() error {
		return func() error {
			mu.Lock()
			defer mu.Unlock()
			if len(order) < n || now > 0 {
				return fmt.Errorf("%d are open", len(order))
			}
			return nil
		}
	}
	until(t, "all are open", open(len(all)))
	r.Add("later")
	until(t, "one more is", open(len(all)+1))
	stop()
	<-ended
	r.Add("never")
	if seen > most || len(order) != len(all)+1 || slices.Contains(order, "never") {
		t.Errorf("%d at once, of %d: %v", seen, len(all), order)
	}
	if most == 1 && !slices.Equal(order[:4], []string{"d", "b", "c", "a"}) {
		t.Errorf("they are opened as %v", order)
	}
	if slices.Sort(order); len(slices.Compact(order)) != len(all)+1 {
		t.Errorf("one is opened twice: %v", order)
	}
}

// TestTaken tells who takes over what another had.
func TestTaken(t *testing.T) {
	f := newFake()
	a, b := joinAt(t, f, "a", "x", 5), joinAt(t, f, "b", "y", 5)
	if err := a.Place(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	served(t, "one", a)
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "b is told", func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !slices.Contains(b.taken, "one") {
			return fmt.Errorf("of %v", b.taken)
		}
		return nil
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.taken) > 0 {
		t.Errorf("who made it is told that it took %v", a.taken)
	}
}
