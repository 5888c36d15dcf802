package store

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Entry is one acknowledged change of a tenant.
type Entry struct {
	Revision uint64
	Resource schema.GroupResource
	Prefix   string    // the resource's prefix, e.g. "/pods/"
	Key      string    // the whole key, e.g. "/pods/default/web"
	Value    []byte    // the encoded object; nil if it was deleted. Must not be changed.
	Expires  time.Time // zero: never
}

// A Journal is told of every change of a tenant, in the order of revisions,
// before the writer gets its answer and before any watcher hears of it. If it
// returns an error the write fails with that error and changes nothing.
// It is called with the tenant's lock held.
type Journal interface {
	Append(Entry) error
}

// A Batcher is a Journal that takes its time, so that writes wait for it together and the
// tenant can be read meanwhile: as it was before them.
type Batcher interface {
	Journal
	// AppendAll appends entries of revisions that follow each other, all of them or none, and
	// returns when it is known which. It is called without locks held, once at a time, when
	// all that it appended before is in the tenant.
	AppendAll([]Entry) error
}
