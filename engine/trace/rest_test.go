package trace_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A crowd is the share of a session that is to wait after each bit of work, while there are
// others.
type crowd struct {
	mu     sync.Mutex
	others bool
	owed   time.Duration
}

func (c *crowd) Pay(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owed += took
}

func (c *crowd) Wait() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.others || c.owed < 20*time.Millisecond {
		return 0
	}
	c.owed = 0
	return 100 * time.Millisecond
}

func (c *crowd) come(others bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others = others
}

// Beside others that need the server, samples are captured of what is too much: whoever watches
// is told so, and how much is left out; what is told of is told whole. Alone again, all is.
func TestRests(t *testing.T) {
	l := newLab(t)
	sink, err := l.nets["pod/default/web-1"].ListenPacket("udp", "10.244.2.2:9999")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	others := &crowd{others: true}
	l.share = others
	w := l.watch()
	last := func() (c model.Capture) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(w.capture); n > 0 {
			c = w.capture[n-1]
		}
		return c
	}
	c, err := l.nets["pod/default/shop"].DialContext(t.Context(), "udp", "10.244.2.2:9999")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := 0
	flood := func() {
		for range 20 {
			fmt.Fprintf(c, "datagram %d", sent)
			sent++
		}
		time.Sleep(time.Millisecond) // a pace that captures keep up with
	}
	modes := map[string]bool{}
	l.until("samples are captured, again and again", func() bool {
		for range 500 {
			flood()
			modes[last().Mode] = true
		}
		return last().Mode == model.CaptureSamples && last().Skipped > 1000
	})
	if !modes[model.CaptureEdges] {
		t.Errorf("TCP was not reduced to its edges first: %v", modes)
	}
	if r := last().Reason; !strings.Contains(r, "other sessions need the server") {
		t.Errorf("the reason: %s", r)
	}
	w.flush()
	w.mu.Lock()
	lost := 0
	for _, n := range w.lost {
		lost += int(n)
	}
	w.mu.Unlock()
	told := w.to("10.244.2.2:9999")
	if len(told) == 0 || len(told) >= sent {
		t.Errorf("%d of %d datagrams are told of", len(told), sent)
	}
	for _, j := range told {
		var way strings.Builder
		for _, h := range j.Hops {
			fmt.Fprintf(&way, "%s %s %s; ", h.Place.Vertex, h.Place.Device, h.Place.Direction)
		}
		for _, place := range []string{"pod/default/shop eth0 out", "node/node-1 veth-shop in", "underlay ", "node/node-2 eth0 in", "pod/default/web-1 eth0 in"} {
			if !strings.Contains(way.String(), place) && lost == 0 {
				t.Fatalf("%s was not seen at %s, but on the way %s", j.ID, place, &way)
			}
		}
	}
	t.Logf("%d sent, %d told, %d lost, %+v", sent, len(told), lost, last())

	others.come(false)
	l.until("all is captured again", func() bool { return last().Mode == model.CaptureAll })
	w.reset()
	fmt.Fprintf(c, "datagram %d", sent)
	l.until("it is told", func() bool { return len(w.to("10.244.2.2:9999")) == 1 })
}
