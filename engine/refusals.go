package engine

import (
	"context"
	"sync/atomic"
)

// refusals are what sessions' APIs refuse to their learners' kubectl. Nothing of them is kept.
type refusals struct {
	tell atomic.Pointer[func(ctx context.Context, session, message string)]
}

func (r *refusals) add(ctx context.Context, session, message string) {
	if tell := r.tell.Load(); tell != nil {
		(*tell)(ctx, session, message)
	}
}

// OnRefusal has f told of each from now on, by the request's context, the session's ID and in the API's words, one
// at a time or not. f must be quick.
func (e *Engine) OnRefusal(f func(ctx context.Context, session, message string)) {
	e.refusals.tell.Store(&f)
}
