package network

import (
	"testing"
	"time"
)

func TestQueue(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []struct {
		name string
		flaw flaw
		// sizes come at once; due is when each leaves, -1 for one that is lost.
		sizes []int
		due   []time.Duration
	}{
		{"delay", flaw{delay: 200 * time.Millisecond}, []int{100, 100}, []time.Duration{200 * time.Millisecond, 200 * time.Millisecond}},
		{"rate", flaw{rate: 80_000}, []int{100, 100, 100}, []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond}},
		{"rate and delay", flaw{rate: 80_000, delay: time.Second}, []int{100, 200}, []time.Duration{1010 * time.Millisecond, 1030 * time.Millisecond}},
		{"too much", flaw{rate: 8_000}, []int{501, 100, 100}, []time.Duration{501 * time.Millisecond, -1, -1}},
		{"jitter", flaw{delay: 200 * time.Millisecond, jitter: 100 * time.Millisecond}, []int{1, 1, 1}, []time.Duration{100 * time.Millisecond, 150 * time.Millisecond, 250 * time.Millisecond}},
	} {
		q := newQueue(c.flaw)
		draws := []float64{0, 0.25, 0.75}
		q.random = func() float64 { r := draws[0]; draws = draws[1:]; return r }
		for i, size := range c.sizes {
			if room := q.put(now, size, []byte{byte(i)}); room != (c.due[i] >= 0) {
				t.Errorf("%s: packet %d: room is %v", c.name, i, room)
			}
		}
		for i, due := range c.due {
			if due < 0 {
				continue
			}
			if _, ok := q.take(now.Add(due - 1)); ok {
				t.Errorf("%s: packet %d left before %v", c.name, i, due)
			}
			if p, ok := q.take(now.Add(due)); !ok || p[0] != byte(i) {
				t.Errorf("%s: at %v left %v %v, want packet %d", c.name, due, p, ok, i)
			}
		}
		if at, ok := q.next(); ok {
			t.Errorf("%s: something is left, due at %v", c.name, at)
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	q := newQueue(flaw{delay: time.Hour})
	for range holdPackets {
		q.put(time.Now(), 1, nil)
	}
	if q.put(time.Now(), 1, nil) {
		t.Errorf("took more than %d packets", holdPackets)
	}
}

func TestLabel(t *testing.T) {
	for _, want := range []flaw{
		{lossOut: 300}, {lossIn: 1000, lossOut: 1}, {delay: 200 * time.Millisecond, jitter: 1500 * time.Microsecond, rate: 1e9},
	} {
		if got, ok := parseLabel(want.label()); !ok || got != want {
			t.Errorf("%s reads back as %+v", want.label(), got)
		}
	}
	if _, ok := parseLabel("in"); ok {
		t.Error("another chain is read as a label")
	}
}
