package store

import (
	"container/heap"
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// expiry is the queue of objects with a time to live. One timer serves the
// whole tenant, and none runs while nothing can expire.
type expiry struct {
	queue deadlines
	timer *time.Timer
}

type deadline struct {
	at          int64 // Unix nanoseconds
	resource    schema.GroupResource
	prefix, key string
	rev         uint64 // a later write of the key makes the entry void
}

type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at < d[j].at }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(deadline)) }
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	(*d)[last] = deadline{}
	*d = (*d)[:last]
	return x
}

func (e *expiry) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// expires notes when an item has to go. t.mu must be held for writing.
func (t *Tenant) expires(prefix string, it item) {
	if it.expires == 0 || t.closed {
		return
	}
	heap.Push(&t.expiry.queue, deadline{at: it.expires, resource: t.buckets[prefix].resource, prefix: prefix, key: it.key, rev: it.rev})
	if t.expiry.queue[0].rev == it.rev {
		t.arm()
	}
}

// arm sets the timer to the first deadline. t.mu must be held for writing.
func (t *Tenant) arm() {
	if len(t.expiry.queue) == 0 || t.closed {
		return
	}
	in := time.Duration(t.expiry.queue[0].at - t.clock().UnixNano())
	if t.expiry.timer == nil {
		t.expiry.timer = time.AfterFunc(in, t.expire)
		return
	}
	t.expiry.timer.Reset(in)
}

// expire deletes what is due.
func (t *Tenant) expire() {
	t.mu.Lock()
	var due []deadline
	now := t.clock().UnixNano()
	for len(t.expiry.queue) > 0 && t.expiry.queue[0].at <= now && !t.closed {
		due = append(due, heap.Pop(&t.expiry.queue).(deadline))
	}
	t.arm()
	t.mu.Unlock()
	for _, d := range due {
		// A journal that refuses keeps the object: it is retried at the next start.
		_, _, _ = t.put(context.Background(), d.prefix, d.resource, d.rev, item{key: d.key})
	}
}
