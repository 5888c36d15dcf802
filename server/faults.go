package server

import (
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
)

func (s *Server) getFaults(w http.ResponseWriter, _ *http.Request, session Session) {
	faults := session.Faults()
	if faults == nil {
		faults = []model.Fault{}
	}
	answer(w, http.StatusOK, faults)
}

// putFault breaks something. What a cut or a stop is like needs no words.
func (s *Server) putFault(w http.ResponseWriter, r *http.Request, session Session) {
	var settings model.FaultSettings
	body, err := s.readBody(w, r, 16<<10)
	if err == nil && len(body) > 0 {
		err = parseJSON(body, &settings)
	}
	var fault model.Fault
	if err == nil {
		fault, err = session.SetFault(r.Context(), chi.URLParam(r, "fault"), settings)
	}
	if err != nil {
		s.fail(w, r, faultError(err))
		return
	}
	answer(w, http.StatusOK, fault)
}

func (s *Server) deleteFault(w http.ResponseWriter, r *http.Request, session Session) {
	if err := session.UndoFault(r.Context(), chi.URLParam(r, "fault")); err != nil {
		s.fail(w, r, faultError(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) deleteFaults(w http.ResponseWriter, r *http.Request, session Session) {
	if err := session.UndoFaults(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) kill(w http.ResponseWriter, r *http.Request, session Session) {
	var kill model.Kill
	err := s.readJSON(w, r, &kill)
	if err == nil {
		err = session.Kill(r.Context(), kill)
	}
	if err != nil {
		s.fail(w, r, faultError(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// faultError says that it is what was to be broken, or mended, that is not there.
func faultError(err error) error {
	if errors.Is(err, model.ErrNotFound) {
		return &problem.Problem{Type: typeNoTarget, Title: "Nothing to break or mend", Status: http.StatusNotFound, Detail: detail(err, model.ErrNotFound)}
	}
	return err
}
