package server

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/server/people"
)

// debugging are what there is below /debug/, for who runs the server.
var debugging = []struct{ path, what string }{
	{"sessions", "sessions, each with what it has and its last error; profiles have labels of the same names"},
	{"vars", "counts, as JSON"},
	{"pprof/goroutine?debug=1", "goroutines, those that do the same together"},
	{"pprof/goroutine?debug=2", "goroutines, one by one"},
	{"pprof/heap?debug=1", "memory"},
	{"pprof/profile?seconds=10", "CPU time, for go tool pprof"},
	{"pprof/trace?seconds=2", "what happened, for go tool trace"},
	{"pprof/", "all profiles"},
}

// debug is the operator's alone. Nobody else is told that there is anything.
func (s *Server) debug(w http.ResponseWriter, r *http.Request) {
	if !people.From(r.Context()).Is(people.Operator) {
		s.notFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	switch path := chi.URLParam(r, "*"); {
	case path == "":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "podhop %s\n\n", s.cfg.Version)
		for _, d := range debugging {
			fmt.Fprintf(w, "%-44s %s\n", s.path(r, "/debug/"+d.path), d.what)
		}
		fmt.Fprintf(w, "%-44s %s\n", s.path(r, "/metrics"), "metrics")
		fmt.Fprintf(w, "%-44s %s\n", s.path(r, "/readyz?verbose"), "whether it is ready, and why not")
	case path == "sessions":
		s.debugSessions(w, r)
	case path == "vars":
		answer(w, http.StatusOK, s.vars())
	case path == "pprof/profile":
		pprof.Profile(w, r)
	case path == "pprof/trace":
		pprof.Trace(w, r)
	case path == "pprof/symbol":
		pprof.Symbol(w, r)
	case path == "pprof/":
		pprof.Index(w, profileRequest(r, ""))
	case strings.HasPrefix(path, "pprof/"):
		pprof.Index(w, profileRequest(r, strings.TrimPrefix(path, "pprof/")))
	default:
		s.notFound(w, r)
	}
}

// profileRequest is a request by the path that net/http/pprof knows.
func profileRequest(r *http.Request, name string) *http.Request {
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = "/debug/pprof/"+name, ""
	return r
}

// vars are counts of what there is now.
func (s *Server) vars() map[string]any {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return map[string]any{
		"version": s.cfg.Version, "go": runtime.Version(), "uptimeSeconds": int(time.Since(s.metrics.begun).Seconds()),
		"sessions": s.cfg.Engine.Sessions(), "draining": s.draining.Load(), "goroutines": runtime.NumGoroutine(),
		"heapBytes": m.HeapAlloc, "systemBytes": m.Sys, "collections": m.NumGC,
	}
}
