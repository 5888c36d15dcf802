package hosts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/internal/together"
	"github.com/podhop/podhop/server/hosts/protocol"
)

var (
	// ErrUnknown says that there is no such session anywhere.
	ErrUnknown = errors.New("no host has such a session")
	// ErrAway says that a session has no host at the moment, or that etcd cannot be asked which.
	ErrAway = errors.New("the session is on its way to another host")
)

// Config says what a Cluster is made of.
type Config struct {
	protocol.Config
	Etcd Etcd
	// Park lets a session go that this host has, or had: it closes it here and keeps it, if
	// this host may still write it. It returns nil too if the session is not open here.
	Park func(ctx context.Context, session string) error
	// Taken is told of each session that was nobody's and is this host's from now on; nil:
	// nobody is. It does not wait.
	Taken func(session string)
	Log   *slog.Logger
	// Clock is the time since some beginning; nil is the machine's, suspended or not.
	Clock func() time.Duration
}

// A Cluster is one host among the others. It is safe for concurrent use.
type Cluster struct {
	cfg  Config
	log  *slog.Logger
	ctx  context.Context // of what is under way
	stop context.CancelFunc
	work sync.WaitGroup
	// unseen asks etcd for sessions that were not seen.
	unseen *together.Asker[string, bool]

	mu      sync.Mutex
	host    *protocol.Host
	view    *protocol.View
	changed chan struct{}     // closed at the next change
	holds   map[string]*Held  // by session, those that this host serves
	peers   map[string]*alive // by ID, those that somebody waits for
	until   *time.Timer       // looks when nothing may be served any more
}

// A Held is a session that this host serves, for who answers something of it.
type Held struct {
	cluster *Cluster
	session string
	ctx     context.Context
	cancel  context.CancelFunc
	over    atomic.Bool // it was ended here
}

// New returns a Cluster that has begun. Close it.
func New(cfg Config) *Cluster {
	if cfg.Clock == nil {
		cfg.Clock = boottime
	}
	view := protocol.NewView(0, nil)
	c := &Cluster{cfg: cfg, log: cfg.Log, host: protocol.New(cfg.Config, view), view: view,
		changed: make(chan struct{}), holds: map[string]*Held{}, peers: map[string]*alive{}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.unseen = together.New(mostUnseen, c.look)
	c.work.Go(c.watch)
	c.work.Go(c.tick)
	c.do(func() {})
	return c
}

// boottime goes on while the machine sleeps, unlike Go's own clock.
func boottime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // there since Linux 2.6.39
	return time.Duration(ts.Nano())
}

// Close ends what is under way. Other hosts learn of it when the lease runs out: see Leave.
func (c *Cluster) Close() {
	c.mu.Lock()
	c.stop() // nothing begins from now on
	c.mu.Unlock()
	c.work.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.holds {
		h.cancel()
	}
	if c.until != nil {
		c.until.Stop()
	}
}

// Leave gives this host's sessions to the others, and its lease back, until ctx is done.
func (c *Cluster) Leave(ctx context.Context) error {
	c.do(c.host.Leave)
	return c.await(ctx, func() (bool, error) { return c.host.Left(), nil })
}

// do changes what the host knows and begins what it wants done then.
func (c *Cluster) do(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.host.ID()
	change()
	if c.ctx.Err() != nil {
		return
	}
	now := c.cfg.Clock()
	ops := c.host.Wake(now)
	if id := c.host.ID(); id != before {
		c.log.Info("the host's lease", "host", id, "before", before)
	}
	c.hold(now)
	c.bury()
	close(c.changed)
	c.changed = make(chan struct{})
	for _, op := range ops {
		c.work.Go(func() {
			out := c.ask(op)
			c.do(func() { c.host.Answer(op, out) })
		})
	}
}

// hold keeps holds of what is served, and ends others. c.mu is held.
func (c *Cluster) hold(now time.Duration) {
	for id, h := range c.holds {
		if !c.host.Serves(id, now) {
			h.cancel()
			delete(c.holds, id)
		}
	}
	left := c.host.Until() - now
	switch {
	case left <= 0 || len(c.holds) == 0:
	case c.until == nil:
		c.until = time.AfterFunc(left, func() { c.do(func() {}) })
	default:
		c.until.Reset(left)
	}
}

// tick wakes the host as often as it must be.
func (c *Cluster) tick() {
	every := time.NewTicker(c.cfg.Beat / 4)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			c.do(func() {})
		case <-c.ctx.Done():
			return
		}
	}
}

// watch tells the host what there is.
func (c *Cluster) watch() {
	for c.ctx.Err() == nil {
		err := c.cfg.Etcd.Watch(c.ctx, func(v *protocol.View) {
			c.do(func() {
				if v.Revision >= c.view.Revision {
					c.view = v
					c.host.See(v)
				}
			})
		})
		if c.ctx.Err() == nil {
			c.log.Warn("etcd cannot be watched", "err", err)
			c.pause()
		}
	}
}

// pause keeps what fails at once from being tried all the time.
func (c *Cluster) pause() {
	select {
	case <-time.After(c.cfg.Beat / 2):
	case <-c.ctx.Done():
	}
}

// ask does what the host wants done.
func (c *Cluster) ask(op protocol.Op) (out protocol.Outcome) {
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.Beat)
	defer cancel()
	var err error
	switch op.Kind {
	case protocol.Grant:
		out.Lease, err = c.cfg.Etcd.Grant(ctx, c.cfg.TTL)
	case protocol.Renew:
		err = c.cfg.Etcd.Renew(ctx, op.Lease)
	case protocol.Revoke:
		err = c.cfg.Etcd.Revoke(ctx, op.Lease)
	case protocol.Open:
		// It is not waited for: who asks for it opens it, if Taken does not.
		if c.cfg.Taken != nil {
			c.cfg.Taken(op.Session)
		}
	case protocol.Park, protocol.Drop:
		// No limit of time: a session that is half closed is nobody's.
		err = c.cfg.Park(c.ctx, op.Session)
	default:
		out, err = c.cfg.Etcd.Do(ctx, op.Lease, op.Txn)
	}
	switch {
	case errors.Is(err, ErrNoLease):
		out = protocol.Outcome{Result: protocol.Expired}
	case err != nil:
		c.log.Debug("a host's request", "kind", op.Kind, "session", op.Session, "err", err)
		c.pause()
		out = protocol.Outcome{}
	case out.Result == protocol.Unknown:
		out.Result = protocol.Done
	}
	return out
}

// await waits until check is satisfied or fails, asking it with c.mu held after each change.
func (c *Cluster) await(ctx context.Context, check func() (bool, error)) error {
	for {
		c.mu.Lock()
		ok, err := check()
		changed := c.changed
		c.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrAway, ctx.Err())
		case <-c.ctx.Done():
			return ErrAway
		}
	}
}
