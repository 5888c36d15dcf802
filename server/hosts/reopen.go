package hosts

import (
	"context"
	"sync"
)

// A Reopener opens the sessions that a host has taken over, though nobody asks for them, so that
// what ran in them runs again: some at a time, those first that were written last. It is safe
// for concurrent use.
type Reopener struct {
	// Most is how many are opened at once.
	Most int
	// Last says when a session was written last, by any count; 0 is not known.
	Last func(ctx context.Context, session string) int64
	// Open opens one, or fails and says so: it is opened then when somebody asks for it.
	Open func(ctx context.Context, session string)

	asking  sync.Mutex
	mu      sync.Mutex
	ctx     context.Context // nil before Run
	waiting map[string]int64
	unknown []string // those of waiting of which Last was not asked yet
	open    int
	work    sync.WaitGroup
}

// Add has a session be opened, once there is Run.
func (r *Reopener) Add(session string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[string]int64{}
	}
	if _, known := r.waiting[session]; known {
		return
	}
	r.waiting[session] = 0
	r.unknown = append(r.unknown, session)
	r.begin()
}

// Run opens sessions until ctx is done, and returns when none is being opened any more.
func (r *Reopener) Run(ctx context.Context) {
	r.mu.Lock()
	r.ctx = ctx
	r.begin()
	r.mu.Unlock()
	<-ctx.Done()
	r.settle()
	r.work.Wait()
}

// settle waits for who is beginning something and did not see the end yet.
func (r *Reopener) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
}

// begin has as many be opened as may be. r.mu is held.
func (r *Reopener) begin() {
	if r.ctx == nil || r.ctx.Err() != nil {
		return
	}
	for range min(r.Most-r.open, len(r.waiting)) {
		r.open++
		r.work.Go(r.some)
	}
}

// some opens one after another until none waits.
func (r *Reopener) some() {
	for {
		r.ask()
		session, ok := r.next()
		if !ok {
			return
		}
		r.Open(r.ctx, session)
	}
}

// ask learns when those that wait were written last. Who comes meanwhile waits until it is known.
func (r *Reopener) ask() {
	r.asking.Lock()
	defer r.asking.Unlock()
	r.mu.Lock()
	unknown := r.unknown
	r.unknown = nil
	r.mu.Unlock()
	for _, session := range unknown {
		last := r.Last(r.ctx, session)
		r.mu.Lock()
		if _, waits := r.waiting[session]; waits { // else another was quicker
			r.waiting[session] = last
		}
		r.mu.Unlock()
	}
}

func (r *Reopener) next() (session string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() == nil {
		for id, last := range r.waiting {
			if !ok || last > r.waiting[session] {
				session, ok = id, true
			}
		}
	}
	if !ok {
		r.open--
	}
	delete(r.waiting, session)
	return session, ok
}
