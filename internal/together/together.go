// Package together has what many ask at the same time be asked for all of them at once, so that what
// is asked is not asked the more the more they are. It must not know what the questions are.
package together

import (
	"context"
	"sync"
)

// An Asker asks for values by keys. One question is under way at a time: who asks meanwhile is part of the
// next one, which begins after they asked, so no answer is older than its question. It is safe for
// concurrent use.
type Asker[K comparable, V any] struct {
	most int
	ask  func(keys []K) (map[K]V, error)

	mu      sync.Mutex
	waiting []*round[K, V]
	busy    bool // somebody asks
}

// A round is one question. Its answer is there when done is closed.
type round[K comparable, V any] struct {
	keys    []K
	has     map[K]bool
	done    chan struct{}
	answers map[K]V
	err     error
}

// New returns an Asker of questions for at most so many keys. ask must end by itself.
func New[K comparable, V any](most int, ask func(keys []K) (map[K]V, error)) *Asker[K, V] {
	return &Asker[K, V]{most: most, ask: ask}
}

// Get is the value of a key; ok is whether the answer has one. It fails as ask did, or with ctx.
func (a *Asker[K, V]) Get(ctx context.Context, key K) (value V, ok bool, err error) {
	r := a.join(key)
	select {
	case <-r.done:
		value, ok = r.answers[key]
		return value, ok, r.err
	case <-ctx.Done():
		return value, false, ctx.Err()
	}
}

// join puts a key into a question that has not begun.
func (a *Asker[K, V]) join(key K) *round[K, V] {
	a.mu.Lock()
	defer a.mu.Unlock()
	var r *round[K, V]
	if n := len(a.waiting); n > 0 {
		if r = a.waiting[n-1]; r.has[key] {
			return r
		}
	}
	if r == nil || len(r.keys) == a.most {
		r = &round[K, V]{has: map[K]bool{}, done: make(chan struct{})}
		a.waiting = append(a.waiting, r)
	}
	r.keys, r.has[key] = append(r.keys, key), true
	if !a.busy {
		a.busy = true
		go a.work()
	}
	return r
}

// work asks until nobody waits.
func (a *Asker[K, V]) work() {
	for {
		a.mu.Lock()
		if len(a.waiting) == 0 {
			a.busy = false
			a.mu.Unlock()
			return
		}
		r := a.waiting[0]
		a.waiting = a.waiting[1:]
		a.mu.Unlock()
		r.answers, r.err = a.ask(r.keys)
		close(r.done)
	}
}
