package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// History kept for each resource, so that a watch can resume and a paged list
// can go on at its first page's revision. Whichever limit is hit first counts.
const (
	historyEvents = 256
	historyBytes  = 512 << 10
)

// item is one stored object. Its bytes are immutable: clones share them.
type item struct {
	key     string
	data    []byte
	rev     uint64
	expires int64 // Unix nanoseconds; 0: never
}

// change is one committed write, kept as history. cur is nil for a deletion.
type change struct {
	rev, prevRev uint64
	key          string
	cur, prev    []byte
}

// bucket holds the objects of one resource, sorted by key.
type bucket struct {
	resource  schema.GroupResource
	items     []item
	history   []change
	historyB  int
	compacted uint64 // history up to and including this revision is gone
	watchers  map[*watcher]struct{}
}

// Tenant is one session's isolated key space. It is safe for concurrent use.
type Tenant struct {
	mu      sync.RWMutex
	rev     uint64
	buckets map[string]*bucket
	journal Journal
	staging staging
	clock   func() time.Time

	populated map[schema.GroupResource]struct{} // resources that have, or had, an object
	written   map[schema.GroupResource]uint64   // revisions of the last writes to resources since the tenant was made or cloned
	more      chan struct{}                     // closed when there is one more in either
	expiry    expiry
	age       age
	closed    bool
	unread    atomic.Int64 // bytes that watches have queued
	room      room
}

// NewTenant returns an empty tenant. Its first revision is 1, as etcd's is.
func NewTenant() *Tenant {
	return &Tenant{rev: 1, buckets: map[string]*bucket{}, clock: time.Now,
		populated: map[schema.GroupResource]struct{}{}, written: map[schema.GroupResource]uint64{}, more: make(chan struct{})}
}

// Clone returns a tenant with the same objects and revision and no history.
// The objects' bytes are shared.
func (t *Tenant) Clone() *Tenant {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := NewTenant()
	n.rev, n.clock, n.populated, n.room = t.rev, t.clock, maps.Clone(t.populated), t.room
	for prefix, b := range t.buckets {
		nb := &bucket{resource: b.resource, items: slices.Clone(b.items), compacted: t.rev}
		n.buckets[prefix] = nb
		for _, it := range nb.items {
			n.expires(prefix, it)
		}
	}
	return n
}

// SetJournal makes every later change go through j first.
func (t *Tenant) SetJournal(j Journal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.journal = j
}

// Close ends all watches and stops expiry. Reads and writes still work.
func (t *Tenant) Close() {
	t.mu.Lock()
	t.closed = true
	t.expiry.stop()
	var ws []*watcher
	for _, b := range t.buckets {
		for w := range b.watchers {
			ws = append(ws, w)
		}
	}
	t.mu.Unlock()
	for _, w := range ws {
		w.Stop()
	}
}

// Usage is what a tenant holds.
type Usage struct {
	Objects, Watchers int
	Bytes             int64 // of encoded objects, shared ones counted in full
	HistoryBytes      int64
}

// Usage counts what the tenant holds now.
func (t *Tenant) Usage() Usage {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var u Usage
	for _, b := range t.buckets {
		u.Objects += len(b.items)
		u.Watchers += len(b.watchers)
		u.HistoryBytes += int64(b.historyB)
		for _, it := range b.items {
			u.Bytes += int64(len(it.data))
		}
	}
	return u
}

// Count counts the objects of each resource that has any.
func (t *Tenant) Count() map[schema.GroupResource]int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := map[schema.GroupResource]int{}
	for _, b := range t.buckets {
		if len(b.items) > 0 {
			n[b.resource] += len(b.items)
		}
	}
	return n
}

// Has tells whether a resource has, or once had, an object.
func (t *Tenant) Has(r schema.GroupResource) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok := t.populated[r]
	return ok
}

// Written tells whether a resource was written to since the tenant was made or cloned.
func (t *Tenant) Written(r schema.GroupResource) bool { return t.LastWrite(r) != 0 }

// LastWrite is the revision of the last write to a resource since the tenant was
// made or cloned; 0: there was none.
func (t *Tenant) LastWrite(r schema.GroupResource) uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.written[r]
}

// More returns a channel that is closed when Has or Written becomes true of one
// more resource.
func (t *Tenant) More() <-chan struct{} {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.more
}

// bucket returns the bucket of a resource, made if need be. t.mu must be held for writing.
func (t *Tenant) bucket(prefix string, gr schema.GroupResource) *bucket {
	b := t.buckets[prefix]
	if b == nil {
		b = &bucket{resource: gr}
		t.buckets[prefix] = b
	}
	return b
}

func (b *bucket) find(key string) (int, bool) {
	return slices.BinarySearchFunc(b.items, key, func(it item, k string) int { return cmp.Compare(it.key, k) })
}

// get returns the stored item of a key, the zero item if there is none, and the tenant's revision.
func (t *Tenant) get(prefix, key string) (item, uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if b := t.buckets[prefix]; b != nil {
		if i, ok := b.find(key); ok {
			return b.items[i], t.rev
		}
	}
	return item{}, t.rev
}

// put writes next over the state that the caller saw, which had revision seen
// (0: nothing stored); next.data nil deletes. When the state has changed in the
// meantime it writes nothing and returns false. ctx bounds the waiting for a Batcher, and
// nothing else.
func (t *Tenant) put(ctx context.Context, prefix string, gr schema.GroupResource, seen uint64, next item) (rev uint64, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.room.has(t.buckets[prefix], next) {
		return 0, false, errSpace
	}
	if by, ok := t.journal.(Batcher); ok {
		return t.stage(ctx, by, prefix, gr, seen, next)
	}
	b := t.bucket(prefix, gr)
	if b.seen(next.key) != seen {
		return 0, false, nil
	}
	next.rev = t.rev + 1
	if t.journal != nil {
		if err := t.journal.Append(entry(prefix, b.resource, next)); err != nil {
			return 0, false, err
		}
	}
	t.commit(prefix, b, next)
	return next.rev, true, nil
}

// seen is the revision of what is stored under a key; 0: nothing is.
func (b *bucket) seen(key string) uint64 {
	if i, found := b.find(key); found {
		return b.items[i].rev
	}
	return 0
}

// commit makes a write be there, and tells watchers. t.mu must be held for writing.
func (t *Tenant) commit(prefix string, b *bucket, next item) {
	i, found := b.find(next.key)
	var old item
	if found {
		old = b.items[i]
	}
	t.age.look(t.clock(), t.rev)
	t.rev = next.rev
	t.room.used += cost(next) - cost(old)
	switch {
	case next.data == nil:
		b.items = slices.Delete(b.items, i, i+1)
	case found:
		b.items[i] = next
	default:
		b.items = slices.Insert(b.items, i, next)
	}
	if next.data != nil {
		t.expires(prefix, next)
	}
	b.record(change{rev: next.rev, prevRev: old.rev, key: next.key, cur: next.data, prev: old.data})
	_, known := t.written[b.resource]
	if t.written[b.resource] = next.rev; !known {
		t.populated[b.resource] = struct{}{}
		close(t.more)
		t.more = make(chan struct{})
	}
}

// span returns the items whose key is prefix (recursive: begins with it). The
// caller must hold t.mu and not keep the slice.
func (b *bucket) span(key string, recursive bool) []item {
	i, found := b.find(key)
	if !recursive {
		if found {
			return b.items[i : i+1]
		}
		return nil
	}
	j := i
	for j < len(b.items) && strings.HasPrefix(b.items[j].key, key) {
		j++
	}
	return b.items[i:j]
}

// Rewrite replaces the bytes of all objects under a resource's prefix, at the
// same revision. It is for a fresh clone, which nobody reads or watches yet.
func (t *Tenant) Rewrite(prefix string, f func(data []byte) ([]byte, error)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.buckets[prefix]
	if b == nil {
		return nil
	}
	for i := range b.items {
		data, err := f(b.items[i].data)
		if err != nil {
			return err
		}
		t.room.used += int64(len(data) - len(b.items[i].data))
		b.items[i].data = data
	}
	return nil
}
