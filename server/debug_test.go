package server

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/people"
)

// What is below /debug/ is the operator's: nobody else is told that it is there.
func TestDebug(t *testing.T) {
	s := newServer(t, newEngine("one"), nil)
	paths := map[string]string{"": "/debug/vars", "vars": `"sessions":1`, "pprof/": "goroutine", "pprof/goroutine?debug=1": "goroutine profile: total", "pprof/heap?debug=1": "heap profile",
		"pprof/cmdline": "", "nothing": "", "pprof/nothing": ""}
	for path, want := range paths {
		if got := ask(s.Handler(), "GET /debug/"+path, ""); got.StatusCode != 404 || strings.Contains(textOf(got), "profile") {
			t.Errorf("%s: %d for anybody", path, got.StatusCode)
		}
		status := map[bool]int{true: 200, false: 404}[want != ""]
		got := ask(asOperator(s), "GET /debug/"+path, "")
		if text := textOf(got); got.StatusCode != status || !strings.Contains(text, want) {
			t.Errorf("%s: %d for the operator:\n%.300s\nwant %d %s", path, got.StatusCode, text, status, want)
		}
	}
}

// A line a session says what it has, and which goroutines are its own.
func TestDebugSessions(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	asking := make(chan struct{})
	e := newEngine(wholeID)
	s := newServer(t, e, func(c *Config) { c.Operator = troubled{&fakeOperator{engine: e, room: 1}} })
	e.sessions[wholeID].api = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			go func() { <-stop }() // as informers are begun
		}
		close(asking)
		<-stop
	})
	go ask(s.Handler(), "GET /k8s/"+wholeID+"/api", "")
	<-asking
	if got := ask(s.Handler(), "GET /debug/sessions", ""); got.StatusCode != http.StatusNotFound {
		t.Errorf("anybody gets %d", got.StatusCode)
	}
	text := textOf(ask(asOperator(s), "GET /debug/sessions", ""))
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 2 {
		t.Fatalf("there is\n%s", text)
	}
	got := map[string]string{}
	names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
	for i, name := range names[:17] {
		got[name] = values[i]
	}
	if got["SESSION"] != wholeID[:8] || got["GOROUTINES"] != "4" || got["PODS"] != "5" || got["NODES"] != "2" || got["AGE"] != "-" {
		t.Errorf("it says\n%s", text)
	}
	if !strings.HasSuffix(lines[1], `12:00:00 watching\x0a err=\x1b[2J`) || strings.Contains(text, wholeID) {
		t.Errorf("the error is told so:\n%q", text)
	}
}

// troubled is an operator whose sessions have errors.
type troubled struct{ *fakeOperator }

func (o troubled) Overview() []model.OperatorSession {
	all := o.fakeOperator.Overview()
	for i := range all {
		all[i].Pods, all[i].LastError = 5, "12:00:00 watching\n err=\x1b[2J"
	}
	return all
}

func asOperator(s *Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.router.ServeHTTP(w, r.WithContext(people.With(r.Context(), people.Person{Roles: []people.Role{people.Operator}})))
	})
}

func BenchmarkAttributed(b *testing.B) {
	for b.Loop() {
		attributed(b.Context(), nil, wholeID, func(context.Context) {})
	}
}
