package server

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/killercoda"
)

func scenario(t *testing.T) func(*Config) {
	t.Helper()
	library, errs := lessons.Load(fstest.MapFS{
		"shop/index.json": {Data: []byte(`{"details": {"intro": {"text": "intro.md", "foreground": "f.sh", "background": "b.sh"}, "steps": [{"text": "1.md"}], "assets": {"host01": [{"file": "a", "target": "/opt"}]}}}`)},
		"shop/intro.md":   {Data: []byte("![x](a.svg) [y](b.bin) [z](f.html)")}, "shop/1.md": {Data: []byte("x")},
		"shop/a.svg": {Data: []byte("<svg onload=alert(1)/>")}, "shop/b.bin": {Data: []byte("bin")}, "shop/f.html": {Data: []byte("<script>")},
		"shop/f.sh": {Data: []byte("echo f")}, "shop/b.sh": {Data: []byte("echo b")}, "shop/assets/a": {Data: []byte("a")},
	}, killercoda.Format{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return func(c *Config) { c.Lesson = library.Lesson }
}

func TestBeginStep(t *testing.T) {
	engine := newEngine("s1")
	handler := newServer(t, engine, scenario(t)).Handler()
	session := engine.sessions["s1"]
	const path = "POST /api/sessions/s1/begin"
	r := ask(handler, path, `{"lesson":"shop","step":1}`)
	if got := text(t, r); r.StatusCode != http.StatusOK || got != `{"begun":true,"run":"source ~/.lessons/shop/1/foreground.sh"}`+"\n" {
		t.Errorf("%d %s", r.StatusCode, got)
	}
	if len(session.folders) != 1 || session.folders[0] != ".lessons/shop/1" || !strings.Contains(session.ran[len(session.ran)-1], "/var/log/killercoda/background0_stdout") {
		t.Errorf("put %q, ran %q", session.folders, session.ran)
	}
	if r = ask(handler, path, `{"lesson":"shop","step":2}`); text(t, r) != `{"begun":false}`+"\n" {
		t.Error("a step without scripts was begun")
	}
	for body, want := range map[string]int{`{"lesson":"shop","step":3}`: 422, `{"lesson":"shop"}`: 422, `{"lesson":"none","step":1}`: 404, `{`: 400} {
		if r := ask(handler, path, body); r.StatusCode != want {
			t.Errorf("%s: %d", body, r.StatusCode)
		}
	}
	session.err = model.ErrConflict
	if r = ask(handler, path, `{"lesson":"shop","step":1}`); r.StatusCode != http.StatusConflict {
		t.Errorf("no machine: %d", r.StatusCode)
	}
}

// A lesson's files are on the machine before the learner is.
func TestLessonOpensWithFiles(t *testing.T) {
	engine := newEngine()
	r := ask(newServer(t, engine, scenario(t)).Handler(), "POST /lessons/shop", "")
	id := strings.TrimPrefix(strings.TrimSuffix(r.Header.Get("Location"), "?lesson=shop"), "/s/")
	session := engine.sessions[id]
	if session == nil || session.options.Nodes != 1 || len(session.folders) != 1 || !strings.Contains(session.ran[0], "http://localhost:8080/s/"+id+"/port/host1/PORT/") {
		t.Errorf("%s: %+v", r.Header.Get("Location"), session)
	}
}

func TestLessonFiles(t *testing.T) {
	handler := newServer(t, newEngine(), scenario(t)).Handler()
	for name, want := range map[string]string{"a.svg": "image/svg+xml", "b.bin": "application/octet-stream", "f.html": "text/plain; charset=utf-8"} {
		r := ask(handler, "GET /lessons/shop/files/shop/"+name, "")
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != want || !strings.HasSuffix(r.Header.Get("Content-Security-Policy"), "; sandbox") || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", name, r.StatusCode, r.Header)
		}
	}
	for _, path := range []string{"shop/files/shop/f.sh", "shop/files/shop/index.json", "shop/files/../../etc/passwd", "shop/files/%2e%2e/%2e%2e/etc/passwd", "shop/files/", "shop/files//etc/passwd", "none/files/shop/a.svg"} {
		if r := ask(handler, "GET /lessons/"+path, ""); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

func TestPortsPage(t *testing.T) {
	handler := newServer(t, newEngine("s1"), nil).Handler()
	if got := text(t, ask(handler, "GET /s/s1/ports", "")); got != "page: ports /s/s1 0" {
		t.Error(got)
	}
	for query, want := range map[string]string{"?host=node-1&port=80": "/s/s1/port/node-1/80/", "?host=//evil.test&port=/": "/s/s1/port/%2F%2Fevil.test/%2F/"} {
		if r := ask(handler, "GET /s/s1/ports"+query, ""); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != want {
			t.Errorf("%s: %d %s", query, r.StatusCode, r.Header.Get("Location"))
		}
	}
	if r := ask(handler, "GET /s/none/ports", ""); r.StatusCode != http.StatusGone {
		t.Errorf("no session: %d", r.StatusCode)
	}
}
