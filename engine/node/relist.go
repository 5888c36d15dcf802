package node

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// relistAfter says when a pod is looked at after a change. Once is not enough: a
// pod worker waits for a look that is newer than the end of its own last sync.
var relistAfter = [...]time.Duration{0, 3 * time.Millisecond, 13 * time.Millisecond, 53 * time.Millisecond}

// A relister asks the kubelet to look at a pod when the runtime has changed it.
// One pod has at most one timer.
type relister struct {
	request func(types.UID)

	mu      sync.Mutex
	stopped bool
	pods    map[types.UID]*relist
}

type relist struct {
	timer *time.Timer
	since time.Time // of the last change
	next  int       // in relistAfter
}

func newRelister(request func(types.UID)) *relister {
	return &relister{request: request, pods: map[types.UID]*relist{}}
}

// changed does not block.
func (r *relister) changed(podUID string) {
	uid := types.UID(podUID)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	p := r.pods[uid]
	if p == nil {
		p = &relist{}
		p.timer = time.AfterFunc(time.Hour, func() { r.fire(uid, p) })
		r.pods[uid] = p
	}
	p.since, p.next = time.Now(), 0
	p.timer.Reset(0)
}

func (r *relister) fire(uid types.UID, p *relist) {
	r.mu.Lock()
	if r.stopped || r.pods[uid] != p {
		r.mu.Unlock()
		return
	}
	if p.next++; p.next < len(relistAfter) {
		p.timer.Reset(time.Until(p.since.Add(relistAfter[p.next])))
	} else {
		delete(r.pods, uid)
	}
	r.mu.Unlock()
	r.request(uid) // queues, and waits only where the queue is full
}

func (r *relister) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	for _, p := range r.pods {
		p.timer.Stop()
	}
	clear(r.pods)
}
