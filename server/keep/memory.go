package keep

import (
	"bytes"
	"cmp"
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Backing outlasts the server. It is told of each write before anybody else is, and may
// be of several at once that are not of the same key.
type Backing interface {
	// Put and Remove return when what was written is as lasting as it can be.
	Put(Document) error
	Remove(key string) error
}

// Memory returns a Store that ends with the process.
func Memory() Store { return Backed(nil, nil) }

// Backed returns a Store of documents that a Backing has, and of what it will be told.
func Backed(b Backing, have []Document) Store {
	m := &memory{backing: b, seed: maphash.MakeSeed(), documents: map[string]Document{}, watchers: map[*watcher]bool{}}
	if b != nil { // beyond those of documents that are no more
		m.revision = uint64(time.Now().UnixMicro())
	}
	for _, d := range have {
		m.documents[d.Key] = d
		m.revision = max(m.revision, d.Revision)
	}
	return m
}

type memory struct {
	backing Backing
	seed    maphash.Seed
	writing [32]sync.Mutex // by key: a write waits for the one before to be lasting

	mu        sync.Mutex
	documents map[string]Document
	revision  uint64 // of the last write to any
	watchers  map[*watcher]bool
}

func (m *memory) Get(_ context.Context, key string) (Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.documents[key]
	if !ok {
		return Document{}, ErrNotFound
	}
	return d.clone(), nil
}

func (m *memory) List(_ context.Context, prefix string) ([]Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.below(prefix), nil
}

// below is by key. m.mu is held.
func (m *memory) below(prefix string) (all []Document) {
	for key, d := range m.documents {
		if strings.HasPrefix(key, prefix) {
			all = append(all, d.clone())
		}
	}
	slices.SortFunc(all, func(a, b Document) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

func (m *memory) Put(ctx context.Context, key string, value []byte, revision uint64) (Document, error) {
	if err := Check(key, value); err != nil {
		return Document{}, err
	}
	d := Document{Key: key, Value: append([]byte{}, value...)}
	err := m.write(ctx, key, func(old Document) (err error) {
		if old.Revision != revision {
			return ErrConflict
		}
		if d.Revision = m.next(); m.backing != nil {
			err = m.backing.Put(d)
		}
		return err
	}, func() Event { return Event{Document: d} })
	if err != nil {
		return Document{}, err
	}
	return d.clone(), nil
}

func (m *memory) Delete(ctx context.Context, key string, revision uint64) error {
	return m.write(ctx, key, func(old Document) (err error) {
		if old.Revision == 0 {
			return ErrNotFound
		} else if old.Revision != revision {
			return ErrConflict
		}
		if m.backing != nil {
			err = m.backing.Remove(key)
		}
		return err
	}, func() Event { return Event{Document: Document{Key: key, Revision: m.next()}, Gone: true} })
}

// write makes a change last, and then tells of it.
func (m *memory) write(ctx context.Context, key string, last func(old Document) error, done func() Event) error {
	lock := &m.writing[maphash.String(m.seed, key)%uint64(len(m.writing))]
	lock.Lock()
	defer lock.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	old := m.documents[key]
	m.mu.Unlock()
	if err := last(old); err != nil {
		return err
	}
	e := done()
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Gone {
		delete(m.documents, key)
	} else {
		m.documents[key] = e.Document
	}
	for w := range m.watchers {
		w.tell(e)
	}
	return nil
}

func (m *memory) next() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision++
	return m.revision
}

func (m *memory) Watch(ctx context.Context, prefix string, see func(Event), sync func()) error {
	w := &watcher{prefix: prefix, wake: make(chan struct{}, 1), changed: map[string]Event{}}
	m.mu.Lock()
	begin := m.below(prefix)
	m.watchers[w] = true
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.watchers, w)
		m.mu.Unlock()
	}()
	for _, d := range begin {
		if ctx.Err() != nil {
			return nil
		}
		see(Event{Document: d})
	}
	sync()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
		for _, e := range m.take(w) {
			if ctx.Err() != nil {
				return nil
			}
			see(e)
		}
	}
}

// take returns what a watcher has not seen, in the order of the writes.
func (m *memory) take(w *watcher) []Event {
	m.mu.Lock()
	changed := slices.SortedFunc(maps.Values(w.changed), func(a, b Event) int { return cmp.Compare(a.Revision, b.Revision) })
	clear(w.changed)
	m.mu.Unlock()
	for i := range changed {
		changed[i].Document = changed[i].clone()
	}
	return changed
}

// A watcher that is slow has the last change of each document wait, and no more.
type watcher struct {
	prefix  string
	wake    chan struct{}
	changed map[string]Event
}

func (w *watcher) tell(e Event) {
	if !strings.HasPrefix(e.Key, w.prefix) {
		return
	}
	w.changed[e.Key] = e
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (d Document) clone() Document {
	d.Value = bytes.Clone(d.Value)
	return d
}
