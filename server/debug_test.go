package server

import (
	"net/http"
	"strings"
	"testing"

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
		operator := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.router.ServeHTTP(w, r.WithContext(people.With(r.Context(), people.Person{Roles: []people.Role{people.Operator}})))
		})
		got := ask(operator, "GET /debug/"+path, "")
		if text := textOf(got); got.StatusCode != status || !strings.Contains(text, want) {
			t.Errorf("%s: %d for the operator:\n%.300s\nwant %d %s", path, got.StatusCode, text, status, want)
		}
	}
}
