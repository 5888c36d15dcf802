package basepath

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{"": "", "/": "", "/podhop": "/podhop", "/podhop/": "/podhop", "/a/b-c.d": "/a/b-c.d"} {
		if got, err := Clean(text); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"podhop", "//podhop", "/a//b", "/..", "/a/../b", "/a b", "/a?b", "/a#b", "/%61", "/<a>", "https://example.org/a", "/a;b", `/a"b`} {
		if got, err := Clean(text); !errors.Is(err, ErrBase) {
			t.Errorf("%q: %q, %v; want an error", text, got, err)
		}
	}
}

func TestMount(t *testing.T) {
	say := func(where string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, where, " ", r.URL.EscapedPath(), " ", At(r.Context(), "/x"))
		})
	}
	for _, c := range []struct{ base, path, want string }{
		{"", "/lessons/one", "in /lessons/one /x"},
		{"/podhop", "/podhop/lessons/one", "in /lessons/one /podhop/x"},
		{"/podhop", "/podhop/", "in / /podhop/x"},
		{"/podhop", "/podhop/a%2Fb?q=/podhop", "in /a%2Fb /podhop/x"},
		{"/podhop", "/podhop/podhop/x", "in /podhop/x /podhop/x"},
		{"/podhop", "/podhop", "out /podhop /podhop/x"},
		{"/podhop", "/podhopper/x", "out /podhopper/x /podhop/x"},
		{"/podhop", "/lessons", "out /lessons /podhop/x"},
		{"/podhop", "/%70odhop/a%2Fb", "out /%70odhop/a%2Fb /podhop/x"},
		{"/podhop", "/podhop//evil.example", "in //evil.example /podhop/x"},
	} {
		w := httptest.NewRecorder()
		Mount(c.base, say("in"), say("out")).ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
		if got := w.Body.String(); got != c.want {
			t.Errorf("%s at %q: %q, want %q", c.path, c.base, got, c.want)
		}
	}
}
