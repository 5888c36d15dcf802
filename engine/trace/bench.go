package trace

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/explain"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/record"
)

// A Host is a namespace that Bench sends traffic from and to; *nsexec.NetNS is one.
type Host interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Listen(network, address string) (net.Listener, error)
}

// BenchConfig says between whom Bench sends: pods of two nodes, if it is to
// measure what a learner's traffic costs.
type BenchConfig struct {
	// Tracer's configuration; its Emit and Lost are not used.
	Tracer Config
	// From connects to To at Address.
	From, To Host
	Address  netip.Addr
	// Duration is how long each of the four loads lasts; 1 s if 0.
	Duration time.Duration
}

// A BenchResult is what watching costs.
type BenchResult struct {
	// EventsPerSecond is how many frames one core parses, joins and explains.
	EventsPerSecond    float64
	Unwatched, Watched Load
	// EmitP50 and EmitP99 are from a packet's first sight to its journey, of
	// requests that come one at a time.
	EmitP50, EmitP99 time.Duration
	// Journeys were emitted under the watched loads, Lost what was thrown away.
	Journeys int
	Lost     map[string]uint64
}

// A Load is what got through.
type Load struct {
	BytesPerSecond    float64 // of one TCP stream
	RequestsPerSecond float64 // of 64 bytes, there and back, one at a time
}

// Bench measures the tracer in a live network.
func Bench(ctx context.Context, cfg BenchConfig) (r BenchResult, err error) {
	if cfg.Duration == 0 {
		cfg.Duration = time.Second
	}
	r.EventsPerSecond = benchJoin(cfg.Duration)
	l, err := cfg.To.Listen("tcp", netip.AddrPortFrom(cfg.Address, 0).String())
	if err != nil {
		return r, err
	}
	defer l.Close()
	go serveLoads(l)
	if r.Unwatched, err = load(ctx, cfg, l.Addr().String()); err != nil {
		return r, fmt.Errorf("unwatched: %w", err)
	}

	var mu sync.Mutex
	var delays []time.Duration
	r.Lost = map[string]uint64{}
	cfg.Tracer.Emit = func(j model.Journey) {
		mu.Lock()
		defer mu.Unlock()
		r.Journeys++
		delays = append(delays, time.Since(time.Unix(0, j.Start)))
	}
	cfg.Tracer.Lost = func(n uint64, reason string) {
		mu.Lock()
		defer mu.Unlock()
		r.Lost[reason] += n
	}
	t, err := New(cfg.Tracer)
	if err != nil {
		return r, err
	}
	defer t.Close()
	release, err := t.Watch()
	defer release()
	if err != nil {
		return r, err
	}
	// First the delays, of traffic that a person could have caused.
	for range 50 {
		c, err := cfg.From.DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			return r, err
		}
		echo(c, time.Now())
		c.Close()
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
	if err := t.Flush(ctx); err != nil {
		return r, err
	}
	mu.Lock()
	slices.Sort(delays)
	if n := len(delays); n > 0 {
		r.EmitP50, r.EmitP99 = delays[n/2], delays[n*99/100]
	}
	mu.Unlock()
	if r.Watched, err = load(ctx, cfg, l.Addr().String()); err != nil {
		return r, fmt.Errorf("watched: %w", err)
	}
	t.Close()
	mu.Lock()
	defer mu.Unlock()
	return r, nil
}

// serveLoads echoes what comes after an 'e', and throws away what comes after a 'd'.
func serveLoads(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			kind := make([]byte, 1)
			if _, err := io.ReadFull(c, kind); err != nil {
				return
			}
			if kind[0] == 'd' {
				b := make([]byte, 128<<10)
				for err == nil {
					_, err = c.Read(b)
				}
				return
			}
			io.Copy(c, c)
		}()
	}
}

func load(ctx context.Context, cfg BenchConfig, address string) (l Load, err error) {
	c, err := cfg.From.DialContext(ctx, "tcp", address)
	if err != nil {
		return l, err
	}
	defer c.Close()
	b := make([]byte, 128<<10)
	b[0] = 'd'
	start, n := time.Now(), 0
	for time.Since(start) < cfg.Duration {
		k, err := c.Write(b)
		if err != nil {
			return l, err
		}
		n += k
	}
	l.BytesPerSecond = float64(n) / time.Since(start).Seconds()
	c.Close()
	if c, err = cfg.From.DialContext(ctx, "tcp", address); err != nil {
		return l, err
	}
	defer c.Close()
	start = time.Now()
	n, err = echo(c, start.Add(cfg.Duration))
	l.RequestsPerSecond = float64(n) / time.Since(start).Seconds()
	return l, err
}

// echo sends requests until then, at least one, and returns how many were answered.
func echo(c net.Conn, until time.Time) (n int, err error) {
	if _, err := c.Write([]byte{'e'}); err != nil {
		return 0, err
	}
	b := make([]byte, 64)
	for n == 0 || time.Now().Before(until) {
		if _, err := c.Write(b); err != nil {
			return n, err
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// benchJoin parses, joins and explains one packet after the other, each seen at
// six devices on its way between two nodes.
func benchJoin(d time.Duration) float64 {
	frame := []byte{12: 8, 14: 0x45, 17: 56, 20: 0x40, 22: 64, 23: 6, 26: 10, 244, 1, 2, 10, 244, 2, 3, 0x9c, 0x40, 0, 80, 46: 5 << 4, 24, 69: 0}
	places := []record.Frame{
		{Namespace: "node/node-1", Device: record.Device{Name: "veth1", Peer: "pod/default/a"}, Direction: record.In},
		{Namespace: "node/node-1", Device: record.Device{Name: "eth0", Peer: "underlay"}, Direction: record.Out},
		{Namespace: "underlay", Device: record.Device{Name: "node-1", Peer: "node/node-1"}, Direction: record.Foreign},
		{Namespace: "underlay", Device: record.Device{Name: "node-2", Peer: "node/node-2"}, Direction: record.Out},
		{Namespace: "node/node-2", Device: record.Device{Name: "eth0", Peer: "underlay"}, Direction: record.In},
		{Namespace: "node/node-2", Device: record.Device{Name: "veth1", Peer: "pod/default/b"}, Direction: record.Out},
	}
	j, x := join.New(join.Config{}), explain.New(noRules{}, func(netip.Addr) string { return "" })
	var now int64
	events, start := 0, time.Now()
	for time.Since(start) < d {
		for range 100 {
			b := slices.Clone(frame)
			now += 1e5
			b[18], b[19], b[40], b[41] = byte(now>>25), byte(now>>17), byte(now>>24), byte(now>>16)
			for _, f := range places {
				events++
				f.Time, f.Data, f.Length = now, b, len(b)
				j.Add(record.Batch{Frames: []record.Frame{f}}, now)
			}
			ways := j.Take(now)
			for i := range ways {
				x.Journey(&ways[i])
			}
		}
	}
	return float64(events) / time.Since(start).Seconds()
}

type noRules struct{}

func (noRules) Ruleset(string) *explain.Ruleset                   { return nil }
func (noRules) Rule(string, string, string, uint64) *explain.Rule { return nil }
