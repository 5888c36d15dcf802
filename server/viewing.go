package server

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
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
	s.noteSession(r, "view.make", realID(session), want.Rights)
	w.Header().Set("Location", s.path(r, "/api/sessions/"+url.PathEscape(session.Info().ID)+"/views/"+key))
	answer(w, http.StatusCreated, s.toView(r, made))
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

func (s *Server) toView(r *http.Request, v views.View) model.View {
	return model.View{Key: v.Key, URL: s.path(r, "/s/"+v.Key), Rights: string(v.Rights), Name: v.By, Until: v.Until.Format(time.RFC3339)}
}

func (s *Server) getViews(w http.ResponseWriter, r *http.Request, session Session) {
	all := []model.View{}
	have, err := s.views.Of(r.Context(), realID(session))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, v := range have {
		all = append(all, s.toView(r, v))
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
	s.noteSession(r, "view.revoke", realID(session), "")
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
