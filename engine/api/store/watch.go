package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
)

const (
	// watchQueue bounds what a slow watcher may leave unread. Beyond it the
	// watch is ended, so that its client starts again where it was; a writer
	// never waits.
	watchQueue = 2048
	// watchBytes bounds it in bytes, as they are stored.
	watchBytes = 16 << 20
	// unreadMost is what all watches of a tenant may leave unread, before those end that leave
	// more than unreadEach, and others that would begin with much do not.
	unreadMost, unreadEach = 128 << 20, 1 << 20
	// watchBuffer is small, because what is in there is decoded and counted no more; it is
	// upstream's, whose suite wants a watch that was stopped to have that much ready.
	watchBuffer = 10
)

// Watch begins a watch. It costs no goroutine while nothing happens.
func (s *store) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	t, key, err := s.open(ctx, key, opts.Recursive)
	if err != nil {
		return nil, err
	}
	rv, err := s.versioner.ParseResourceVersion(opts.ResourceVersion)
	if err != nil {
		return nil, err
	}
	w := &watcher{
		store: s, tenant: t, key: key, recursive: opts.Recursive, pred: opts.Predicate, all: opts.Predicate.Empty(),
		bookmarks: opts.Predicate.AllowWatchBookmarks, progress: opts.ProgressNotify,
		ch: make(chan watch.Event, watchBuffer), done: make(chan struct{}),
	}
	w.ctx, w.cancel = context.WithCancel(ctx)
	w.begin(rv, opts)
	context.AfterFunc(w.ctx, w.end)
	utilflowcontrol.WatchInitialized(ctx)
	return w, nil
}

func (s *store) RequestWatchProgress(ctx context.Context) error {
	t, err := s.resolve(ctx)
	if err != nil {
		return err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if b := t.buckets[s.prefix]; b != nil {
		for w := range b.watchers {
			if w.progress {
				w.enqueue(&notice{mark: t.rev})
			}
		}
	}
	return nil
}

// watcher is one watch: a queue that writers fill without waiting, and a pump
// that runs while there is something in it.
type watcher struct {
	store     *store
	tenant    *Tenant
	bucket    *bucket
	key       string
	recursive bool
	pred      storage.SelectionPredicate
	all       bool // the predicate matches everything
	bookmarks bool
	progress  bool

	ctx    context.Context
	cancel context.CancelFunc
	ch     chan watch.Event
	done   chan struct{}

	mu      sync.Mutex
	queue   []*notice
	unread  int   // changes queued and not delivered yet
	changes int64 // bytes of those
	bytes   int64 // and of all that is queued
	pumping bool
	ended   bool
	closed  bool
	timer   *time.Timer // of the next bookmark, while one is due
}

func (w *watcher) ResultChan() <-chan watch.Event { return w.ch }
func (w *watcher) Stop()                          { w.cancel() }

// begin registers the watch, with what it has to tell first.
func (w *watcher) begin(rv uint64, opts storage.ListOptions) {
	t, s := w.tenant, w.store
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.bucket(s.prefix, s.resource)
	w.bucket = b
	initial := opts.SendInitialEvents != nil && *opts.SendInitialEvents
	switch {
	case initial && rv > t.rev:
		// a client retries after 1 to 4 seconds, as upstream's jitter says
		w.enqueue(&notice{err: storage.NewTooLargeResourceVersionError(rv, t.rev, 1+rand.IntN(3))})
	case rv == 0 && t.unread.Load() > unreadMost:
		w.enqueue(&notice{err: apierrors.NewTooManyRequests("too much is unread of the watches there are", 1)})
	case initial, opts.SendInitialEvents == nil && rv == 0:
		for _, it := range b.span(w.key, w.recursive) {
			w.enqueue(&notice{initial: true, event: &event{store: s, change: change{rev: it.rev, key: it.key, cur: it.data}}})
		}
		if initial && w.bookmarks {
			w.enqueue(&notice{initial: true, mark: t.rev, initialEnd: true})
		}
	case rv > 0 && rv < b.compacted:
		w.enqueue(&notice{err: apierrors.NewResourceExpired("The resourceVersion for the provided watch is too old.")})
	case rv > 0:
		for _, c := range b.history {
			if c.rev > rv && w.covers(c.key) {
				w.enqueue(&notice{event: &event{store: s, change: c}})
			}
		}
	}
	if t.closed {
		w.cancel()
	}
	if b.watchers == nil {
		b.watchers = map[*watcher]struct{}{}
	}
	b.watchers[w] = struct{}{}
	if w.progress {
		w.mu.Lock()
		w.remind()
		w.mu.Unlock()
	}
}

func (w *watcher) covers(key string) bool {
	return key == w.key || (w.recursive && strings.HasPrefix(key, w.key))
}

// dispatch hands a change to the watchers. Those of one store share its decoding.
func (b *bucket) dispatch(c change) {
	var shared []*event
next:
	for w := range b.watchers {
		if !w.covers(c.key) {
			continue
		}
		for _, e := range shared {
			if e.store == w.store {
				w.enqueue(&notice{event: e})
				continue next
			}
		}
		e := &event{store: w.store, change: c}
		shared = append(shared, e)
		w.enqueue(&notice{event: e})
	}
}

// enqueue never blocks.
func (w *watcher) enqueue(n *notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	size := n.size()
	w.bytes += size
	all := w.tenant.unread.Add(size)
	if !n.initial {
		w.unread++
		w.changes += size
		if w.unread > watchQueue || w.unread > 1 && (w.changes > watchBytes || all > unreadMost && w.bytes > unreadEach) {
			w.queue = nil
			w.ended = true
			w.cancel()
			return
		}
	}
	w.queue = append(w.queue, n)
	if !w.pumping {
		w.pumping = true
		go w.pump()
	}
}

// end is called once, when the watch's context is over.
func (w *watcher) end() {
	close(w.done)
	w.tenant.mu.Lock()
	delete(w.bucket.watchers, w)
	w.tenant.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.queue = nil
	w.tenant.unread.Add(-w.bytes)
	w.bytes = 0
	if w.timer != nil {
		w.timer.Stop()
	}
	if !w.pumping {
		w.close()
	}
}

func (w *watcher) close() {
	if !w.closed {
		w.closed = true
		close(w.ch)
	}
}

// pump delivers the queue, and returns when it is empty.
func (w *watcher) pump() {
	for {
		w.mu.Lock()
		if len(w.queue) == 0 || w.ended {
			w.pumping = false
			if w.ended {
				w.close()
			}
			w.mu.Unlock()
			return
		}
		batch := w.queue
		w.queue = nil
		w.mu.Unlock()
		for i, n := range batch {
			batch[i] = nil
			if !w.deliver(n) {
				break
			}
		}
	}
}

// deliver sends one notice; false means that the watch is over.
func (w *watcher) deliver(n *notice) bool {
	ev, err := n.translate(w)
	if err != nil {
		w.send(failure(err))
		w.mu.Lock()
		w.ended = true
		w.mu.Unlock()
		w.cancel()
		return false
	}
	if ev != nil && !w.send(*ev) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	size := min(n.size(), w.bytes) // 0 if it has ended meanwhile
	w.bytes -= size
	w.tenant.unread.Add(-size)
	if !n.initial {
		w.unread--
		w.changes -= size
	}
	if ev == nil && w.bookmarks {
		w.remind()
	}
	return !w.ended
}

func (w *watcher) send(e watch.Event) bool {
	select {
	case w.ch <- e:
		return true
	case <-w.done:
		return false
	}
}

// remind sets the timer of the next bookmark, so that a client whose selector
// skips most changes still learns how far it is. w.mu must be held.
func (w *watcher) remind() {
	if w.timer == nil && !w.ended {
		w.timer = time.AfterFunc(w.store.bookmarkEvery, w.bookmark)
	}
}

func (w *watcher) bookmark() {
	w.tenant.mu.RLock() // no write can slip in between
	defer w.tenant.mu.RUnlock()
	w.mu.Lock()
	w.timer = nil
	if w.progress {
		w.remind()
	}
	w.mu.Unlock()
	w.enqueue(&notice{mark: w.tenant.rev})
}

// failure is the event that ends a watch with an error.
func failure(err error) watch.Event {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		status = apierrors.NewInternalError(err)
	}
	st := status.Status()
	return watch.Event{Type: watch.Error, Object: &st}
}

// object decodes what a watch event carries.
func (s *store) object(ctx context.Context, key string, data []byte, rev uint64) (runtime.Object, error) {
	plain, _, err := s.unseal(ctx, item{key: key, data: data})
	if err != nil {
		return nil, err
	}
	obj := s.newFunc()
	if err := s.decode(plain, obj, rev); err != nil {
		return nil, fmt.Errorf("decode %s: %w", key, err)
	}
	return obj, nil
}
