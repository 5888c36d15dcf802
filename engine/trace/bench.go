package trace

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"
)

// A Host is a namespace that a Bench sends traffic from and to; *nsexec.NetNS is one.
type Host interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Listen(network, address string) (net.Listener, error)
	ListenPacket(network, address string) (net.PacketConn, error)
}

// A Bench is traffic by which to measure what watching costs: between pods of two
// nodes, if that is to be what a learner's traffic costs. From sends to To at Address.
type Bench struct {
	From, To Host
	Address  netip.Addr
}

// A Comparison is one load without and with a watcher, measured in turns.
type Comparison struct {
	Unwatched, Watched []float64
}

// Ratio is the median of each turn's watched to unwatched: what else the machine does
// meanwhile slows down both of a turn.
func (c Comparison) Ratio() float64 {
	ratios := make([]float64, len(c.Watched))
	for i, w := range c.Watched {
		ratios[i] = w / c.Unwatched[i]
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// Loads are how long each load of a turn lasts, without a watcher and with one.
type Loads struct{ Stream, Requests time.Duration }

// Compare measures bytes a second of one TCP stream, and then requests a second of 64
// bytes there and back, one at a time, without and with a watcher, in so many turns. watch
// begins to watch, just before the stream; its release returns when nothing is captured any
// more.
func (b *Bench) Compare(ctx context.Context, turns int, loads Loads, watch func() (release func() error, err error)) (throughput, requests Comparison, err error) {
	l, err := b.To.Listen("tcp", netip.AddrPortFrom(b.Address, 0).String())
	if err != nil {
		return throughput, requests, err
	}
	defer l.Close()
	go b.serve(l)
	both := func(into func(c *Comparison, rate float64)) error {
		rate, err := b.stream(ctx, l.Addr().String(), loads.Stream)
		if err != nil {
			return err
		}
		into(&throughput, rate)
		rate, err = b.requests(ctx, l.Addr().String(), loads.Requests)
		into(&requests, rate)
		return err
	}
	unwatched := func() error {
		return both(func(c *Comparison, rate float64) { c.Unwatched = append(c.Unwatched, rate) })
	}
	watched := func() error {
		release, err := watch()
		if err != nil {
			return err
		}
		err = both(func(c *Comparison, rate float64) { c.Watched = append(c.Watched, rate) })
		if rerr := release(); err == nil {
			err = rerr
		}
		return err
	}
	for turn := range turns {
		parts := []func() error{unwatched, watched}
		if turn%2 == 1 { // whoever comes first has no advantage
			slices.Reverse(parts)
		}
		for _, part := range parts {
			if err := part(); err != nil {
				return throughput, requests, fmt.Errorf("turn %d: %w", turn+1, err)
			}
		}
	}
	return throughput, requests, nil
}

// Connect makes so many connections one after the other, with a request on each, and
// waits for gap in between.
func (b *Bench) Connect(ctx context.Context, n int, gap time.Duration) error {
	l, err := b.To.Listen("tcp", netip.AddrPortFrom(b.Address, 0).String())
	if err != nil {
		return err
	}
	defer l.Close()
	go b.serve(l)
	for range n {
		if _, err := b.requests(ctx, l.Addr().String(), 0); err != nil {
			return err
		}
		if err := pause(ctx, gap); err != nil {
			return err
		}
	}
	return nil
}

// Datagrams sends so many UDP datagrams a second for d, evenly, each of which is a
// journey, and returns how many.
func (b *Bench) Datagrams(ctx context.Context, perSecond int, d time.Duration) (sent int, err error) {
	sink, err := b.To.ListenPacket("udp", netip.AddrPortFrom(b.Address, 0).String())
	if err != nil {
		return 0, err
	}
	defer sink.Close()
	c, err := b.From.DialContext(ctx, "udp", sink.LocalAddr().String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for start := time.Now(); ; {
		took := time.Since(start)
		for due := int(min(took, d).Seconds() * float64(perSecond)); sent < due; sent++ {
			if _, err := fmt.Fprintf(c, "datagram %d", sent); err != nil {
				return sent, err
			}
		}
		if took >= d {
			return sent, nil
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return sent, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve echoes what comes after an 'e', and throws away what comes after a 'd'.
func (b *Bench) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go b.answer(c)
	}
}

func (b *Bench) answer(c net.Conn) {
	defer c.Close()
	kind := make([]byte, 1)
	if _, err := io.ReadFull(c, kind); err != nil {
		return
	}
	if kind[0] == 'd' {
		buffer := make([]byte, 128<<10)
		for {
			if _, err := c.Read(buffer); err != nil {
				return
			}
		}
	}
	io.Copy(c, c)
}

func (b *Bench) stream(ctx context.Context, address string, d time.Duration) (bytesPerSecond float64, err error) {
	c, err := b.From.DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	buffer := make([]byte, 128<<10)
	buffer[0] = 'd'
	start, n := time.Now(), 0
	for time.Since(start) < d {
		k, err := c.Write(buffer)
		if err != nil {
			return 0, err
		}
		n += k
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// requests sends requests on one connection for d, at least one.
func (b *Bench) requests(ctx context.Context, address string, d time.Duration) (perSecond float64, err error) {
	c, err := b.From.DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if _, err := c.Write([]byte{'e'}); err != nil {
		return 0, err
	}
	buffer, n := make([]byte, 64), 0
	start := time.Now()
	for n == 0 || time.Since(start) < d {
		if _, err := c.Write(buffer); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(c, buffer); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
