package trace_test

import (
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace"
)

// A flood is watched by somebody who counts.
type flood struct {
	*trace.Tracer
	l       *lab
	release func()

	mu        sync.Mutex
	summaries map[string]int
	rejected  int
	lost      map[string]uint64
	edges     int
}

func (l *lab) flood() *flood {
	l.t.Helper()
	f := &flood{l: l, summaries: map[string]int{}, lost: map[string]uint64{}}
	tracer, err := trace.New(trace.Config{
		Sources: l.sources, Names: func(a netip.Addr) string { return l.ips[a] },
		Emit: func(j model.Journey) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.summaries[j.Summary]++
			if j.Verdict == "rejected" {
				f.rejected++
			}
		},
		Lost: func(n uint64, reason string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.lost[reason] += n
		},
		Captured: func(c model.Capture) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if c.Mode == model.CaptureEdges {
				f.edges++
			}
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { tracer.Close() })
	f.Tracer = tracer
	if f.release, err = tracer.Watch(); err != nil {
		l.t.Fatal(err)
	}
	return f
}

// settle waits until a flood has been told, or its loss has, and checks that what was
// kept of it is bounded and what was not told is counted.
func (f *flood) settle(sent int, told func() int) {
	t := f.l.t
	t.Helper()
	f.l.until("nothing is captured", func() bool {
		f.release()
		r, err := f.Remains()
		if err != nil {
			t.Fatal(err)
		}
		return r == trace.Remains{}
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := told(); n < sent && len(f.lost) == 0 || n == 0 {
		t.Errorf("%d of %d told, and lost %v: %v", n, sent, f.lost, f.summaries)
	}
	held := f.Held()
	for what, most := range map[string]int{
		"packets": 0, "records": 0, "traces": 0, "answers": 0, "connections": 0, "conversations": 65536,
		"index conversations": 4096, "index journeys": 32768, "index tuples": 4096 * 64,
	} {
		if n, ok := held[what]; !ok || n > most {
			t.Errorf("%d %s are held, %d at most", n, what, most)
		}
	}
	t.Logf("%d sent, %d told, lost %v, edges %d, held %v", sent, told(), f.lost, f.edges, held)
}

// heap is what this process holds, once garbage is gone.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// knock opens a connection and closes it, so many times, one after the other.
func (l *lab) knock(vertex string, to netip.AddrPort, ports, times int) {
	l.t.Helper()
	err := l.nets[vertex].Do(func() error {
		for n := range times {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port()) + n%ports}) // refused
			unix.Close(fd)
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// 10,000 connections to a Service whose endpoint does not listen, and 10,000 ports of a
// pod: each is told as rejected, or counted as lost, and no memory is left of them.
func TestPortScan(t *testing.T) {
	const times = 10_000
	for _, c := range []struct {
		name  string
		to    string
		ports int
	}{{"through a Service", "10.96.41.9:80", 1}, {"a pod's ports", "10.244.2.2:20000", times}} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			before := heap()
			f := l.flood()
			l.knock("pod/default/shop", netip.MustParseAddrPort(c.to), c.ports, times)
			f.settle(times, func() int { return f.summaries["SYN"] })
			if f.rejected == 0 {
				t.Error("nothing was rejected")
			}
			if grown := int64(heap()) - int64(before); grown > 64<<20 {
				t.Errorf("the scan left %d MB", grown>>20)
			}
			// And who watches again sees all.
			l.serve("pod/default/web-1", "0.0.0.0:8081")
			w := l.watch()
			if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
				t.Fatal(err)
			}
			decision(t, first(t, w.conversation(), "SYN")[0], "dnat")
		})
	}
}

// As many datagrams as the kernel takes, which no filter keeps away.
func TestDatagramFlood(t *testing.T) {
	const times = 50_000
	l := newLab(t)
	sink, err := l.nets["pod/default/web-1"].ListenPacket("udp", "10.244.2.2:9999")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	before := heap()
	f := l.flood()
	err = l.nets["pod/default/shop"].Do(func() error {
		c, err := net.Dial("udp", "10.244.2.2:9999")
		if err != nil {
			return err
		}
		defer c.Close()
		for range times {
			c.Write([]byte("flood"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f.settle(times, func() int { return f.summaries["5 bytes"] })
	if grown := int64(heap()) - int64(before); grown > 64<<20 {
		t.Errorf("the flood left %d MB", grown>>20)
	}
}

// Many connections that are open at once, as many as there are descriptors for.
func TestManyConnectionsAtOnce(t *testing.T) {
	times := 10_000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	times = min(times, int(limit.Cur-min(limit.Cur, 500))/2)
	l := newLab(t)
	server, err := l.nets["pod/default/web-1"].Listen("tcp", "10.244.2.2:8081")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	f := l.flood()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	var last netip.AddrPort
	for range times {
		c, err := l.dial("pod/default/shop", "10.96.41.9:80")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		if c, err = server.Accept(); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		last = l.local
	}
	l.until("the last one is known", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.Conversation("tcp", last, l.remote) != "" || len(f.lost) > 0
	})
	f.settle(times, func() int { return f.summaries["SYN"] })
	if !strings.HasPrefix(f.Conversation("tcp", last, l.remote), "c") && len(f.lost) == 0 {
		t.Error("the last connection is not known")
	}
}
