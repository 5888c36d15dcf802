package server

import (
	"net/http"
	"runtime/debug"

	"github.com/podhop/podhop/internal/problem"
)

// harden sets what every answer of ours has. Pages bring a policy of their own,
// which knows what they load.
func (s *Server) harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hardened(w.Header())
		next.ServeHTTP(w, r)
	})
}

func hardened(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// recover turns a panic into an answer and a line in the log.
func (s *Server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				panic(cause) // net/http's own way to cut a connection
			default:
				s.log.ErrorContext(r.Context(), "panic", "method", r.Method, "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
				problem.Write(w, problem.Problem{Status: http.StatusInternalServerError, Detail: "Something went wrong on our side; the server's log says what."})
			}
		}()
		next.ServeHTTP(w, r)
	})
}
