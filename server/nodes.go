package server

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
)

func (s *Server) addNode(w http.ResponseWriter, r *http.Request, session Session) {
	name, err := session.AddNode(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", s.path(r, "/api/sessions/"+session.Info().ID+"/nodes/"+url.PathEscape(name)))
	answer(w, http.StatusCreated, model.NewNode{Name: name})
}

// node does something to the node that the path names.
func (s *Server) node(do func(Session, context.Context, string) error) http.HandlerFunc {
	return s.with(func(w http.ResponseWriter, r *http.Request, session Session) {
		if err := do(session, r.Context(), chi.URLParam(r, "name")); err != nil {
			s.fail(w, r, nodeError(err))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func cordon(session Session, ctx context.Context, name string) error {
	return session.CordonNode(ctx, name, true)
}

func uncordon(session Session, ctx context.Context, name string) error {
	return session.CordonNode(ctx, name, false)
}

func (s *Server) look(w http.ResponseWriter, r *http.Request, session Session) {
	text, err := session.LookAtNode(r.Context(), chi.URLParam(r, "name"), r.URL.Query().Get("at"))
	if err != nil {
		s.fail(w, r, nodeError(err))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, text)
}
