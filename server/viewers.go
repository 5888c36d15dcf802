package server

import (
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/views"
)

// gather is how long changes of how many look on are gathered: a class of a thousand
// comes at once, and each message goes to all of them.
const gather = 500 * time.Millisecond

// viewers counts the streams that are open by views, and has what is shown to them only
// while there are some. It is safe for concurrent use.
type viewers struct {
	mu  sync.Mutex
	now map[string]*watched // by session
}

type watched struct {
	session Session
	by      map[string]*watchers // by view
	telling bool                 // somebody will tell the session
}

type watchers struct {
	view  views.View
	count int
}

// enter counts one more who looks at a session until release.
func (v *viewers) enter(session Session, view views.View) (release func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now == nil {
		v.now = map[string]*watched{}
	}
	of := v.now[view.Session]
	if of == nil {
		of = &watched{session: session, by: map[string]*watchers{}}
		v.now[view.Session] = of
	}
	w := of.by[view.Key]
	if w == nil {
		w = &watchers{view: view}
		of.by[view.Key] = w
	}
	w.count++
	v.tellSoon(view.Session, of)
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if w.count--; w.count == 0 {
			delete(of.by, view.Key)
		}
		v.tellSoon(view.Session, of)
	}
}

// tellSoon has everybody told how many look on. v.mu is held.
func (v *viewers) tellSoon(id string, of *watched) {
	if of.telling {
		return
	}
	of.telling = true
	time.AfterFunc(gather, func() {
		v.mu.Lock()
		of.telling = false
		count := of.count()
		if count == 0 {
			if v.now[id] == of {
				delete(v.now, id)
			}
			of.session.Present(nil)
		}
		of.session.SetWatching(count)
		v.mu.Unlock()
	})
}

func (w *watched) count() (n int) {
	for _, by := range w.by {
		n += by.count
	}
	return n
}

// present shows something to those who look at a session, if somebody does.
func (v *viewers) present(session Session, now *model.Presenting) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if of := v.now[realID(session)]; of != nil && of.count() > 0 {
		session.Present(now)
	}
}

func (v *viewers) of(session string) (all model.Viewers) {
	v.mu.Lock()
	defer v.mu.Unlock()
	of := v.now[session]
	if of == nil {
		return all
	}
	for _, w := range of.by {
		all.Count += w.count
		all.By = append(all.By, model.ViewersBy{Name: w.view.By, Rights: string(w.view.Rights), Count: w.count})
	}
	return all
}
