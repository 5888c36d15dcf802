package informer

import (
	"context"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
)

// dormant is an informer that its factory runs when its kind has objects.
type dormant struct {
	cache.SharedIndexInformer
	resource schema.GroupResource
	shared   *shared
	started  atomic.Bool
}

// empty says that there is nothing to be in sync with. It is asked of the store
// itself, so that it is false as soon as the first write is acknowledged.
func (d *dormant) empty() bool {
	return !d.started.Load() && !d.shared.presence.Has(d.resource)
}

// Run does nothing: the factory runs its informers.
func (d *dormant) Run(stop <-chan struct{})           { <-stop }
func (d *dormant) RunWithContext(ctx context.Context) { <-ctx.Done() }

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
	return d.register(d.SharedIndexInformer.AddEventHandler(h))
}

func (d *dormant) AddEventHandlerWithResyncPeriod(h cache.ResourceEventHandler, p time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	return d.register(d.SharedIndexInformer.AddEventHandlerWithResyncPeriod(h, p))
}

func (d *dormant) AddEventHandlerWithOptions(h cache.ResourceEventHandler, o cache.HandlerOptions) (cache.ResourceEventHandlerRegistration, error) {
	return d.register(d.SharedIndexInformer.AddEventHandlerWithOptions(h, o))
}

func (d *dormant) register(r cache.ResourceEventHandlerRegistration, err error) (cache.ResourceEventHandlerRegistration, error) {
	if err != nil {
		return nil, err
	}
	return registration{d, r}, nil
}

func (d *dormant) RemoveEventHandler(h cache.ResourceEventHandlerRegistration) error {
	switch r := h.(type) {
	case registration:
		h = r.ResourceEventHandlerRegistration
	case *held:
		return r.remove()
	}
	return d.SharedIndexInformer.RemoveEventHandler(h)
}

// registration is in sync as its informer is.
type registration struct {
	d *dormant
	cache.ResourceEventHandlerRegistration
}

func (r registration) HasSynced() bool {
	return r.d.empty() || r.ResourceEventHandlerRegistration.HasSynced()
}

func (r registration) HasSyncedChecker() cache.DoneChecker {
	return r.d.checker(r.ResourceEventHandlerRegistration.HasSyncedChecker())
}

// closed is a cache.DoneChecker of what is done.
type closed string

var done = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (c closed) Name() string        { return string(c) }
func (closed) Done() <-chan struct{} { return done }
