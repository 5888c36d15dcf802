// Package capture reads what the kernel saw in one network namespace: packets
// from a TPACKET_V3 ring on all devices, rule events of nftrace, conntrack
// entries. It turns them into records, and rule listings into text.
//
// It must know nothing of other namespaces, of joining, or of Kubernetes.
package capture

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/podhop/podhop/engine/trace/record"
)

// A Namespace is a network namespace that things can be done in;
// *nsexec.NetNS is one.
type Namespace interface {
	// Do runs fn on a thread in the namespace: sockets that it opens stay there.
	Do(fn func() error) error
}

// Config says what to capture. Emit is called from several goroutines, and may
// block: then the kernel's buffers fill, and what no longer fits is counted.
type Config struct {
	// Name is the vertex of the namespace: "node/node-1".
	Name string
	Net  Namespace
	// Device looks a device up by its index. Where it does not know one, the
	// kernel is asked for the name. May be nil.
	Device func(index int) (record.Device, bool)
	// Heard says that what a device sends is captured at its other end, too. May be
	// nil: of none it is.
	Heard func(record.Device) bool
	// Rules says that the namespace has rules and conntrack worth listening to.
	Rules bool
	// TraceRate is how many packets a second and hook have their rules traced;
	// that many again of new TCP connections. 100 if 0.
	TraceRate int
	// Blocks is the ring's size in blocks of 64 KiB. 16 if 0.
	Blocks int
	Emit   func(record.Batch)
}

// A Capture is one namespace's capture, running until closed.
type Capture struct {
	cfg     Config
	ring    *ring
	events  *events
	taps    *taps
	devices devices
	done    sync.WaitGroup

	// receiving is while the ring takes only what devices receive.
	receiving period

	mu      sync.Mutex
	edges   bool
	resting bool
	closed  bool
	senders map[int]*ring // by device, while receiving
}

// Open starts to capture. Nothing is left behind when it fails.
func Open(cfg Config) (*Capture, error) {
	if cfg.Heard == nil {
		cfg.Heard = func(record.Device) bool { return false }
	}
	c := &Capture{cfg: cfg, senders: map[int]*ring{}}
	if err := c.open(); err != nil {
		c.Close()
		return nil, fmt.Errorf("capture %s: %w", cfg.Name, err)
	}
	return c, nil
}

func (c *Capture) open() (err error) {
	if c.ring, err = openRing(&c.cfg, &c.devices, shape{blocks: c.cfg.Blocks, size: blockSize, retire: retire, filter: everything()}); err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	c.ring.mark = func(f *record.Frame) bool {
		f.BothEnds = f.Direction != record.Out && c.receiving.has(f.Time) && c.cfg.Heard(f.Device)
		return true
	}
	c.devices.open(c.cfg.Device, c.ring.file)
	if err := c.ring.bind(0); err != nil {
		return err
	}
	c.done.Go(c.ring.run)
	if !c.cfg.Rules {
		return nil
	}
	if c.events, err = openEvents(&c.cfg, &c.devices); err != nil {
		return fmt.Errorf("netfilter events: %w", err)
	}
	c.done.Go(c.events.run)
	// The taps come last: whoever is not heard need not speak.
	if c.taps, err = openTaps(c.cfg.Net, c.cfg.TraceRate); err != nil {
		return fmt.Errorf("taps: %w", err)
	}
	return nil
}

// Flush waits until everything that the kernel captured before now was emitted.
func (c *Capture) Flush(ctx context.Context) error {
	for _, done := range c.Handover() {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Handover returns channels that are closed when everything that the kernel
// captured before now was emitted, or the capture is closed.
func (c *Capture) Handover() []<-chan struct{} {
	all := []<-chan struct{}{c.ring.flush(), c.events.flush()}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.senders {
		all = append(all, s.flush())
	}
	return all
}

// Close stops capturing, and leaves no ring, tap or goroutine behind.
func (c *Capture) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	var errs []error
	for _, s := range c.senders {
		errs = append(errs, s.file.Close())
	}
	if c.taps != nil {
		errs = append(errs, c.taps.close())
	}
	if c.events != nil {
		errs = append(errs, c.events.file.Close())
	}
	if c.ring != nil {
		errs = append(errs, c.ring.file.Close())
	}
	c.done.Wait()
	c.devices.refreshing.Wait()
	return errors.Join(errs...)
}
