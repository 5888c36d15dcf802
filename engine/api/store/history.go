package store

import (
	"cmp"
	"slices"
	"strings"
)

// record appends a change to the history, drops the oldest third of it when it
// is too long, and hands the change to the watchers.
func (b *bucket) record(c change) {
	b.history = append(b.history, c)
	b.historyB += len(c.cur)
	if n := len(b.history); n > historyEvents || (b.historyB > historyBytes && n > 8) {
		b.forget(b.history[n/3].rev)
	}
	b.dispatch(c)
}

// forget drops the history up to and including rev.
func (b *bucket) forget(rev uint64) {
	if rev <= b.compacted {
		return
	}
	i := 0
	for i < len(b.history) && b.history[i].rev <= rev {
		b.historyB -= len(b.history[i].cur)
		i++
	}
	b.history = slices.Clone(b.history[i:])
	b.compacted = rev
}

// compact drops all history up to and including rev, as etcd's compaction does.
func (t *Tenant) compact(rev uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.buckets {
		b.forget(rev)
	}
}

// at returns the items under key as they stood at revision rev, sorted by key;
// ok is false if that is no longer known. The caller must hold t.mu.
func (b *bucket) at(rev uint64, key string, recursive bool) (items []item, ok bool) {
	if rev < b.compacted {
		return nil, false
	}
	items = slices.Clone(b.span(key, recursive))
	if n := len(b.history); n == 0 || b.history[n-1].rev <= rev {
		return items, true
	}
	then := make(map[string]item, len(items))
	for _, it := range items {
		then[it.key] = it
	}
	for _, c := range slices.Backward(b.history) {
		if c.rev <= rev {
			break
		}
		switch {
		case c.key != key && !(recursive && strings.HasPrefix(c.key, key)):
		case c.prev == nil:
			delete(then, c.key)
		default:
			then[c.key] = item{key: c.key, data: c.prev, rev: c.prevRev}
		}
	}
	items = items[:0]
	for _, it := range then {
		items = append(items, it)
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.key, b.key) })
	return items, true
}
