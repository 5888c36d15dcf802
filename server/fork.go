package server

import (
	"context"
	"net/http"

	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/views"
)

// fork opens a session for whoever asks with what this one has. It is theirs, however they
// came to this one. Who only looks on gets it without the values of Secrets, which they
// may not see.
func (s *Server) fork(w http.ResponseWriter, r *http.Request, session Session) {
	if !s.admit(w, r) {
		return
	}
	secrets := true
	if view, ok := viewOf(r); ok {
		secrets = view.Rights.Allow(views.Control)
	}
	made, err := s.opened(r.Context(), func(ctx context.Context) (Session, error) {
		return s.cfg.Engine.Fork(ctx, realID(session), secrets)
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.noteSession(r, "session.fork", realID(session), audit.Short(made.Info().ID))
	info := s.addressOwn(r, made.Info())
	w.Header().Set("Location", s.path(r, "/api/sessions/"+info.ID))
	answer(w, http.StatusCreated, info)
}
