package engine

import "sync/atomic"

// counts are of all sessions since the server was started.
type counts struct{ journeys, unkept atomic.Uint64 }

// Journeys is how many were told to sessions' streams.
func (e *Engine) Journeys() uint64 { return e.counts.journeys.Load() }

// Unkept is how many changes of sessions were not made since they could not be kept, as on a disk
// that is full.
func (e *Engine) Unkept() uint64 { return e.counts.unkept.Load() }
