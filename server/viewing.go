package server

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/views"
)

const (
	// maxViews is how many links a session may have.
	maxViews = 50
	// maxViewName is how long the name of who has a link may be, in characters.
	maxViewName = 60
)

// makeView makes a link by which others look on.
func (s *Server) makeView(w http.ResponseWriter, r *http.Request, session Session) {
	var want model.NewView
	err := s.readJSON(w, r, &want)
	var until time.Time
	if err == nil {
		until, err = checkView(&want, time.Now())
	}
	if err == nil {
		var have []views.View
		if have, err = s.views.Of(r.Context(), realID(session)); err == nil && len(have) >= maxViews {
			err = &problem.Problem{Type: typeConflict, Title: "Not now", Status: http.StatusConflict, Detail: "This session has as many links as it may have. End one first."}
		}
	}
	var key string
	if err == nil {
		key, err = s.views.Make(r.Context(), realID(session), views.Rights(want.Rights), want.Name, until)
	}
	var made views.View
	if err == nil {
		made, err = s.views.Find(key)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.cfg.Audit.Record(r.Context(), audit.Event{Action: "view.make", Session: audit.Short(realID(session)), Detail: want.Rights})
	w.Header().Set("Location", "/api/sessions/"+url.PathEscape(session.Info().ID)+"/views/"+key)
	answer(w, http.StatusCreated, toView(made))
}

// checkView completes what is wanted.
func checkView(want *model.NewView, now time.Time) (until time.Time, err error) {
	if want.Rights != string(views.Look) && want.Rights != string(views.Control) {
		return until, invalid("rights", "must be look or control")
	}
	want.Name = strings.TrimSpace(want.Name)
	if utf8.RuneCountInString(want.Name) > maxViewName {
		return until, invalid("name", "may have 60 characters at most")
	}
	if want.Until == "" {
		return until, nil
	}
	if until, err = time.Parse(time.RFC3339, want.Until); err != nil || !until.After(now) {
		return until, invalid("until", "must be a time to come, of RFC 3339")
	}
	return until, nil
}

func toView(v views.View) model.View {
	return model.View{Key: v.Key, URL: "/s/" + v.Key, Rights: string(v.Rights), Name: v.By, Until: v.Until.Format(time.RFC3339)}
}

func (s *Server) getViews(w http.ResponseWriter, r *http.Request, session Session) {
	all := []model.View{}
	have, err := s.views.Of(r.Context(), realID(session))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, v := range have {
		all = append(all, toView(v))
	}
	answer(w, http.StatusOK, all)
}

// revokeView ends a link of this session, and sends who looks on by it away.
func (s *Server) revokeView(w http.ResponseWriter, r *http.Request, session Session) {
	key := chi.URLParam(r, "key")
	view, err := s.views.Find(key)
	if err == nil && view.Session != realID(session) {
		err = views.ErrNotFound
	}
	if err == nil {
		err = s.views.Revoke(r.Context(), key)
	}
	if errors.Is(err, views.ErrNotFound) {
		err = &problem.Problem{Type: typeNoView, Title: "No such link", Status: http.StatusNotFound, Detail: "It was ended, its time was up, or it never was one of this session's."}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.cfg.Audit.Record(r.Context(), audit.Event{Action: "view.revoke", Session: audit.Short(realID(session))})
	w.WriteHeader(http.StatusNoContent)
}

// getViewers counts those who look on. Who they are is for the session's owner to know.
func (s *Server) getViewers(w http.ResponseWriter, r *http.Request, session Session) {
	all := s.viewers.of(realID(session))
	if _, ok := viewOf(r); ok {
		all.By = nil
	}
	answer(w, http.StatusOK, all)
}

// viewers counts the streams that are open by views. It is safe for concurrent use.
type viewers struct {
	mu  sync.Mutex
	now map[string]map[string]*watchers // by session, by view
}

type watchers struct {
	view  views.View
	count int
}

// enter counts one more until release.
func (v *viewers) enter(view views.View) (release func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now == nil {
		v.now = map[string]map[string]*watchers{}
	}
	of := v.now[view.Session]
	if of == nil {
		of = map[string]*watchers{}
		v.now[view.Session] = of
	}
	w := of[view.Key]
	if w == nil {
		w = &watchers{view: view}
		of[view.Key] = w
	}
	w.count++
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if w.count--; w.count > 0 {
			return
		}
		if delete(of, view.Key); len(of) == 0 {
			delete(v.now, view.Session)
		}
	}
}

func (v *viewers) of(session string) (all model.Viewers) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.now[session] {
		all.Count += w.count
		all.By = append(all.By, model.ViewersBy{Name: w.view.By, Rights: string(w.view.Rights), Count: w.count})
	}
	return all
}
