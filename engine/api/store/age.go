package store

import (
	"sync"
	"time"
)

// oldest is after how long a past revision can no longer be listed, at the earliest;
// at the latest it is twice that. etcd is compacted every 5 minutes upstream, which a
// paged list that pauses finds out.
const oldest = 4 * time.Minute

// age tells which revisions are too old to be listed, without a timer: whoever reads
// or writes looks at the clock. Watches go by the history alone, as upstream's do by
// their cache.
type age struct {
	mu     sync.Mutex
	marked time.Time
	mark   uint64 // the revision at that time
	gone   uint64 // lists from before this revision are expired
}

// look is told of the time and the tenant's revision, and returns the oldest revision
// that can be listed.
func (a *age) look(now time.Time, rev uint64) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch since := now.Sub(a.marked); {
	case a.marked.IsZero():
	case since < oldest:
		return a.gone
	case since < 2*oldest:
		a.gone = a.mark
	default: // nobody has looked for so long: nothing was written either
		a.gone = rev
	}
	a.marked, a.mark = now, rev
	return a.gone
}
