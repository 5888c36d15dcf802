package server

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/qr"
	"github.com/podhop/podhop/server/classes"
)

// classPages are the pages of classes.
func (s *Server) classPages(r chi.Router) {
	r.Get("/classes", s.cfg.Pages.Classes)
	r.Get("/classes/{key}", s.classPage)
	r.Get("/classes/{key}/join.svg", s.joinCode)
	r.Get("/join", func(w http.ResponseWriter, r *http.Request) { s.cfg.Pages.Join(w, r, "") })
	r.Get("/join/{code}", func(w http.ResponseWriter, r *http.Request) { s.cfg.Pages.Join(w, r, chi.URLParam(r, "code")) })
	r.Get("/m/{key}", s.memberPage)
}

// classPage is the instructor's.
func (s *Server) classPage(w http.ResponseWriter, r *http.Request) {
	class, err := s.classes.Get(r.Context(), keyOf(r))
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.cfg.Pages.Class(w, r, class)
}

// joinCode is the address that a class is joined by, as a QR code. One that is closed has none.
func (s *Server) joinCode(w http.ResponseWriter, r *http.Request) {
	class, err := s.classes.Get(r.Context(), keyOf(r))
	if err == nil && class.Code == "" {
		err = classes.ErrNotFound
	}
	var svg []byte
	if err == nil {
		svg, err = qr.SVG(here(r) + s.path(r, "/join/"+url.PathEscape(class.Code)))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(svg)
}

// memberPage is a member's own.
func (s *Server) memberPage(w http.ResponseWriter, r *http.Request) {
	you, err := s.membership(r)
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	s.cfg.Pages.Member(w, r, keyOf(r), you)
}

// seat is whose a session is, for the page of it alone: who came by a view is told nothing.
func (s *Server) seat(r *http.Request, session Session) model.Seat {
	if _, viewed := viewOf(r); viewed {
		return model.Seat{}
	}
	key, ok := s.classes.MemberKey(session.Info().ID)
	if !ok {
		return model.Seat{}
	}
	you, err := s.classes.Membership(r.Context(), key)
	if err != nil || you.Class.Closed != "" { // the session is theirs alone again
		return model.Seat{}
	}
	return model.Seat{Key: key, Class: you.Class.Title}
}
