package feed

import (
	"time"

	"github.com/podhop/podhop/engine/model"
)

// SetGraph says what the topology is now; the Feed works out and publishes the
// difference, at once if the last one is Interval ago, else as soon as it is.
// The graph must be sorted by ID.
func (f *Feed) SetGraph(g model.Graph) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.pending = &g
	if f.flushing != nil {
		return // it will be told together
	}
	if wait := f.cfg.Interval - time.Since(f.flushed); wait > 0 {
		f.flushing = time.AfterFunc(wait, f.flushLater)
		return
	}
	f.flush()
}

// Graph is the newest topology, told or not.
func (f *Feed) Graph() model.Graph {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending != nil {
		return orEmpty(*f.pending)
	}
	return orEmpty(f.graph)
}

func (f *Feed) flushLater() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flushing = nil
	if !f.closed {
		f.flush()
	}
}

// flush publishes what is pending. f.mu is held.
func (f *Feed) flush() {
	if f.pending == nil {
		return
	}
	diff := f.graph.Diff(*f.pending)
	f.graph, f.pending = *f.pending, nil
	if diff.Empty() {
		return
	}
	f.flushed = time.Now()
	f.append(model.Message{Type: "topology", Topology: &diff}, diffSize(&diff))
}
