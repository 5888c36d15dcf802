package informer

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// dormant is an informer that its factory runs when its kind has objects. Until
// then it keeps its event handlers itself: each costs 16 KB once it is added.
type dormant struct {
	cache.SharedIndexInformer
	resource schema.GroupResource
	shared   *shared
	started  atomic.Bool
	wanted   atomic.Bool // by somebody whom what was there at the beginning concerns

	mu   sync.Mutex
	held []*held
}

// run adds the handlers and runs the informer.
func (d *dormant) run(ctx context.Context) {
	d.mu.Lock()
	for _, h := range d.held {
		h.release()
	}
	d.held = nil
	d.started.Store(true)
	d.mu.Unlock()
	d.SharedIndexInformer.RunWithContext(ctx)
}

// empty says that there is nothing to be in sync with. It is asked of the store
// itself, so that it is false as soon as the first write is acknowledged.
func (d *dormant) empty() bool {
	return !d.started.Load() && !d.due()
}

func (d *dormant) due() bool {
	p := d.shared.presence
	return p.Written(d.resource) || d.wanted.Load() && p.Has(d.resource) && !d.shared.resting(d.resource)
}

// saw tells whether the informer has seen everything up to a revision of its resource.
func (d *dormant) saw(revision uint64) bool {
	if revision == 0 {
		return true
	}
	seen, err := strconv.ParseUint(d.GetIndexer().LastStoreSyncResourceVersion(), 10, 64)
	return err == nil && seen >= revision
}

// Run does nothing: the factory runs its informers.
func (d *dormant) Run(<-chan struct{})            {}
func (d *dormant) RunWithContext(context.Context) {}

func (d *dormant) HasSynced() bool { return d.empty() || d.SharedIndexInformer.HasSynced() }

func (d *dormant) HasSyncedChecker() cache.DoneChecker {
	return d.checker(d.SharedIndexInformer.HasSyncedChecker())
}

func (d *dormant) checker(inner cache.DoneChecker) cache.DoneChecker {
	if d.empty() {
		return closed(inner.Name())
	}
	return inner
}

// GetController is asked for HasSynced by upstream's garbage collector.
func (d *dormant) GetController() cache.Controller { return d }

func (d *dormant) AddEventHandler(h cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	return d.add(func() (cache.ResourceEventHandlerRegistration, error) {
		return d.SharedIndexInformer.AddEventHandler(h)
	})
}

func (d *dormant) AddEventHandlerWithResyncPeriod(h cache.ResourceEventHandler, p time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	return d.add(func() (cache.ResourceEventHandlerRegistration, error) {
		return d.SharedIndexInformer.AddEventHandlerWithResyncPeriod(h, p)
	})
}

func (d *dormant) AddEventHandlerWithOptions(h cache.ResourceEventHandler, o cache.HandlerOptions) (cache.ResourceEventHandlerRegistration, error) {
	return d.add(func() (cache.ResourceEventHandlerRegistration, error) {
		return d.SharedIndexInformer.AddEventHandlerWithOptions(h, o)
	})
}

func (d *dormant) add(f func() (cache.ResourceEventHandlerRegistration, error)) (cache.ResourceEventHandlerRegistration, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.started.Load() {
		return f()
	}
	h := &held{add: f, d: d, released: make(chan struct{})}
	d.held = append(d.held, h)
	return h, nil
}

func (d *dormant) RemoveEventHandler(r cache.ResourceEventHandlerRegistration) error {
	if h, ok := r.(*held); ok {
		return h.remove()
	}
	return d.SharedIndexInformer.RemoveEventHandler(r)
}

// closed is a cache.DoneChecker of what is done.
type closed string

var done = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (c closed) Name() string        { return string(c) }
func (closed) Done() <-chan struct{} { return done }
