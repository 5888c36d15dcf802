package store

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"
)

// notice is an entry of a watcher's queue: a change, a bookmark, or the error
// that ends the watch.
type notice struct {
	event      *event
	mark       uint64 // revision of a bookmark
	initialEnd bool   // the bookmark ends the initial events
	initial    bool   // part of what the watch began with: not counted against the queue's bound
	err        error
}

// size is what a notice keeps in memory, in bytes; what was before an update is most often of
// another notice.
func (n *notice) size() int64 {
	if n.event == nil {
		return 0
	}
	if n.event.cur == nil {
		return int64(len(n.event.prev))
	}
	return int64(len(n.event.cur))
}

// event is a change that several watchers of a store share. Each side is
// decoded once, when somebody needs it.
type event struct {
	change
	store *store

	curOnce, prevOnce sync.Once
	curObj, prevObj   runtime.Object
	curErr, prevErr   error
}

func (e *event) current(w *watcher) (runtime.Object, error) {
	e.curOnce.Do(func() { e.curObj, e.curErr = e.store.object(w.ctx, e.key, e.cur, e.rev) })
	return e.curObj, e.curErr
}

// previous is the object before the change, with the change's revision, as
// watch events of deletions want it.
func (e *event) previous(w *watcher) (runtime.Object, error) {
	e.prevOnce.Do(func() { e.prevObj, e.prevErr = e.store.object(w.ctx, e.key, e.prev, e.rev) })
	return e.prevObj, e.prevErr
}

// translate makes the watch event that w's client gets; nil if it gets none.
func (n *notice) translate(w *watcher) (*watch.Event, error) {
	if n.err != nil {
		return nil, n.err
	}
	if n.event == nil {
		return n.bookmark(w.store)
	}
	cur, was, err := n.event.sides(w)
	if err != nil {
		return nil, err
	}
	var ev watch.Event
	switch {
	case cur != nil && (was != nil || w.all && n.event.prev != nil):
		ev = watch.Event{Type: watch.Modified, Object: cur}
	case cur != nil:
		ev = watch.Event{Type: watch.Added, Object: cur}
	case was != nil:
		ev = watch.Event{Type: watch.Deleted, Object: was}
	default:
		return nil, nil
	}
	ev.Object = ev.Object.DeepCopyObject() // the decoded one is shared
	return &ev, nil
}

// sides returns the objects after and before the change, nil where there is
// none or w's predicate does not match it.
func (e *event) sides(w *watcher) (cur, was runtime.Object, err error) {
	if e.cur != nil {
		if cur, err = e.current(w); err != nil {
			return nil, nil, err
		}
		if !w.matches(cur) {
			cur = nil
		}
	}
	if e.prev != nil && (e.cur == nil || !w.all) {
		if was, err = e.previous(w); err != nil {
			return nil, nil, err
		}
		if !w.matches(was) {
			was = nil
		}
	}
	return cur, was, nil
}

func (w *watcher) matches(obj runtime.Object) bool {
	if w.all {
		return true
	}
	ok, err := w.pred.Matches(obj)
	return err == nil && ok
}

func (n *notice) bookmark(s *store) (*watch.Event, error) {
	obj := s.newFunc()
	if err := s.versioner.UpdateObject(obj, n.mark); err != nil {
		return nil, fmt.Errorf("bookmark: %w", err)
	}
	if n.initialEnd {
		if err := storage.AnnotateInitialEventsEndBookmark(obj); err != nil {
			return nil, fmt.Errorf("bookmark: %w", err)
		}
	}
	return &watch.Event{Type: watch.Bookmark, Object: obj}, nil
}
