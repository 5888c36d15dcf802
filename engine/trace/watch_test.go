package trace_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

// While nobody watches there is no ring, no tap and no listener, and no
// goroutine or descriptor is left.
func TestNothingWhenNobodyWatches(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
		t.Fatal(err)
	}
	off := l.state()
	for s, n := range off.sockets {
		if n != 0 {
			t.Fatalf("%s has %d capture sockets before anybody watches", s, n)
		}
	}
	w := l.watch()
	second, err := w.Watch()
	if err != nil {
		t.Fatal(err)
	}
	on := l.state()
	for _, s := range l.sources() {
		want := 1 // the ring
		if strings.HasPrefix(s.Name, "node/") {
			want = 3 // and events, and the owner of the taps
			if !strings.Contains(on.tables[s.Name], "podhop-trace") {
				t.Errorf("%s has no taps: %s", s.Name, on.tables[s.Name])
			}
		}
		if on.sockets[s.Name] != want {
			t.Errorf("%s has %d capture sockets, want %d", s.Name, on.sockets[s.Name], want)
		}
	}
	w.release()
	w.release() // once is once
	if got := l.state(); got.sockets["node/node-1"] != 3 {
		t.Error("one of two watchers left, and the capture ended")
	}
	second()
	l.until("the capture has ended", func() bool { return l.state().equal(off) })
	if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
		t.Fatal(err)
	}
	w.flush()
	if n := len(w.journeys(anyJourney)); n > 0 {
		t.Errorf("%d journeys while nobody watched", n)
	}

	// And on again.
	release, err := w.Watch()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
		t.Fatal(err)
	}
	first(t, w.conversation(), "GET /")
	w.Close()
	release()
	l.until("the tracer is closed", func() bool { return l.state().equal(off) })
	if _, err := w.Watch(); !errors.Is(err, trace.ErrClosed) {
		t.Errorf("Watch of a closed tracer: %v", err)
	}
}

// What was captured before the last watcher left is emitted, too.
func TestReleaseEmits(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	w := l.watch()
	if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
		t.Fatal(err)
	}
	w.release()
	l.until("the request is emitted", func() bool { return strings.Contains(tracetest.Render(w.journeys(anyJourney)...), "TCP GET /") })
	d := decision(t, first(t, w.journeys(anyJourney), "SYN")[0], "dnat")
	if d.Rule == "" {
		t.Errorf("the rule is not known: %+v", d)
	}
}

// Nodes come and go while somebody watches.
func TestSourcesComeAndGo(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	l.hidden = "node/node-1"
	w := l.watch()
	get := func() []model.Journey {
		t.Helper()
		if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
			t.Fatal(err)
		}
		w.flush()
		all := w.journeys(anyJourney)
		w.reset()
		return all
	}
	if j := first(t, get(), "SYN")[0]; j.From != "node/node-1" || j.Hops[0].Place.Vertex != "underlay" {
		t.Errorf("node-1 is not captured, but: %s", tracetest.Render(j))
	}
	l.hidden = ""
	if err := w.Refresh(); err != nil {
		t.Fatal(err)
	}
	if j := first(t, get(), "SYN")[0]; len(j.Hops) != 8 {
		t.Errorf("node-1 came, but: %s", tracetest.Render(j))
	}
	l.hidden = "node/node-2"
	if err := w.Refresh(); err != nil {
		t.Fatal(err)
	}
	if j := first(t, get(), "SYN")[0]; j.Verdict != "underway" || j.To != "pod/default/web-1" || len(j.Hops) != 5 {
		t.Errorf("node-2 went, but: %s", tracetest.Render(j))
	}
}

// Rules that changed since the packet passed are not mistaken for others.
func TestRulesChange(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	w := l.watch()
	chain := "service-QZFJOP67-default/one/tcp/"
	if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
		t.Fatal(err)
	}
	l.nft("node/node-1", "flush chain ip kube-proxy "+chain+"\nadd rule ip kube-proxy "+chain+" meta l4proto tcp dnat to 10.244.2.3:8081\n")
	d := decision(t, first(t, w.conversation(), "SYN")[0], "dnat")
	if d.Rule != "meta l4proto tcp dnat to 10.244.2.2:8081" {
		t.Errorf("the first rule is told as %q", d.Rule)
	}
	l.serve("pod/default/web-2", "0.0.0.0:8081")
	if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
		t.Fatal(err)
	}
	d = decision(t, first(t, w.conversation(), "SYN")[0], "dnat")
	if d.Rule != "meta l4proto tcp dnat to 10.244.2.3:8081" {
		t.Errorf("the second rule is told as %q", d.Rule)
	}
}

// state is what capturing leaves in the kernel and in the process.
type state struct {
	sockets    map[string]int // packet and netfilter sockets by namespace
	tables     map[string]string
	goroutines int
	files      int
}

func (s state) equal(o state) bool {
	for k, n := range o.sockets {
		if s.sockets[k] != n || s.tables[k] != o.tables[k] {
			return false
		}
	}
	return s.goroutines <= o.goroutines && s.files <= o.files
}

func (l *lab) state() state {
	l.t.Helper()
	s := state{sockets: map[string]int{}, tables: map[string]string{}}
	for _, source := range l.sources() {
		l.nets[source.Name].Do(func() error {
			packet, _ := os.ReadFile("/proc/thread-self/net/packet")
			netlink, _ := os.ReadFile("/proc/thread-self/net/netlink")
			n := strings.Count(string(packet), "\n") - 1
			for line := range strings.Lines(string(netlink)) {
				if f := strings.Fields(line); len(f) > 2 && f[1] == "12" && f[2] != "0" { // NETLINK_NETFILTER, not the kernel's own
					n++
				}
			}
			s.sockets[source.Name] = n
			return nil
		})
		s.tables[source.Name] = l.output(source.Name, "nft", "list", "tables")
	}
	s.goroutines = runtime.NumGoroutine()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		l.t.Fatal(err)
	}
	s.files = len(files)
	return s
}

func (l *lab) until(what string, done func() bool) {
	l.t.Helper()
	for end := time.Now().Add(60 * time.Second); !done(); {
		if time.Now().After(end) {
			l.t.Fatalf("not within 60 s: %s", what)
		}
		runtime.Gosched()
	}
}
