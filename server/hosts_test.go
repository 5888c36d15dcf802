package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/views"
)

const sessionOne = "abcdefghijklmnopqrstuvwx01"

// TestSessionOf finds which session a request is about, wherever it is named.
func TestSessionOf(t *testing.T) {
	s := newServer(t, &fakeEngine{}, func(c *Config) { c.Base, c.Store = "/podhop", keep.Memory() })
	key, err := s.views.Make(t.Context(), sessionOne, views.Look, "", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		request, host, serverName string
		session                   string
		opens                     bool
	}{
		{request: "GET /podhop/s/" + sessionOne, session: sessionOne},
		{request: "GET /s/" + sessionOne + "/port/host1/80/x", session: sessionOne},
		{request: "POST /podhop/api/sessions/" + sessionOne + "/apply", session: sessionOne},
		{request: "GET /podhop/k8s/" + sessionOne + "/api/v1/pods", session: sessionOne},
		{request: "GET /podhop/s/" + key, session: sessionOne},
		{request: "GET /podhop/k8s/" + key + "/version", session: sessionOne},
		{request: "GET /api/v1/pods", serverName: sessionOne + "." + sessionDomain, session: sessionOne},
		{request: "GET /api/v1/pods", host: sessionOne + ".podhop.example:8443", session: sessionOne},
		{request: "GET /x", host: "80-host1-" + sessionOne + ".podhop.example", session: sessionOne},
		{request: "GET /podhop/s/short"},
		{request: "GET /podhop/s/view-abcdefghijklmnopqrstuvwx01"},
		{request: "GET /podhop/lessons/one"},
		{request: "GET /", host: "podhop.example"},
		{request: "POST /podhop/api/sessions", opens: true},
		{request: "POST /podhop/playground", opens: true},
		{request: "POST /podhop/lessons/services", opens: true},
		{request: "GET /podhop/playground"},
		{request: "POST /podhop/api/sessions/" + sessionOne + "/start-over", session: sessionOne},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		r := httptest.NewRequest(method, path, nil)
		if c.host != "" {
			r.Host = c.host
		}
		if c.serverName != "" {
			r.TLS = &tls.ConnectionState{ServerName: c.serverName}
		}
		id, about := s.SessionOf(r)
		if about != (c.session != "") || about && id != c.session || s.Opens(r) != c.opens {
			t.Errorf("%s %s%s: %q %v, opens %v; want %q, %v", c.request, c.host, c.serverName, id, about, s.Opens(r), c.session, c.opens)
		}
	}
}

// TestAway tells programs and people in their own ways to ask again.
func TestAway(t *testing.T) {
	s := newServer(t, &fakeEngine{}, nil)
	for _, c := range []struct{ path, accept, want string }{
		{"/k8s/" + sessionOne + "/api", "", `"kind":"Status"`},
		{"/api/sessions/" + sessionOne, "", "urn:podhop:problem:away"},
		{"/s/" + sessionOne, "text/html", "One moment | "},
	} {
		r, w := httptest.NewRequest("GET", c.path, nil), httptest.NewRecorder()
		r.Header.Set("Accept", c.accept)
		s.Away(w, r, errors.New("a host is gone"))
		body, _ := io.ReadAll(w.Body)
		if w.Code != 503 || w.Header().Get("Retry-After") != "1" || !strings.Contains(string(body), c.want) || strings.Contains(string(body), "gone") {
			t.Errorf("%s: %d %v %s; want %s", c.path, w.Code, w.Header(), body, c.want)
		}
	}
}

// TestAuthority has servers of different folders show the same authority.
func TestAuthority(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	text, err := Authority(one)
	if err != nil {
		t.Fatal(err)
	}
	if err := SetAuthority(two, text); err != nil {
		t.Fatal(err)
	}
	a, err := LoadCertificates(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadCertificates(two)
	if err != nil {
		t.Fatal(err)
	}
	if string(a.CA()) != string(b.CA()) {
		t.Error("they differ")
	}
	if SetAuthority(two, "made up") == nil {
		t.Error("anything is an authority")
	}
}
