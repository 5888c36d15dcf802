package server

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/views"
)

func (s *Server) getTerminals(w http.ResponseWriter, _ *http.Request, session Session) {
	all := session.Terminals()
	if all == nil {
		all = []model.Terminal{}
	}
	answer(w, http.StatusOK, all)
}

func (s *Server) openTerminal(w http.ResponseWriter, r *http.Request, session Session) {
	var want model.NewTerminal
	err := s.readJSON(w, r, &want)
	var opened model.Terminal
	if err == nil {
		opened, err = session.OpenTerminal(r.Context(), want)
	}
	if errors.Is(err, model.ErrNotFound) {
		err = &problem.Problem{Type: typeNoTarget, Title: "No such place", Status: http.StatusNotFound, Detail: detail(err, model.ErrNotFound)}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", s.path(r, "/api/sessions/"+session.Info().ID+"/terminals/"+url.PathEscape(opened.ID)))
	answer(w, http.StatusCreated, opened)
}

func (s *Server) closeTerminal(w http.ResponseWriter, r *http.Request, session Session) {
	if err := session.CloseTerminal(chi.URLParam(r, "tid")); err != nil {
		s.fail(w, r, terminalError(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) watchTerminal(w http.ResponseWriter, r *http.Request, session Session) {
	viewer, err := session.ViewTerminal(chi.URLParam(r, "tid"))
	if err == nil && r.Header.Get("Upgrade") == "" {
		viewer.Close()
		w.Header().Set("Upgrade", "websocket")
		err = &problem.Problem{Status: http.StatusUpgradeRequired, Detail: "A terminal's stream is a websocket."}
	}
	if err != nil {
		s.fail(w, r, terminalError(err))
		return
	}
	if view, ok := viewOf(r); ok && !view.Rights.Allow(views.Control) {
		s.stream.ShowTerminal(w, r, viewer)
		return
	}
	s.stream.ServeTerminal(w, r, viewer)
}

// terminalError says that it is the terminal that is not there, not the session.
func terminalError(err error) error {
	if errors.Is(err, model.ErrNotFound) {
		return &problem.Problem{Type: typeNoTerminal, Title: "No such terminal", Status: http.StatusNotFound, Detail: detail(err, model.ErrNotFound)}
	}
	return err
}
