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
	duration := 300 * time.Millisecond
	if d, err := time.ParseDuration(os.Getenv("PODHOP_BENCH")); err == nil {
		duration = d
	}
	l := newLab(t)
	r, err := trace.Bench(context.Background(), trace.BenchConfig{
		Tracer:   trace.Config{Sources: l.sources, Names: func(a netip.Addr) string { return l.ips[a] }},
		From:     l.nets["pod/default/shop"],
		To:       l.nets["pod/default/web-1"],
		Address:  netip.MustParseAddr("10.244.2.2"),
		Duration: duration,
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.EventsPerSecond == 0 || r.Unwatched.BytesPerSecond == 0 || r.Watched.RequestsPerSecond == 0 || r.Journeys == 0 || r.EmitP99 == 0 {
		t.Errorf("%+v", r)
	}
	t.Logf("%.0f events/s; unwatched %.0f MB/s, %.0f requests/s; watched %.0f MB/s (%.2f), %.0f requests/s (%.2f); emitted after %v, p99 %v; %d journeys; lost %v",
		r.EventsPerSecond, r.Unwatched.BytesPerSecond/1e6, r.Unwatched.RequestsPerSecond,
		r.Watched.BytesPerSecond/1e6, r.Watched.BytesPerSecond/r.Unwatched.BytesPerSecond,
		r.Watched.RequestsPerSecond, r.Watched.RequestsPerSecond/r.Unwatched.RequestsPerSecond,
		r.EmitP50, r.EmitP99, r.Journeys, r.Lost)
}
