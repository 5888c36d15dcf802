package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/terminal"
	"github.com/podhop/podhop/server/stream"
)

// share makes a view of a session and returns it.
func share(t *testing.T, h http.Handler, session, rights string) model.View {
	t.Helper()
	res := ask(h, "POST /api/sessions/"+session+"/views", `{"rights":"`+rights+`"}`)
	var v model.View
	if text := textOf(res); res.StatusCode != http.StatusCreated || json.Unmarshal([]byte(text), &v) != nil || !strings.HasPrefix(v.Key, "view-") {
		t.Fatalf("%s: %s", res.Status, text)
	}
	return v
}

func TestViews(t *testing.T) {
	h := newServer(t, newEngine("one", "two"), nil).Handler()
	for body, want := range map[string]string{
		`{"rights":"owner"}`: "rights must be look or control",
		`{}`:                 "rights must be look or control",
		`{"rights":"look","until":"2020-01-01T00:00:00Z"}`:           "until must be a time to come",
		`{"rights":"look","until":"tomorrow"}`:                       "until must be a time to come",
		`{"rights":"look","name":"` + strings.Repeat("x", 61) + `"}`: "name may have 60 characters",
	} {
		if res := ask(h, "POST /api/sessions/one/views", body); res.StatusCode != 422 || !strings.Contains(textOf(res), want) {
			t.Errorf("%s: %s", body, res.Status)
		}
	}
	v := share(t, h, "one", "look")
	if v.URL != "/s/"+v.Key || v.Until == "" {
		t.Errorf("view %+v", v)
	}
	if text := textOf(ask(h, "GET /api/sessions/one/views", "")); !strings.Contains(text, v.Key) {
		t.Errorf("views %s", text)
	}
	if text := textOf(ask(h, "GET /api/sessions/two/views", "")); text != "[]" {
		t.Errorf("views of another session %s", text)
	}
	for path, want := range map[string]int{"/api/sessions/two/views/" + v.Key: 404, "/api/sessions/one/views/view-x": 404, "/api/sessions/one/views/" + v.Key: 204} {
		if res := ask(h, "DELETE "+path, ""); res.StatusCode != want {
			t.Errorf("DELETE %s: %s", path, res.Status)
		}
	}
	if text := textOf(ask(h, "GET /api/sessions/"+v.Key, "")); !strings.Contains(text, "no-session") {
		t.Errorf("after its end: %s", text)
	}
}

func TestViewsEndWithTheirSession(t *testing.T) {
	engine := newEngine("one")
	s := newServer(t, engine, nil)
	v := share(t, s.Handler(), "one", "look")
	old := engine.sessions["one"]
	old.results = nil
	if res := ask(s.Handler(), "POST /api/sessions/one/start-over", ""); res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status)
	}
	// It goes on with the session that took the place of the first.
	if text := textOf(ask(s.Handler(), "GET /api/sessions/"+v.Key, "")); !strings.Contains(text, `"id":"`+v.Key) {
		t.Errorf("after starting over: %s", text)
	}
	if res := ask(s.Handler(), "DELETE /api/sessions/new1", ""); res.StatusCode != http.StatusNoContent {
		t.Fatal(res.Status)
	}
	if _, err := s.views.Find(v.Key); err == nil {
		t.Error("the view outlasts its session")
	}
}

// harmless are the routes that change something in a session's API and may be asked for by who
// looks on: what they make is their own.
var harmless = map[string]bool{"POST /api/sessions/{id}/fork": true}

// hidden are those that only ask, and are not for who looks on.
var hidden = map[string]bool{
	"GET /api/sessions/{id}/views": true, "GET /api/sessions/{id}/recording": true, "GET /s/{id}/ports": true,
}

// owners are those that who has control may not do.
var owners = map[string]bool{
	"DELETE /api/sessions/{id}": true, "POST /api/sessions/{id}/extend": true, "POST /api/sessions/{id}/start-over": true,
	"GET /api/sessions/{id}/views": true, "POST /api/sessions/{id}/views": true, "DELETE /api/sessions/{id}/views/{key}": true,
}

// Whoever looks on tries every route there is, those that somebody adds later too.
func TestWhoLooksOnChangesNothing(t *testing.T) {
	const secret = "thesessionsrealid"
	engine := newEngine(secret)
	engine.sessions[secret].at = map[string]string{"host1:80": "127.0.0.1:1"}
	s := newServer(t, engine, nil)
	look, control := share(t, s.Handler(), secret, "look"), share(t, s.Handler(), secret, "control")
	tried := 0
	err := chi.Walk(s.router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !strings.Contains(route, "{id}") || strings.Contains(route, "/recordings/{id}") {
			return nil
		}
		tried++
		for _, v := range []model.View{look, control} {
			path := strings.NewReplacer("{id}", v.Key, "{key}", look.Key, "{name}", "node-1", "{fault}", "dns", "{tid}", "1", "{jid}", "1").Replace(route)
			before := len(engine.sessions)
			res := ask(s.Handler(), method+" "+path, "{}", "Accept: application/json")
			text := textOf(res)
			refused := res.StatusCode == http.StatusForbidden
			if strings.HasSuffix(route, "/progress") && res.StatusCode == http.StatusNotFound {
				continue // a session of no class has none
			}
			want := owners[method+" "+route] || v.Rights == "look" && (method != http.MethodGet && !harmless[method+" "+route] || hidden[method+" "+route])
			if refused != want && !strings.HasPrefix(path, "/s/") || strings.HasPrefix(path, "/s/") && want && res.StatusCode == http.StatusOK && !strings.Contains(text, "You look on") {
				t.Errorf("%s: %s %s: %s %s", v.Rights, method, route, res.Status, text)
			}
			if refused && !strings.Contains(text, "copy") {
				t.Errorf("%s %s: it does not say what can be done: %s", method, route, text)
			}
			whole := fmt.Sprint(res.Header, text)
			for _, leak := range []string{secret, "token-of-"} {
				if strings.Contains(whole, leak) {
					t.Errorf("%s: %s %s tells %q: %s", v.Rights, method, route, leak, whole)
				}
			}
			if len(engine.sessions) < before {
				t.Fatalf("%s: %s %s ended the session", v.Rights, method, route)
			}
		}
		return nil
	})
	if err != nil || tried < 30 {
		t.Errorf("tried %d routes: %v", tried, err)
	}
}

func TestPortsByViews(t *testing.T) {
	h, session := withPort(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "page of %s", r.Header.Get("X-Forwarded-Prefix"))
	})
	look, control := share(t, h.Config.Handler, session.id, "look"), share(t, h.Config.Handler, session.id, "control")
	if res := ask(h.Config.Handler, "GET /s/"+look.Key+"/port/node-1/8080/", ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("who looks on: %s %s", res.Status, textOf(res))
	}
	if res := ask(h.Config.Handler, "GET /", "", "Host: 8080-node-1-"+look.Key+".podhop.test"); strings.Contains(textOf(res), "page of") {
		t.Error("who looks on reaches ports by name")
	}
	if text := textOf(ask(h.Config.Handler, "GET /s/"+control.Key+"/port/node-1/8080/", "")); text != "page of /s/"+control.Key+"/port/node-1/8080" {
		t.Errorf("who has control: %s", text)
	}
}

func TestKubernetesByViews(t *testing.T) {
	s := newServer(t, newEngine("one", "two"), nil)
	h := s.Handler()
	tokenOf := func(key string) string {
		var access model.Access
		res := ask(h, "GET /api/sessions/"+key+"/access", "")
		if err := json.Unmarshal([]byte(textOf(res)), &access); err != nil || access.Path != "/k8s/"+key {
			t.Fatalf("access %+v: %v", access, err)
		}
		return access.Token
	}
	look, control, other := share(t, h, "one", "look"), share(t, h, "one", "control"), share(t, h, "two", "look")
	for _, c := range []struct{ what, path, token, want string }{
		{"its own token", "/k8s/" + look.Key + "/api/v1/pods", tokenOf(look.Key), "read-only GET /api/v1/pods token="},
		{"none", "/k8s/" + look.Key + "/api/v1/pods", "", "Unauthorized"},
		{"the owner's", "/k8s/" + look.Key + "/api/v1/pods", "token-of-one", "Unauthorized"},
		{"another view's", "/k8s/" + look.Key + "/api/v1/pods", tokenOf(other.Key), "Unauthorized"},
		{"one of more", "/k8s/" + look.Key + "/api/v1/pods", tokenOf(control.Key), "Unauthorized"},
		{"control", "/k8s/" + control.Key + "/api/v1/pods", tokenOf(control.Key), "one GET /api/v1/pods"},
		{"paths", "/k8s/" + look.Key + "/../one/api/v1/pods", tokenOf(look.Key), "read-only GET /../one/api/v1/pods"},
	} {
		text := textOf(ask(h, "GET "+c.path, "", "Authorization: Bearer "+c.token))
		if !strings.Contains(text, c.want) {
			t.Errorf("%s: %s", c.what, text)
		}
	}
	// To the API of the session itself a view's token is nobody's, which is for it to say.
	if text := textOf(ask(h, "GET /k8s/one/api", "", "Authorization: Bearer "+tokenOf(control.Key))); !strings.HasPrefix(text, "one GET") {
		t.Errorf("by the session's own address: %s", text)
	}
	upgrade := ask(h, "GET /k8s/"+look.Key+"/api/v1/namespaces/a/pods/b/exec", "", "Authorization: Bearer "+tokenOf(look.Key), "Upgrade: websocket")
	if upgrade.StatusCode != http.StatusForbidden {
		t.Errorf("a shell: %s", upgrade.Status)
	}
	if text := textOf(ask(h, "GET /api/v1/pods", "", "Host: "+look.Key+".podhop.test", "Authorization: Bearer "+tokenOf(look.Key))); !strings.HasPrefix(text, "read-only") {
		t.Errorf("by name: %s", text)
	}
	res := ask(h, "GET /api/sessions/"+look.Key+"/kubeconfig", "")
	if text := textOf(res); !strings.Contains(text, "/k8s/"+look.Key) || strings.Contains(text, "token-of") || strings.Contains(text, "/k8s/one") {
		t.Errorf("kubeconfig %s", text)
	}
	token := tokenOf(look.Key)
	if err := s.views.Revoke(t.Context(), look.Key); err != nil {
		t.Fatal(err)
	}
	if res := ask(h, "GET /k8s/"+look.Key+"/api/v1/pods", "", "Authorization: Bearer "+token); res.StatusCode != http.StatusGone {
		t.Errorf("after its end: %s", res.Status)
	}
}

// transcript is what a viewer was told. It is safe for concurrent use.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) take(p []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Write(p)
	return nil
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// All that a viewer is told is searched for what they are not to know, and revoking the
// link ends it.
func TestStreamByView(t *testing.T) {
	const secret = "thesessionsrealid"
	engine := newEngine(secret)
	s := newServer(t, engine, nil)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	session := engine.sessions[secret]
	v := share(t, s.Handler(), secret, "look")
	var told transcript
	left := make(chan error, 1)
	go func() {
		left <- stream.ReadText(t.Context(), server.URL+"/api/sessions/"+v.Key+"/stream", told.take)
	}()
	until(t, "the viewer is counted", func() bool { return s.viewers.of(secret).Count == 1 })
	for key, want := range map[string]string{secret: `{"count":1,"by":[{"rights":"look","count":1}]}`, v.Key: `{"count":1}`} {
		if text := textOf(ask(s.Handler(), "GET /api/sessions/"+key+"/viewers", "")); text != want {
			t.Errorf("viewers %s", text)
		}
	}
	session.feed.SetSession(model.Session{ID: secret, ExpiresAt: "2026-11-24T07:00:00Z"})
	session.feed.Event(model.Event{Reason: "Told"})
	until(t, "the viewer is told", func() bool { return strings.Contains(told.String(), "Told") })
	if res := ask(s.Handler(), "DELETE /api/sessions/"+secret+"/views/"+v.Key, ""); res.StatusCode != http.StatusNoContent {
		t.Fatal(res.Status)
	}
	select {
	case err := <-left:
		if err == nil || !strings.Contains(err.Error(), "sharing has ended") {
			t.Errorf("the stream ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the stream goes on")
	}
	if strings.Contains(told.String(), secret) || !strings.Contains(told.String(), `"id":"`+v.Key+`"`) {
		t.Errorf("the viewer was told\n%s", &told)
	}
	until(t, "nobody is counted", func() bool { return s.viewers.of(secret).Count == 0 })
}

// A session that is closed for another does not tell which.
func TestStreamThatMoves(t *testing.T) {
	engine := newEngine("first")
	s := newServer(t, engine, nil)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	v := share(t, s.Handler(), "first", "look")
	var told transcript
	left := make(chan error, 1)
	go func() {
		left <- stream.ReadText(t.Context(), server.URL+"/api/sessions/"+v.Key+"/stream", told.take)
	}()
	until(t, "the viewer is there", func() bool { return strings.Contains(told.String(), "snapshot") })
	engine.sessions["first"].feed.Move(model.Session{ID: "second"})
	engine.sessions["first"].feed.Close()
	select {
	case <-left:
	case <-time.After(time.Minute):
		t.Fatal("the stream goes on")
	}
	if text := told.String(); strings.Contains(text, "second") || strings.Contains(text, "first") || strings.Count(text, v.Key) < 2 {
		t.Errorf("the viewer was told\n%s", text)
	}
}

// What is typed by who looks on comes nowhere.
func TestTerminalByView(t *testing.T) {
	engine := newEngine("one")
	s := newServer(t, engine, nil)
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	typed := make(chan byte, 100)
	opened, err := engine.sessions["one"].terms.Open(t.Context(), "client", func(ctx context.Context, tty terminal.IO) (int, error) {
		tty.Started()
		for p := make([]byte, 1); ; {
			if _, err := tty.In.Read(p); err != nil {
				return 0, nil
			}
			typed <- p[0]
			fmt.Fprintf(tty.Out, "got %c", p[0])
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.sessions["one"].terms.Close()
	look, control := share(t, s.Handler(), "one", "look"), share(t, s.Handler(), "one", "control")
	at := func(key string) string {
		return server.URL + "/api/sessions/" + key + "/terminals/" + opened.ID + "/stream"
	}
	watching, err := stream.DialTerminal(t.Context(), at(look.Key))
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Close()
	working, err := stream.DialTerminal(t.Context(), at(control.Key))
	if err != nil {
		t.Fatal(err)
	}
	defer working.Close()
	if err := watching.Type(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := watching.Resize(t.Context(), terminal.Size{Columns: 1, Rows: 1}); err != nil {
		t.Fatal(err)
	}
	if err := working.Type(t.Context(), []byte("y")); err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	for !strings.Contains(seen.String(), "got y") {
		more, err := watching.Next(t.Context())
		if seen.Write(more.Data); err != nil {
			t.Fatalf("saw %q: %v", &seen, err)
		}
	}
	if first := <-typed; first != 'y' || strings.Contains(seen.String(), "got x") {
		t.Errorf("typed %c; saw %q", first, &seen)
	}
}
