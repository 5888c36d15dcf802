package informer

import (
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/tools/cache"
)

// gate keeps event handlers back until it is opened.
type gate struct {
	mu     sync.Mutex
	isOpen bool
	held   []*held
	used   []synced
}

// synced is an informer or the registration of a handler.
type synced interface {
	HasSynced() bool
	HasSyncedChecker() cache.DoneChecker
}

func (g *gate) uses(x synced) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.used, x) {
		g.used = append(g.used, x)
	}
}

func (g *gate) users() []synced {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.used
}

func (g *gate) open() {
	g.mu.Lock()
	list := g.held
	g.held, g.isOpen = nil, true
	g.mu.Unlock()
	for _, h := range list {
		h.release()
	}
}

// gated is a dormant informer seen through a view.
type gated struct {
	*dormant
	gate *gate
}

func (i gated) add(f func() (cache.ResourceEventHandlerRegistration, error)) (cache.ResourceEventHandlerRegistration, error) {
	i.gate.mu.Lock()
	defer i.gate.mu.Unlock()
	if i.gate.isOpen {
		return f()
	}
	h := &held{add: f, d: i.dormant, released: make(chan struct{})}
	i.gate.held = append(i.gate.held, h)
	i.gate.used = append(i.gate.used, h)
	return h, nil
}

func (i gated) AddEventHandler(h cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	return i.add(func() (cache.ResourceEventHandlerRegistration, error) { return i.dormant.AddEventHandler(h) })
}

func (i gated) AddEventHandlerWithResyncPeriod(h cache.ResourceEventHandler, p time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	return i.add(func() (cache.ResourceEventHandlerRegistration, error) {
		return i.dormant.AddEventHandlerWithResyncPeriod(h, p)
	})
}

func (i gated) AddEventHandlerWithOptions(h cache.ResourceEventHandler, o cache.HandlerOptions) (cache.ResourceEventHandlerRegistration, error) {
	return i.add(func() (cache.ResourceEventHandlerRegistration, error) {
		return i.dormant.AddEventHandlerWithOptions(h, o)
	})
}

// held is the registration of a handler that is not added yet.
type held struct {
	add      func() (cache.ResourceEventHandlerRegistration, error)
	d        *dormant
	released chan struct{}

	mu      sync.Mutex
	real    cache.ResourceEventHandlerRegistration
	removed bool
}

func (h *held) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.removed {
		return
	}
	real, err := h.add()
	if err != nil {
		return // the informer has stopped: so does whoever waits
	}
	h.real = real
	close(h.released)
}

func (h *held) remove() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removed = true
	if h.real == nil {
		return nil
	}
	return h.d.RemoveEventHandler(h.real)
}

// HasSynced is true too while the handler is kept back because there is nothing.
func (h *held) HasSynced() bool {
	h.mu.Lock()
	real := h.real
	h.mu.Unlock()
	if real == nil {
		return h.d.empty()
	}
	return real.HasSynced()
}

// HasSyncedChecker speaks of the moment it is asked: a kind that has nothing is
// in sync, a handler that is kept back waits for its release.
func (h *held) HasSyncedChecker() cache.DoneChecker {
	h.mu.Lock()
	real := h.real
	h.mu.Unlock()
	switch {
	case real != nil:
		return real.HasSyncedChecker()
	case h.d.empty():
		return closed("nothing to see")
	default:
		return pending{h}
	}
}

// pending is done when the handler is released and has seen everything.
type pending struct{ h *held }

func (pending) Name() string { return "an event handler that is kept back" }

func (p pending) Done() <-chan struct{} {
	c := make(chan struct{})
	go func() {
		select {
		case <-p.h.released:
		case <-p.h.d.shared.over():
			return
		}
		select {
		case <-p.h.HasSyncedChecker().Done():
			close(c)
		case <-p.h.d.shared.over():
		}
	}()
	return c
}
