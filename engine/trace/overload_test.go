package trace_test

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

// When there is too much, only beginnings and ends of connections are captured, the
// watcher is told so and how much is left out, and later all is captured again.
func TestOverload(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	l.maxFrames = 500
	w := l.watch()
	last := func() (c model.Capture) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(w.capture); n > 0 {
			c = w.capture[n-1]
		}
		return c
	}
	get := func() string {
		t.Helper()
		if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
			t.Fatal(err)
		}
		return tracetest.Render(w.conversation()...)
	}
	l.until("the governor has had enough", func() bool { get(); return last().Mode == model.CaptureEdges })
	got := get()
	for last().Mode != model.CaptureEdges { // it was slow, and calm meanwhile
		got = get()
	}
	if !strings.Contains(got, "TCP SYN:") || !strings.Contains(got, "TCP FIN ACK:") || strings.Contains(got, "GET /") || strings.Contains(got, "TCP ACK:") {
		t.Errorf("not the edges only:\n%s", got)
	}
	if !strings.Contains(got, "endpoint 1 of 1") && !strings.Contains(got, "only endpoint") {
		t.Errorf("the rules of a packet that begins a connection are not told:\n%s", got)
	}
	l.until("it is said how many were left out", func() bool { get(); return last().Skipped > 0 })
	l.until("it is calm", func() bool { return last().Mode == model.CaptureAll })
	if c := last(); c.Since == 0 || c.Reason == "" || c.Skipped == 0 {
		t.Errorf("%+v", c)
	}
	if got := get(); !strings.Contains(got, "GET /") {
		t.Errorf("not all is captured again:\n%s", got)
	}
}

// A slow Emit makes the kernel drop packets, which it counts; nothing else stops.
func TestLost(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	var lost atomic.Uint64
	block := make(chan struct{})
	tracer, err := trace.New(trace.Config{
		Sources: l.sources,
		Names:   func(netip.Addr) string { return "" },
		Emit:    func(model.Journey) { <-block },
		Lost: func(n uint64, reason string) {
			if strings.Contains(reason, "ring was full") {
				lost.Add(n)
			}
		},
		RingBlocks: 2,
		MaxFrames:  1 << 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tracer.Close()
	release, err := tracer.Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for range 600 {
		if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
			t.Fatal(err)
		}
	}
	close(block)
	l.until("the loss is told", func() bool { return lost.Load() > 0 })
}
