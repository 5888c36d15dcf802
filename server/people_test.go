package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/people"
)

const (
	operatorToken = "the-token-of-operators"
	asForm        = "Content-Type: application/x-www-form-urlencoded"
	asBrowser     = "Accept: text/html,*/*"
)

// peopled is a server with an operator, and what it noted.
func peopled(t *testing.T, cfg people.Config, change func(*Config)) (*Server, func() []audit.Event) {
	t.Helper()
	if cfg.OperatorToken == "" {
		cfg.OperatorToken = operatorToken
	}
	who, err := people.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := newServer(t, newEngine("abcdefghijklmnop"), func(c *Config) {
		c.People, c.Audit = who, audit.New(&log)
		if change != nil {
			change(c)
		}
	})
	return s, func() (events []audit.Event) {
		for line := range strings.Lines(log.String()) {
			var e audit.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
		return events
	}
}

// cookies are what an answer sets, as the header that sends them.
func cookies(r *http.Response) string {
	var all []string
	for _, c := range r.Cookies() {
		if c.MaxAge >= 0 {
			all = append(all, c.Name+"="+c.Value)
		}
	}
	return "Cookie: " + strings.Join(all, "; ")
}

// Whoever looks gets no cookie; whoever makes something gets one, and is the same from then on.
func TestPeopleAreMetWhenTheyMakeSomething(t *testing.T) {
	s, noted := peopled(t, people.Config{}, nil)
	for _, path := range []string{"/", "/playground", "/s/abcdefghijklmnop", "/api/me", "/sign-in"} {
		if r := ask(s.Handler(), "GET "+path, "", asBrowser); len(r.Cookies()) > 0 {
			t.Errorf("GET %s sets %v", path, r.Cookies())
		}
	}
	made := ask(s.Handler(), "POST /playground", "", asForm, asBrowser)
	if made.StatusCode != http.StatusSeeOther || len(made.Cookies()) != 1 {
		t.Fatalf("POST /playground: %d %v", made.StatusCode, made.Cookies())
	}
	again := ask(s.Handler(), "POST /api/sessions", "", cookies(made))
	if again.StatusCode != http.StatusCreated || len(again.Cookies()) > 0 {
		t.Errorf("again: %d %v", again.StatusCode, again.Cookies())
	}
	ask(s.Handler(), "DELETE /api/sessions/abcdefghijklmnop", "")
	events := noted()
	if len(events) != 3 || events[0].Action != "session.open" || events[0].Person == "" || events[0].Person != events[1].Person {
		t.Fatalf("noted %+v", events)
	}
	if e := events[2]; e.Action != "session.close" || e.Session != "abcdefgh" || e.Address != "192.0.2.1" {
		t.Errorf("noted %+v", e)
	}
}

func TestOnly(t *testing.T) {
	s, noted := peopled(t, people.Config{}, nil)
	handler := s.visitors(s.only(people.Operator, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	if r := ask(handler, "GET /api/operator", "", "Authorization: Bearer "+operatorToken); r.StatusCode != http.StatusNoContent {
		t.Errorf("the operator gets %d", r.StatusCode)
	}
	if r := ask(handler, "GET /api/operator", ""); r.StatusCode != http.StatusForbidden || r.Header.Get("WWW-Authenticate") == "" || !strings.Contains(textOf(r), typeNotAllowed) {
		t.Errorf("a program gets %d %v", r.StatusCode, r.Header)
	}
	if r := ask(handler, "GET /operator?at=top", "", asBrowser); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/sign-in?to=%2Foperator%3Fat%3Dtop" {
		t.Errorf("a browser gets %d to %s", r.StatusCode, r.Header.Get("Location"))
	}
	if r := ask(handler, "POST /elsewhere", "", asBrowser); r.StatusCode != http.StatusForbidden || !strings.Contains(textOf(r), "page: Not for you") {
		t.Errorf("a form gets %d", r.StatusCode)
	}
	if events := noted(); len(events) != 3 || events[0].Action != "person.refused" || events[0].Detail != "GET /api/operator: Not for you" {
		t.Errorf("noted %+v", events)
	}
}

func TestSignInByToken(t *testing.T) {
	s, noted := peopled(t, people.Config{}, nil)
	wrong := ask(s.Handler(), "POST /sign-in", "token=wrong&to=%2Foperator", asForm)
	if text := textOf(wrong); wrong.StatusCode != http.StatusForbidden || len(wrong.Cookies()) > 0 || !strings.Contains(text, "sign in | /operator | That is not a token") {
		t.Errorf("a wrong token: %d %s %v", wrong.StatusCode, text, wrong.Cookies())
	}
	right := ask(s.Handler(), "POST /sign-in", "token=+"+operatorToken+"%0A&to=%2Foperator", asForm)
	if right.StatusCode != http.StatusSeeOther || right.Header.Get("Location") != "/operator" {
		t.Fatalf("the token: %d to %s", right.StatusCode, right.Header.Get("Location"))
	}
	if me := textOf(ask(s.Handler(), "GET /api/me", "", cookies(right))); me != `{"name":"Operator","roles":["learner","instructor","operator"]}` {
		t.Errorf("they are %s", me)
	}
	out := ask(s.Handler(), "POST /sign-out", "", cookies(right))
	if out.StatusCode != http.StatusSeeOther || len(out.Cookies()) != 1 || out.Cookies()[0].MaxAge >= 0 {
		t.Errorf("signed out: %d %v", out.StatusCode, out.Cookies())
	}
	var actions []string
	for _, e := range noted() {
		actions = append(actions, e.Action+" "+e.Person)
	}
	if got := strings.Join(actions, ", "); got != "person.sign-in-failed , person.sign-in operator, person.sign-out operator" {
		t.Errorf("noted %s", got)
	}
}

// Nobody is led to another site by an address of ours.
func TestLocal(t *testing.T) {
	for to, want := range map[string]string{
		"/operator?at=top":     "/operator?at=top",
		"/lessons/a%20b":       "/lessons/a%20b",
		"":                     "/",
		"operator":             "/",
		"//evil.example":       "/",
		"/\\evil.example":      "/",
		"/\tevil":              "/",
		"\\\\evil.example":     "/",
		"https://evil.example": "/",
		"javascript:alert(1)":  "/",
		"/%2F/evil.example":    "/",
	} {
		if got := local(to); got != want {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
	}
}

// With accounts required, nobody else opens anything, and is led to where they can sign in.
func TestAccountsRequired(t *testing.T) {
	s, _ := peopled(t, people.Config{AccountsRequired: true}, nil)
	if r := ask(s.Handler(), "POST /api/sessions", ""); r.StatusCode != http.StatusForbidden {
		t.Errorf("a program opens a session: %d", r.StatusCode)
	}
	if r := ask(s.Handler(), "POST /playground", "", asForm, asBrowser); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/sign-in?to=%2Fplayground" {
		t.Errorf("a browser opens a session: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	if r := ask(s.Handler(), "POST /api/sessions", "", "Authorization: Bearer "+operatorToken); r.StatusCode != http.StatusCreated {
		t.Errorf("the operator opens none: %d", r.StatusCode)
	}
}
