package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/keep"
)

// A Check is of one thing that must be so for the server to open sessions.
type Check struct {
	Name string
	// Check says what is wrong, in words that anybody may read. An error that is a *Degraded is
	// told and no more.
	Check func(context.Context) error
}

// Degraded is what whoever runs the server should know, though it is ready: it wraps no cause.
type Degraded struct{ What string }

func (d *Degraded) Error() string { return d.What }

// checkTimeout bounds all checks together.
const checkTimeout = 5 * time.Second

// errDraining is what opening sessions fails with once the server is about to end.
var errDraining = &problem.Problem{Type: typeClosing, Title: "The server restarts", Status: http.StatusServiceUnavailable,
	Detail: "It opens no more sessions until it is there again. Try again in a moment."}

// Drain has the server not be ready any more, and open no session. What there is goes on.
func (s *Server) Drain() { s.draining.Store(true) }

// healthz answers as long as the server is not stuck: whoever asks gives up then.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	s.report(w, r, "healthz", []Check{
		{"ping", func(context.Context) error { return nil }},
		{"engine", func(context.Context) error { s.cfg.Engine.Sessions(); return nil }},
	})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	s.report(w, r, "readyz", s.readiness())
}

// readiness are all checks.
func (s *Server) readiness() []Check {
	store := Check{"store", func(ctx context.Context) error {
		if _, err := s.cfg.Store.Get(ctx, "health"); err != nil && !errors.Is(err, keep.ErrNotFound) {
			return errors.New("documents cannot be read")
		}
		return nil
	}}
	drain := Check{"shutdown", func(context.Context) error {
		if s.draining.Load() {
			return errors.New("the server is about to end")
		}
		return nil
	}}
	return slices.Concat(s.cfg.Ready, []Check{store, drain})
}

// report answers as Kubernetes' API servers do, with why: the query's verbose lists all
// checks, and exclude, which may be there more than once, leaves one out.
func (s *Server) report(w http.ResponseWriter, r *http.Request, name string, checks []Check) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	query := r.URL.Query()
	var lines strings.Builder
	var failed []string
	for _, c := range checks {
		if slices.Contains(query["exclude"], c.Name) {
			fmt.Fprintf(&lines, "[+]%s excluded: ok\n", c.Name)
			continue
		}
		degraded := new(Degraded)
		switch err := c.Check(ctx); {
		case err == nil:
			fmt.Fprintf(&lines, "[+]%s ok\n", c.Name)
		case errors.As(err, &degraded):
			fmt.Fprintf(&lines, "[+]%s ok, but %s\n", c.Name, degraded)
		default:
			fmt.Fprintf(&lines, "[-]%s failed: %v\n", c.Name, err)
			failed = append(failed, c.Name+": "+err.Error())
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	verbose := query.Has("verbose")
	switch {
	case len(failed) > 0 && !verbose:
		s.fail(w, r, &problem.Problem{Type: typeNotReady, Title: "Not ready", Status: http.StatusServiceUnavailable, Detail: strings.Join(failed, "; ")})
	case len(failed) > 0:
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "%s%s check failed\n", &lines, name)
	case verbose:
		fmt.Fprintf(w, "%s%s check passed\n", &lines, name)
	default:
		fmt.Fprintln(w, "ok")
	}
}
