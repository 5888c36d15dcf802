package server

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/lessons"
)

// openPlayground answers the form of POST /playground, whose field lesson may
// name the lesson to start in it; nodes, cni and dualStack are the session's options.
func (s *Server) openPlayground(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := r.ParseForm(); err != nil {
		s.failPage(w, r, &problem.Problem{Status: http.StatusBadRequest, Detail: "The form could not be read."})
		return
	}
	options, err := formOptions(r.PostForm)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.openPage(w, r, r.PostForm.Get("lesson"), options)
}

func (s *Server) openLesson(w http.ResponseWriter, r *http.Request) {
	s.openPage(w, r, chi.URLParam(r, "slug"), model.SessionOptions{})
}

// openPage opens a session, with what a lesson begins with, and leads there: in a frame of
// another page, to the page that may be in one.
func (s *Server) openPage(w http.ResponseWriter, r *http.Request, slug string, options model.SessionOptions) {
	var lesson lessons.Lesson
	query := url.Values{}
	if r.URL.Query().Get("embed") == "true" {
		query.Set("embed", "true")
	}
	if slug != "" {
		var ok bool
		if lesson, ok = s.cfg.Lesson(slug); !ok {
			s.cfg.Pages.NotFound(w, r)
			return
		}
		options = withOptions(options, lesson.Options)
		query.Set("lesson", slug)
	}
	if !s.admit(w, r) {
		return
	}
	session, err := s.open(r.Context(), options)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	if err := s.furnish(r, session, lesson); err != nil {
		_ = session.Close()
		s.failPage(w, r, err)
		return
	}
	s.noteSession(r, "session.open", session.Info().ID, slug)
	to := url.URL{Path: s.path(r, "/s/"+session.Info().ID), RawQuery: query.Encode()}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// withOptions takes from a lesson what nobody chose.
func withOptions(o model.SessionOptions, of lessons.Options) model.SessionOptions {
	return model.SessionOptions{Nodes: cmp.Or(o.Nodes, of.Nodes), CNI: cmp.Or(o.CNI, of.CNI), DualStack: o.DualStack || of.DualStack}
}

func (s *Server) learn(w http.ResponseWriter, r *http.Request) {
	id := chi.URLParam(r, "id")
	session, _, err := s.find(r, id)
	if err != nil {
		if errors.Is(err, model.ErrNotFound) { // its time was up: a member's own page is to lead to another
			s.observer.Closed(r.Context(), id)
		}
		s.failPage(w, r, err)
		return
	}
	r, done := s.through(r, session)
	defer done()
	s.cfg.Pages.Learn(w, r, s.address(r, session.Info()), s.seat(r, session))
}
