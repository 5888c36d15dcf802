package informer

import (
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A rest is that of a kind of which a session begins with objects that concern
// nobody as long as there are none of another kind.
type rest struct {
	until schema.GroupResource
	over  atomic.Bool
}

// Rest has the informer of a kind not run, and be empty, until there is an object
// of kind until, one of its own is written, or Wake is called. It must be called
// before the factory is used.
func (f *Factory) Rest(kind, until schema.GroupResource) {
	if f.rests == nil {
		f.rests = map[schema.GroupResource]*rest{}
	}
	f.rests[kind] = &rest{until: until}
}

// Wake ends the rest of a kind: whoever waits for its informer to be in sync from
// now on waits for its objects.
func (f *Factory) Wake(kind schema.GroupResource) {
	r := f.rests[kind]
	if r == nil || r.over.Swap(true) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx != nil && !f.closed {
		f.run(f.ctx)
	}
}

func (s *shared) resting(kind schema.GroupResource) bool {
	r := s.rests[kind]
	return r != nil && !r.over.Load() && !s.presence.Has(r.until)
}
