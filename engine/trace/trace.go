package trace

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/capture"
	"github.com/podhop/podhop/engine/trace/record"
)

// A Source is one namespace to capture in.
type Source struct {
	// Name is its vertex: "node/node-1", "client", "underlay".
	Name string
	// Net is the namespace; *nsexec.NetNS is one.
	Net capture.Namespace
	// Devices looks up the namespace's devices by index. A device whose peer is a
	// pod ("pod/...") is that pod's veth: what passes it, the pod sent or got. May be
	// nil; without peers, journeys end at nodes. It is called from several goroutines.
	Devices func(index int) (record.Device, bool)
}

// Config says what to trace and where journeys go. Functions must be safe to
// call from other goroutines, and must not call back into the Tracer.
type Config struct {
	// Sources lists the namespaces as they are now.
	Sources func() []Source
	// Names gives the vertex that has an address; empty if none has.
	Names func(netip.Addr) string
	// Route gives the route by which a source sends what is for an address out of a
	// device, as `ip route` has it; empty if it is not known. May be nil. What it says
	// is remembered for a second.
	Route func(source string, to netip.Addr, device string) string
	// Emit takes each journey once, whole, in about the order they started. A slow
	// Emit makes the capture lose packets, and say so.
	Emit func(model.Journey)
	// Frames is told, before Emit, what a journey was read from, in the order it
	// happened. It may keep them, and add to what the journey says. May be nil.
	Frames func(j *model.Journey, frames []record.Frame)
	// Lost is told how many records were thrown away, and why. May be nil.
	Lost func(n uint64, reason string)
	// TraceRate is how many packets a second, node and hook have their rules
	// traced, and as many again of opening TCP connections; the others' hops have
	// no rules. 100 if 0.
	TraceRate int
	// RingBlocks is the size of each namespace's ring in blocks of 64 KiB. 16 if 0.
	RingBlocks int
	// MaxFrames is how many frames a second may be captured before it is turned to
	// capturing of TCP only the beginnings and ends of connections; a burst may be a
	// quarter of that. 40,000 if 0: some 6,000 packets between nodes.
	MaxFrames int
	// Captured is told when that turns, either way, and while it lasts every second
	// how many frames were left out. May be nil.
	Captured func(model.Capture)
	// Share is what the session has of the server beside others; nil is without end.
	Share Share
	Log   *slog.Logger
}

// ErrClosed is returned by a Tracer that was closed.
var ErrClosed = errors.New("tracer is closed")

// A Tracer traces one session. Its methods are safe for concurrent use.
type Tracer struct {
	cfg   Config
	loop  *loop
	index *index

	mu       sync.Mutex
	closed   bool
	watchers int
	// captures holds what runs by source name, with the namespace it runs in.
	captures map[string]running
	// ended closes when what the last watcher left has been taken down; nil before.
	ended chan struct{}
}

type running struct {
	net     capture.Namespace
	capture *capture.Capture
}

// New makes a Tracer that captures nothing until somebody watches.
func New(cfg Config) (*Tracer, error) {
	if cfg.Sources == nil || cfg.Emit == nil || cfg.Names == nil {
		return nil, errors.New("trace: Sources, Names and Emit are needed")
	}
	if cfg.Share == nil {
		cfg.Share = all{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	t := &Tracer{cfg: cfg, index: newIndex(), captures: map[string]running{}}
	t.loop = newLoop(t)
	return t, nil
}

// Watch turns capturing on until release is called as often as Watch was.
// When it returns, packets are captured; that takes some 50 ms if nobody watched
// before. release does not wait: what was captured is still emitted. An error says which source could not be
// captured; the others are all the same.
func (t *Tracer) Watch() (release func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return func() {}, ErrClosed
	}
	t.watchers++
	if t.watchers == 1 {
		t.await()
		t.loop.start()
	}
	err = t.sync()
	return sync.OnceFunc(t.release), err
}

func (t *Tracer) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watchers--; t.watchers == 0 && !t.closed {
		t.stop()
	}
}

// Refresh takes notice of sources that came or went. It does nothing while
// nobody watches.
func (t *Tracer) Refresh() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.watchers == 0 {
		return nil
	}
	t.loop.routes.forget()
	return t.sync()
}

// RulesChanged takes notice of a source's new rules at once. Rules are listed
// anyhow when a packet is explained that saw some; but those that came and went
// again since the last look would not be known.
func (t *Tracer) RulesChanged(source string) { t.loop.rules.changed(source) }

// sync makes the captures be those of the sources.
func (t *Tracer) sync() error {
	var errs []error
	wanted := map[string]Source{} // and not there yet
	for _, s := range t.cfg.Sources() {
		wanted[s.Name] = s
	}
	for name, r := range t.captures {
		if s, ok := wanted[name]; !ok || s.Net != r.net {
			delete(t.captures, name)
			t.drop(name, r.capture)
		} else {
			delete(wanted, name)
		}
	}
	// All at once: opening waits for the kernel, listing the rules for nft.
	var mu sync.Mutex
	var opening sync.WaitGroup
	for name, s := range wanted {
		opening.Go(func() {
			c, err := t.open(s)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			t.captures[name] = running{s.Net, c}
		})
	}
	opening.Wait()
	return errors.Join(errs...)
}

func (t *Tracer) open(s Source) (*capture.Capture, error) {
	pipe := t.loop.pipe
	c, err := capture.Open(capture.Config{
		Name:      s.Name,
		Net:       s.Net,
		Device:    s.Devices,
		Heard:     heard,
		Rules:     isNode(s.Name),
		TraceRate: t.cfg.TraceRate,
		Blocks:    t.cfg.RingBlocks,
		Emit: func(b record.Batch) {
			t.loop.governor.see(len(b.Frames), time.Now())
			pipe.emit(b)
		},
	})
	if err != nil {
		return nil, err
	}
	t.loop.governor.add(c)
	if isNode(s.Name) {
		t.loop.rules.add(s.Name, c)
	}
	return c, nil
}

// heard reports whether what a device sends is captured at its other end: everywhere but
// in pods.
func heard(d record.Device) bool {
	return d.Name == "lo" || d.PeerName != "" && d.Peer != "" && !strings.HasPrefix(d.Peer, "pod/")
}

func (t *Tracer) drop(name string, c *capture.Capture) {
	t.loop.captures.remove(c)
	t.loop.rules.remove(name)
	if err := c.Close(); err != nil {
		t.cfg.Log.Warn("capture did not close cleanly", "source", name, "error", err)
	}
}

// stop ends all captures without waiting: the kernel takes its time to close a
// ring. What was captured is still joined and emitted.
func (t *Tracer) stop() {
	captures, ended := t.captures, make(chan struct{})
	t.captures, t.ended = map[string]running{}, ended
	go func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var closing sync.WaitGroup
		for name, r := range captures {
			closing.Go(func() {
				if err := r.capture.Flush(ctx); err != nil {
					t.cfg.Log.Warn("the last packets may be missing", "source", name, "error", err)
				}
				t.drop(name, r.capture)
			})
		}
		closing.Wait()
		t.loop.stop()
	}()
}

// await waits until everything that a stop began is done.
func (t *Tracer) await() {
	if t.ended != nil {
		<-t.ended
	}
}

// Flush waits until everything that was captured before now has been joined and
// emitted: some 60 ms, because a journey ends when nothing more is heard of it.
// It returns at once while nobody watches.
func (t *Tracer) Flush(ctx context.Context) error {
	t.mu.Lock()
	watching, pipe := t.watchers > 0 && !t.closed, t.loop.pipe
	captures := make([]*capture.Capture, 0, len(t.captures))
	for _, r := range t.captures {
		captures = append(captures, r.capture)
	}
	t.mu.Unlock()
	if !watching {
		return nil
	}
	for _, c := range captures {
		if err := c.Flush(ctx); err != nil {
			return err
		}
	}
	return pipe.flush(ctx)
}

// Conversation is the conversation that packets between two addresses belong
// to, as a socket's local and remote address or any hop saw them. protocol is tcp or
// udp. Empty if none was emitted yet: call Flush first.
func (t *Tracer) Conversation(protocol string, local, remote netip.AddrPort) string {
	return t.index.conversation(protocol, local, remote)
}

// Journeys lists the IDs of a conversation's journeys so far, oldest first.
func (t *Tracer) Journeys(conversation string) []string {
	return t.index.journeys(conversation)
}

// Close ends everything: no goroutine, descriptor or table is left.
func (t *Tracer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	if t.watchers > 0 {
		t.stop()
	}
	t.await()
	return nil
}
