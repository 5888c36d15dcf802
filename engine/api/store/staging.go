package store

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// What writers are told that wait for a Batcher is in etcd's words, go.etcd.io/etcd/api/v3/v3rpc/rpctypes.
var (
	errBusy = errors.New("etcdserver: too many requests")
	errLate = errors.New("etcdserver: request timed out")
)

const (
	// late is after how long a writer is told so: etcd's own 5 seconds, and two elections.
	// What it wrote may be there later, as with etcd.
	late = 7 * time.Second
	// mostStaged bounds what waits, in bytes.
	mostStaged = 16 << 20
)

// staging are the writes that are not in the tenant yet, because its Batcher does not have them.
type staging struct {
	queue      []*staged // in order of revisions; those that the Batcher is told now are no longer in it
	keys       map[string]*staged
	rev        uint64 // the last that was given out, if there is any
	bytes      int
	appending  bool
	patience   time.Duration // 0: late
	mostStaged int           // 0: mostStaged
}

type staged struct {
	id     string // of its key
	prefix string
	bucket *bucket
	next   item
	done   chan struct{}
	err    error // once it is done
}

// stage is put with a Batcher. t.mu is held for writing, and given up while it waits.
func (t *Tenant) stage(ctx context.Context, by Batcher, prefix string, gr schema.GroupResource, seen uint64, next item) (rev uint64, ok bool, err error) {
	g := &t.staging
	if g.keys == nil {
		g.keys, g.patience, g.mostStaged = map[string]*staged{}, late, mostStaged
	}
	ctx, cancel := context.WithTimeoutCause(ctx, g.patience, errLate)
	defer cancel()
	id := prefix + "\x00" + next.key
	for before := g.keys[id]; before != nil; before = g.keys[id] {
		if err := t.await(ctx, before); err != nil {
			return 0, false, err
		}
	}
	b := t.bucket(prefix, gr)
	if b.seen(next.key) != seen {
		return 0, false, nil
	}
	if g.bytes+len(next.data) > g.mostStaged && len(g.keys) > 0 {
		return 0, false, errBusy
	}
	g.rev = max(g.rev, t.rev) + 1
	next.rev = g.rev
	w := &staged{id: id, prefix: prefix, bucket: b, next: next, done: make(chan struct{})}
	g.queue, g.keys[id], g.bytes = append(g.queue, w), w, g.bytes+len(next.data)
	if !g.appending {
		g.appending = true
		go t.append(by)
	}
	if err := t.await(ctx, w); err != nil {
		return 0, false, err
	}
	return next.rev, w.err == nil, w.err
}

// await waits until a write is done, without t.mu, which is held before and after.
func (t *Tenant) await(ctx context.Context, w *staged) error {
	t.mu.Unlock()
	defer t.mu.Lock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// append has what waits appended, and what came meanwhile, until nothing does.
func (t *Tenant) append(by Batcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := &t.staging
	for len(g.queue) > 0 {
		batch := g.queue
		g.queue = nil
		entries := make([]Entry, len(batch))
		for i, w := range batch {
			entries[i] = entry(w.prefix, w.bucket.resource, w.next)
		}
		t.mu.Unlock()
		err := by.AppendAll(entries)
		t.mu.Lock()
		if err != nil { // and nothing is between them and those that came meanwhile
			batch, g.queue, g.rev = append(batch, g.queue...), nil, t.rev
		}
		for _, w := range batch {
			if w.err = err; err == nil {
				t.commit(w.prefix, w.bucket, w.next)
			}
			delete(g.keys, w.id)
			g.bytes -= len(w.next.data)
			close(w.done)
		}
	}
	g.appending = false
}
