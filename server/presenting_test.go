package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/podhop/podhop/server/stream"
)

// What somebody shows comes to those who look on, and is kept for as long as they do.
func TestPresenting(t *testing.T) {
	engine := newEngine("one")
	s := newServer(t, engine, nil)
	h := s.Handler()
	server := httptest.NewServer(h)
	defer server.Close()
	show := func(text string) {
		t.Helper()
		body := `{"tab":"editor","hop":-1,"file":{"name":"a.yaml","anchor":1,"head":2,"text":"` + text + `"}}`
		if res := ask(h, "PUT /api/sessions/one/presenting", body); res.StatusCode != http.StatusNoContent {
			t.Fatal(res.Status, textOf(res))
		}
	}
	snapshot := func() string {
		sub := engine.sessions["one"].feed.Subscribe(0)
		defer sub.Close()
		m, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text, err := sub.Encode(&m)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	show("kind: Secret")
	if text := snapshot(); strings.Contains(text, "Secret") {
		t.Errorf("it is kept though nobody looks on: %s", text)
	}
	v := share(t, h, "one", "look")
	var told transcript
	left := make(chan error, 1)
	go func() {
		left <- stream.ReadText(t.Context(), server.URL+"/api/sessions/"+v.Key+"/stream", told.take)
	}()
	until(t, "they are counted", func() bool { return strings.Contains(told.String(), `"watching":{"count":1}`) })
	show("kind: Pod")
	until(t, "they are shown", func() bool { return strings.Contains(told.String(), "kind: Pod") })
	if text := snapshot(); !strings.Contains(text, "kind: Pod") || !strings.Contains(text, `"watching":1`) {
		t.Errorf("who comes later: %s", text)
	}
	if res := ask(h, "PUT /api/sessions/"+v.Key+"/presenting", `{"hop":-1}`); res.StatusCode != http.StatusForbidden {
		t.Errorf("who looks on shows something: %s", res.Status)
	}
	for body, want := range map[string]int{
		`{"hop":-1,"off":true}`: 422, `{"hop":-1,"tab":"` + strings.Repeat("x", 2000) + `"}`: 422,
		`{"hop":-1,"file":{"name":"a","anchor":0,"head":0,"edit":{"from":0,"drop":9}}}`:                                       422,
		`{"hop":-1,"file":{"name":"a","anchor":0,"head":0,"text":"` + strings.Repeat("x", maxPresented+1) + `"}}`:             413,
		`{"hop":-1,"file":{"name":"a","anchor":0,"head":0,"text":"` + strings.Repeat(`\u0000`, maxPresented+maxWord) + `"}}`:  413,
		`{"hop":-1,"file":{"name":"a","anchor":0,"head":0,"text":"` + strings.Repeat(`\u0000`, 2*maxPresented+maxWord) + `"}`: 413,
		`[]`: 400,
	} {
		if res := ask(h, "PUT /api/sessions/one/presenting", body); res.StatusCode != want {
			t.Errorf("%.60s: %s", body, res.Status)
		}
	}
	if err := s.views.Revoke(t.Context(), v.Key); err != nil {
		t.Fatal(err)
	}
	<-left
	until(t, "it is forgotten when they have gone", func() bool {
		text := snapshot()
		return !strings.Contains(text, "kind: Pod") && !strings.Contains(text, `"watching"`)
	})
}

// Whoever forks a session has one of their own, by their own address; who looks on has it
// without the values of Secrets.
func TestFork(t *testing.T) {
	engine := newEngine("one")
	h := newServer(t, engine, nil).Handler()
	look, control := share(t, h, "one", "look"), share(t, h, "one", "control")
	for i, c := range []struct{ by, want string }{{"one", "fork one true"}, {control.Key, "fork one true"}, {look.Key, "fork one false"}} {
		res := ask(h, "POST /api/sessions/"+c.by+"/fork", "")
		text, id := textOf(res), "new"+string(rune('1'+i))
		if res.StatusCode != http.StatusCreated || res.Header.Get("Location") != "/api/sessions/"+id || !strings.Contains(text, `"id":"`+id+`","url":"/s/`+id+`"`) || strings.Contains(text, "rights") {
			t.Errorf("%s: %s %v %s", c.by, res.Status, res.Header, text)
			continue
		}
		if did := engine.sessions[id].did; len(did) != 1 || did[0] != c.want {
			t.Errorf("%s: %v", c.by, did)
		}
	}
	if res := ask(h, "POST /api/sessions/view-aaaaaaaaaaaaaaaaaaaaaaaaaa/fork", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("a view that there is not: %s", res.Status)
	}
}
