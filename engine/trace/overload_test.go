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

// When there is too much, only beginnings and ends of connections are captured,
// the watcher is told, and later all is captured again.
func TestOverload(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	l.echo("pod/default/web-1", "0.0.0.0:53")
	l.maxFrames = 500
	w := l.watch()
	lost := func(reason string) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for r := range w.lost {
			if strings.Contains(r, reason) {
				return true
			}
		}
		return false
	}
	get := func() string {
		t.Helper()
		if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
			t.Fatal(err)
		}
		return tracetest.Render(w.conversation()...)
	}
	l.until("the governor has had enough", func() bool { get(); return lost("too many packets at once: for a while") })
	got := get()
	if !strings.Contains(got, "TCP SYN:") || !strings.Contains(got, "TCP FIN ACK:") || strings.Contains(got, "GET /") || strings.Contains(got, "TCP ACK:") {
		t.Errorf("not the edges only:\n%s", got)
	}
	l.until("all is captured again", func() bool { return strings.Contains(get(), "GET /") })
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
