package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/podhop/podhop/internal/logs"
)

func TestHealth(t *testing.T) {
	var images, sessions error
	s := newServer(t, newEngine(), func(c *Config) {
		c.Ready = []Check{{"images", func(context.Context) error { return images }}, {"sessions", func(context.Context) error { return sessions }}}
	})
	get := func(path string, status int, want string) {
		t.Helper()
		response := ask(s.Handler(), "GET "+path, "")
		got := textOf(response)
		if strings.HasPrefix(got, "{") {
			got = problemText(t, got, status)
		}
		if response.StatusCode != status || got != want {
			t.Errorf("%s: got %d %s, want %d %s", path, response.StatusCode, got, status, want)
		}
	}
	get("/healthz", 200, "ok")
	get("/healthz?verbose", 200, "[+]ping ok\n[+]engine ok\nhealthz check passed")
	get("/readyz", 200, "ok")
	get("/readyz?verbose", 200, "[+]images ok\n[+]sessions ok\n[+]store ok\n[+]shutdown ok\nreadyz check passed")
	sessions = &Degraded{"there are as many as there may be, 3"}
	get("/readyz?verbose=true", 200, "[+]images ok\n[+]sessions ok, but there are as many as there may be, 3\n[+]store ok\n[+]shutdown ok\nreadyz check passed")
	images = errors.New("the catalogue is being built")
	get("/readyz", 503, "not-ready: images: the catalogue is being built")
	get("/readyz?verbose", 503, "[-]images failed: the catalogue is being built\n[+]sessions ok, but there are as many as there may be, 3\n[+]store ok\n[+]shutdown ok\nreadyz check failed")
	get("/readyz?exclude=images&exclude=sessions&verbose", 200, "[+]images excluded: ok\n[+]sessions excluded: ok\n[+]store ok\n[+]shutdown ok\nreadyz check passed")
	get("/healthz", 200, "ok")
}

// A server that is about to end opens nothing, says so, and goes on with what there is.
func TestDrain(t *testing.T) {
	engine := newEngine("one")
	s := newServer(t, engine, nil)
	s.Drain()
	for request, want := range map[string]string{
		"GET /readyz":                       "not-ready: shutdown: the server is about to end",
		"POST /api/sessions":                "closing: It opens no more sessions until it is there again. Try again in a moment.",
		"POST /api/sessions/one/start-over": "closing: It opens no more sessions until it is there again. Try again in a moment.",
	} {
		response := ask(s.Handler(), request, "{}", "Content-Type: application/json")
		if got := problemText(t, textOf(response), response.StatusCode); response.StatusCode != 503 || got != want || response.Header.Get("Retry-After") != "10" {
			t.Errorf("%s: got %d %s, again after %q", request, response.StatusCode, got, response.Header.Get("Retry-After"))
		}
	}
	response := ask(s.Handler(), "POST /playground", "", "Content-Type: application/x-www-form-urlencoded", "Accept: text/html")
	if got := textOf(response); response.StatusCode != 503 || response.Header.Get("Retry-After") != "10" || !strings.Contains(got, "The server restarts") {
		t.Errorf("a page: %d %s", response.StatusCode, got)
	}
	if engine.count() != 1 {
		t.Errorf("there are %d sessions", engine.count())
	}
	for _, request := range []string{"GET /healthz", "GET /api/sessions/one", "GET /api/sessions/one/topology", "GET /s/one"} {
		if response := ask(s.Handler(), request, ""); response.StatusCode != 200 {
			t.Errorf("%s: %d", request, response.StatusCode)
		}
	}
}

// Lines about a request have its name and its session's beginning, never a whole key.
func TestRequestsAreNamed(t *testing.T) {
	const id = "mzxw6ytboi4dqnbuabcdefghij"
	var b bytes.Buffer
	engine := newEngine(id)
	engine.sessions[id].err = errors.New("broken: /data/sessions/" + id)
	s := newServer(t, engine, func(c *Config) {
		var err error
		if c.Log, err = logs.New(&b, "json", slog.LevelDebug); err != nil {
			t.Fatal(err)
		}
	})
	for given, want := range map[string]string{"from-the-proxy.1": "from-the-proxy.1", "": "", "no good\nname": "", strings.Repeat("a", 65): ""} {
		b.Reset()
		response := ask(s.Handler(), "POST /api/sessions/"+id+"/apply", "kind: Pod", "X-Request-Id: "+given)
		name := response.Header.Get("X-Request-Id")
		if response.StatusCode != 500 || name == "" || want != "" && name != want || want == "" && name == given {
			t.Errorf("%q: %d, named %q", given, response.StatusCode, name)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 2 || strings.Contains(b.String(), id) {
			t.Fatalf("%q: logged\n%s", given, &b)
		}
		for i, want := range []string{"request failed", "request"} {
			var line map[string]any
			if err := json.Unmarshal([]byte(lines[i]), &line); err != nil || line["msg"] != want || line["request"] != name || line["path"] != "/api/sessions/mzxw6ytb/apply" {
				t.Errorf("%q: %v in %s", given, err, lines[i])
			}
		}
		if !strings.Contains(lines[1], `"session":"mzxw6ytb"`) || !strings.Contains(lines[1], `"status":500`) {
			t.Error(lines[1])
		}
	}
}
