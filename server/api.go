package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/people"
)

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The reader may have gone: there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(body)
}

func (s *Server) createSession(w http.ResponseWriter, r *http.Request) {
	options, err := s.readOptions(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !s.admit(w, r) {
		return
	}
	session, err := s.open(r.Context(), options)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.noteSession(r, "session.open", session.Info().ID, "")
	info := s.address(r, session.Info())
	w.Header().Set("Location", s.path(r, "/api/sessions/"+info.ID))
	answer(w, http.StatusCreated, info)
}

// open opens a session and measures how long that took.
func (s *Server) open(ctx context.Context, o model.SessionOptions) (Session, error) {
	return s.opened(ctx, func(ctx context.Context) (Session, error) { return s.cfg.Engine.Open(ctx, o) })
}

// opened is open by another way.
func (s *Server) opened(ctx context.Context, open func(context.Context) (Session, error)) (_ Session, err error) {
	defer func() { s.metrics.failed(err) }()
	if s.draining.Load() {
		return nil, errDraining
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.metrics.opening()()
	session, err := open(ctx)
	if err != nil {
		return nil, s.found(ctx, err)
	}
	s.openers.add(session.Info().ID, audit.Short(people.From(ctx).ID))
	return session, nil
}

func (s *Server) getSession(w http.ResponseWriter, r *http.Request, session Session) {
	answer(w, http.StatusOK, s.address(r, session.Info()))
}

func (s *Server) changeSession(w http.ResponseWriter, r *http.Request, session Session) {
	var change model.SessionChange
	err := s.readJSON(w, r, &change)
	if err == nil {
		err = session.SetCNI(r.Context(), change.CNI)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, s.address(r, session.Info()))
}

func (s *Server) deleteSession(w http.ResponseWriter, r *http.Request, session Session) {
	if err := session.Close(); err != nil {
		s.fail(w, r, err)
		return
	}
	s.observer.Closed(r.Context(), realID(session))
	s.noteSession(r, "session.close", session.Info().ID, "")
	if err := s.views.RevokeAll(context.WithoutCancel(r.Context()), session.Info().ID); err != nil {
		s.log.WarnContext(r.Context(), "ending a session's links", "err", err)
	}
	w.WriteHeader(http.StatusNoContent)
}

// getAccess is for our own pages, which are on this host: what they may not do, other
// pages may less, because the answer cannot be read from there.
func (s *Server) getAccess(w http.ResponseWriter, r *http.Request, session Session) {
	token, err := session.Token(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store") // it holds a secret
	answer(w, http.StatusOK, model.Access{Path: s.path(r, prefix+session.Info().ID), Token: token})
}

func (s *Server) getKubeconfig(w http.ResponseWriter, r *http.Request, session Session) {
	token, err := session.Token(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	id := session.Info().ID
	text, err := s.kubeconfig(r, id, token)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/yaml")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "podhop-"+id+".kubeconfig"))
	h.Set("Cache-Control", "no-store") // it holds a secret
	_, _ = w.Write(text)
}

// apply answers 200 whenever every document was answered, because the answers
// are what was asked for: some may be errors. What cannot be answered by
// document (an empty paste, one that is too large) is a problem. A dry run is not counted.
func (s *Server) apply(w http.ResponseWriter, r *http.Request, session Session) {
	paste, err := s.readBody(w, r, s.cfg.MaxPaste)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	dry, compare, err := dryRun(r.URL.Query())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var results []model.ApplyResult
	if dry {
		results, err = session.DryRun(r.Context(), paste, compare)
	} else {
		results, err = session.Apply(r.Context(), paste)
	}
	if err == nil && len(results) == 0 {
		err = fmt.Errorf("%w: there is no manifest in what was sent", model.ErrInvalid)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !dry {
		s.metrics.applied(results)
		if _, viewed := viewOf(r); !viewed && !s.observer.ByClass(realID(session), r.Header.Get(classKey)) {
			s.observer.Applied(realID(session), results)
		}
	}
	answer(w, http.StatusOK, results)
}

// dryRun says whether an apply is only to be tried, and whether with a comparison.
func dryRun(q url.Values) (dry, compare bool, err error) {
	for name, into := range map[string]*bool{"dryRun": &dry, "compare": &compare} {
		if text := q.Get(name); text != "" {
			if *into, err = strconv.ParseBool(text); err != nil {
				return false, false, invalid(name, "must be true or false")
			}
		}
	}
	if compare && !dry {
		return false, false, invalid("compare", "is for dry runs: set dryRun too")
	}
	return dry, compare, nil
}

func (s *Server) request(w http.ResponseWriter, r *http.Request, session Session) {
	request, err := s.readRequest(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	result, err := session.Request(r.Context(), request)
	if err != nil {
		s.fail(w, r, senderError(err))
		return
	}
	if result.Answers == nil {
		result.Answers = []model.Answer{}
	}
	if result.Journeys == nil {
		result.Journeys = []string{}
	}
	answer(w, http.StatusOK, result)
}

func (s *Server) getTopology(w http.ResponseWriter, _ *http.Request, session Session) {
	answer(w, http.StatusOK, session.Graph())
}

func (s *Server) getJourney(w http.ResponseWriter, r *http.Request, session Session) {
	journey, ok := session.Journey(chi.URLParam(r, "jid"))
	if !ok {
		s.fail(w, r, &problem.Problem{Type: typeNoJourney, Title: "No such journey", Status: http.StatusNotFound,
			Detail: "There is no journey of that name among the recent ones: only so many are kept."})
		return
	}
	answer(w, http.StatusOK, journey)
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request, session Session) {
	var after uint64
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			s.fail(w, r, invalid("after", "must be the seq of a message, a whole number"))
			return
		}
	}
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("Upgrade", "websocket")
		s.fail(w, r, &problem.Problem{Status: http.StatusUpgradeRequired, Detail: "The stream is a websocket."})
		return
	}
	defer s.metrics.watching()()
	if view, ok := viewOf(r); ok {
		defer s.viewers.enter(session, view)()
	}
	s.stream.Serve(w, r, session.Subscribe(after))
}
