package store

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A State is all that a tenant is made of but its history, which nobody has after a
// restart: watches from before it are told that they are too old.
type State struct {
	Revision uint64
	// Objects are as the entries of a journal, each with the revision of its last write.
	Objects []Entry
	// Written are the resources that have, or once had, an object, with the revision of
	// the last write since the tenant was made or cloned; 0: there was none.
	Written map[schema.GroupResource]uint64
}

// State returns what the tenant is now. Values are shared with it.
func (t *Tenant) State() State {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.state()
}

// Keep makes every later change go first through the journal that begin makes of what
// there is now: nothing comes in between.
func (t *Tenant) Keep(begin func(State) (Journal, error)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	j, err := begin(t.state())
	if err == nil {
		t.journal = j
	}
	return err
}

// state is State; t.mu must be held.
func (t *Tenant) state() State {
	s := State{Revision: t.rev, Written: map[schema.GroupResource]uint64{}}
	for r := range t.populated {
		s.Written[r] = t.written[r]
	}
	for _, prefix := range slices.Sorted(maps.Keys(t.buckets)) {
		b := t.buckets[prefix]
		for _, it := range b.items {
			s.Objects = append(s.Objects, entry(prefix, b.resource, it))
		}
	}
	return s
}

// entry is what a journal is told of an item.
func entry(prefix string, r schema.GroupResource, it item) Entry {
	e := Entry{Revision: it.rev, Resource: r, Prefix: prefix, Key: it.key, Value: it.data}
	if it.expires != 0 {
		e.Expires = time.Unix(0, it.expires)
	}
	return e
}

// Restore returns a tenant of a State, with no history. What has expired meanwhile goes
// at once.
func Restore(s State) *Tenant {
	t := NewTenant()
	t.rev = s.Revision
	for r, last := range s.Written {
		t.populated[r] = struct{}{}
		if last != 0 {
			t.written[r] = last
		}
	}
	for _, e := range s.Objects {
		b := t.bucket(e.Prefix, e.Resource)
		it := item{key: e.Key, data: e.Value, rev: e.Revision}
		if !e.Expires.IsZero() {
			it.expires = e.Expires.UnixNano()
		}
		b.items = append(b.items, it)
		t.room.used += cost(it)
		t.populated[e.Resource] = struct{}{}
	}
	for prefix, b := range t.buckets {
		b.compacted = t.rev
		slices.SortFunc(b.items, func(a, b item) int { return cmp.Compare(a.key, b.key) })
		for _, it := range b.items {
			t.expires(prefix, it)
		}
	}
	return t
}
