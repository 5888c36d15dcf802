package trace_test

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/trace"
)

// With PODHOP_BENCH=2s the loads last that long, and the figures mean something.
func TestBench(t *testing.T) {
	duration, turns := 50*time.Millisecond, 2
	if d, err := time.ParseDuration(os.Getenv("PODHOP_BENCH")); err == nil {
		duration, turns = d, 5
	}
	ctx, l := context.Background(), newLab(t)
	b := trace.Bench{From: l.nets["pod/default/shop"], To: l.nets["pod/default/web-1"], Address: netip.MustParseAddr("10.244.2.2")}
	w := l.watch()
	w.release()
	remains := func() (r trace.Remains) {
		t.Helper()
		r, err := w.Remains()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	nothing := func() bool { return remains() == trace.Remains{} }
	l.until("nothing is captured", nothing)
	throughput, requests, err := b.Compare(ctx, turns, trace.Loads{Stream: duration, Requests: duration}, func() (func() error, error) {
		release, err := w.Watch()
		if r := remains(); r.Rings != 4 || r.Tables != 2 || r.Goroutines < 6 {
			t.Errorf("watched: %+v", r)
		}
		return func() error { release(); l.until("nothing is captured", nothing); return nil }, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(throughput.Watched) != turns || throughput.Ratio() <= 0 || len(requests.Unwatched) != turns || requests.Ratio() <= 0 {
		t.Errorf("%+v, %+v", throughput, requests)
	}
	t.Logf("TCP watched to unwatched %.2f: %.0f", throughput.Ratio(), throughput)
	t.Logf("requests watched to unwatched %.2f: %.0f", requests.Ratio(), requests)

	if w.release, err = w.Watch(); err != nil {
		t.Fatal(err)
	}
	w.flush()
	w.reset()
	sent, err := b.Datagrams(ctx, 1000, duration)
	if err != nil || sent == 0 {
		t.Fatal(sent, err)
	}
	if err := b.Connect(ctx, 3, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	w.flush()
	if got := len(w.to(w.journeys(anyJourney)[0].Destination)); got != sent {
		t.Errorf("%d journeys of %d datagrams; lost %v", got, sent, w.lost)
	}
	if trace.BenchJoin(duration) == 0 {
		t.Error("no frame was joined")
	}
}
