package trace_test

import (
	"maps"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

// When there is too much, only beginnings and ends of connections are captured, the
// watcher is told so and how much is left out, and later all is captured again.
func TestOverload(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	l.serve("pod/default/web-2", "0.0.0.0:8080")
	l.run("node/node-2", "ip link set veth-web-2 down")
	l.maxFrames = 500
	w := l.watch()
	watching := l.state().sockets
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
	// What nodes and the underlay send is not captured where it is sent, and is told all the
	// same: each packet once, on its whole way.
	for _, want := range []string{
		"shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).",
		"node-1 routed it out of eth0 to node-2 (seen at the link's other end, node-1 on the underlay).",
		"The underlay carried it from node-1 to node-2.",
		"node-2 got it on its device eth0.",
		"web-1 got it on its eth0 (seen at the veth's other end, veth-web-1 on node-2). Delivered.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not told: %s\n%s", want, got)
		}
	}
	if strings.Count(got, "TCP SYN:") != 1 {
		t.Errorf("one SYN was sent:\n%s", got)
	}
	// A pod that comes meanwhile is heard of, too.
	l.run("node/node-2", "ip link set veth-web-2 up; ip route replace 10.244.2.3/32 dev veth-web-2")
	l.until("a new device's sending is captured", func() bool {
		get()
		c, err := l.dialWithin("pod/default/shop", "10.244.2.3:8080", time.Second)
		if err != nil {
			return false // its link is not up yet
		}
		c.Close()
		got := tracetest.Render(w.to("10.244.2.3:8080")...)
		return last().Mode == model.CaptureEdges && strings.Contains(got, "web-2 got it on its eth0") && strings.Contains(got, "seen at the link's other end")
	})
	l.until("it is said how many were left out", func() bool { get(); return last().Skipped > 0 })
	l.until("it is calm", func() bool { return last().Mode == model.CaptureAll })
	if c := last(); c.Since == 0 || c.Reason == "" || c.Skipped == 0 {
		t.Errorf("%+v", c)
	}
	if got := get(); !strings.Contains(got, "GET /") {
		t.Errorf("not all is captured again:\n%s", got)
	}
	l.until("there are no more sockets than before", func() bool { return maps.Equal(l.state().sockets, watching) })
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
