package server

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/internal/logs"
	"github.com/podhop/podhop/server/audit"
)

// requestID is the header that names a request, in our log and in that of whoever is in front.
const requestID = "X-Request-Id"

var identifier = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify names each request, by the name that whoever is in front of us gave it if there
// is one: lines of the log about it have the name, and so has the answer.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestID)
		if !identifier.MatchString(id) {
			id = strings.ToLower(rand.Text()[:16])
		}
		w.Header().Set(requestID, id)
		next.ServeHTTP(w, r.WithContext(logs.With(r.Context(), slog.String("request", id))))
	})
}

// access writes a line of the log about a request that has been answered, and began then.
func (s *Server) access(r *http.Request, status int, begun time.Time) {
	if !s.log.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{slog.String("method", r.Method), slog.String("path", s.path(r, r.URL.Path)), slog.Int("status", status), slog.Duration("took", time.Since(begun))}
	if id := chi.URLParam(r, "id"); id != "" {
		attrs = append(attrs, slog.String("session", audit.Short(id)))
	}
	s.log.LogAttrs(r.Context(), slog.LevelDebug, "request", attrs...)
}
