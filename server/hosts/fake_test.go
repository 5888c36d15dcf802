package hosts

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/server/hosts/protocol"
)

// A fake is an etcd in memory. Hosts reach it by lines, which can be cut.
type fake struct {
	mu       sync.Mutex
	revision int64
	keys     map[string]protocol.Key
	lease    map[string]protocol.Lease // of keys
	leases   map[protocol.Lease]*time.Timer
	granted  protocol.Lease
	ttl      map[protocol.Lease]time.Duration
	changed  chan struct{}
}

func newFake() *fake {
	return &fake{revision: 1, keys: map[string]protocol.Key{}, lease: map[string]protocol.Lease{}, leases: map[protocol.Lease]*time.Timer{},
		ttl: map[protocol.Lease]time.Duration{}, changed: make(chan struct{})}
}

// A line is one host's way to the fake.
type line struct {
	*fake
	cut atomic.Bool // nothing comes or goes
}

func (f *fake) line() *line { return &line{fake: f} }

// up waits until the line is not cut, and fails if ctx ends before.
func (l *line) up(ctx context.Context) error {
	for l.cut.Load() {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *line) Grant(ctx context.Context, ttl time.Duration) (protocol.Lease, error) {
	if err := l.up(ctx); err != nil {
		return 0, err
	}
	f := l.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	f.granted++
	lease := f.granted
	f.ttl[lease] = ttl
	f.leases[lease] = time.AfterFunc(ttl, func() { f.expire(lease) })
	return lease, nil
}

func (f *fake) expire(lease protocol.Lease) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leases[lease] == nil {
		return
	}
	f.leases[lease].Stop()
	delete(f.leases, lease)
	f.revision++
	maps.DeleteFunc(f.keys, func(name string, _ protocol.Key) bool { return f.lease[name] == lease })
	maps.DeleteFunc(f.lease, func(_ string, l protocol.Lease) bool { return l == lease })
	close(f.changed)
	f.changed = make(chan struct{})
}

func (l *line) Renew(ctx context.Context, lease protocol.Lease) error {
	if err := l.up(ctx); err != nil {
		return err
	}
	f := l.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leases[lease] == nil || !f.leases[lease].Reset(f.ttl[lease]) {
		return ErrNoLease
	}
	return nil
}

func (l *line) Revoke(ctx context.Context, lease protocol.Lease) error {
	if err := l.up(ctx); err != nil {
		return err
	}
	l.fake.expire(lease)
	return nil
}

func (l *line) Do(ctx context.Context, lease protocol.Lease, txn protocol.Txn) (out protocol.Outcome, err error) {
	if err := l.up(ctx); err != nil {
		return out, err
	}
	f := l.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range txn.If {
		if has := f.keys[c.Key].Created; has != c.Created && !(c.Created == protocol.Present && has > 0) {
			return protocol.Outcome{Result: protocol.Refused, Has: f.keys[txn.Else]}, nil
		}
	}
	f.revision++
	for _, c := range txn.Then {
		if c.Leased && f.leases[lease] == nil {
			return out, ErrNoLease
		}
		if c.Delete {
			delete(f.keys, c.Key)
			delete(f.lease, c.Key)
			continue
		}
		k := f.keys[c.Key]
		if k.Created == 0 {
			k.Created = f.revision
		}
		k.Name, k.Value = c.Key, c.Value
		if f.keys[c.Key] = k; c.Leased {
			f.lease[c.Key] = lease
		}
	}
	close(f.changed)
	f.changed = make(chan struct{})
	return protocol.Outcome{Result: protocol.Done, Revision: f.revision}, nil
}

func (l *line) Watch(ctx context.Context, see func(*protocol.View)) error {
	f := l.fake
	for {
		if err := l.up(ctx); err != nil {
			return err
		}
		f.mu.Lock()
		view, changed := protocol.NewView(f.revision, slices.Collect(maps.Values(f.keys))), f.changed
		f.mu.Unlock()
		see(view)
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// at says who has a session, by name.
func (f *fake) at(session string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, _, _ := strings.Cut(f.keys[protocol.Places+session].Value, ".")
	return name
}
