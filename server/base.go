package server

import (
	"net/http"

	"github.com/podhop/podhop/internal/basepath"
	"github.com/podhop/podhop/internal/problem"
)

// path is the address, on this host, of a path of ours that begins with a slash.
func (s *Server) path(r *http.Request, path string) string { return basepath.At(r.Context(), path) }

// below serves everything below the server's base path. Beside it are the sessions that are
// named by the host, a port of theirs or their Kubernetes API, and the server's health.
func (s *Server) below(next http.Handler) http.Handler {
	if s.cfg.Base == "" {
		return next
	}
	outside := s.classroom(s.kubernetesByName(s.recover(s.harden(http.HandlerFunc(s.outside)))))
	return s.recover(s.portsByName(basepath.Mount(s.cfg.Base, next, outside)))
}

func (s *Server) outside(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz", "/readyz":
		s.router.ServeHTTP(w, r)
	case "/", s.cfg.Base:
		http.Redirect(w, r, s.cfg.Base+"/", http.StatusTemporaryRedirect)
	default:
		if wantsPage(r) {
			s.cfg.Pages.NotFound(w, r)
			return
		}
		problem.Write(w, problem.Problem{Status: http.StatusNotFound, Detail: "There is nothing at " + r.URL.Path + ": what there is is below " + s.cfg.Base + "/."})
	}
}
