package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/feed"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/stream"
)

func TestFind(t *testing.T) {
	const local = "http://localhost:8080"
	for _, c := range []struct{ session, server, want string }{
		{"abc_-1", local, "http://localhost:8080/api/sessions/abc_-1"},
		{"abc", "https://podhop.example.com/lab/", "https://podhop.example.com/lab/api/sessions/abc"},
		{"http://10.0.0.1:9000/s/abc", local, "http://10.0.0.1:9000/api/sessions/abc"},
		{"http://10.0.0.1:9000/s/abc/?x=y#map", local, "http://10.0.0.1:9000/api/sessions/abc"},
		{"https://podhop.example.com/lab/s/abc", local, "https://podhop.example.com/lab/api/sessions/abc"},
		{"http://localhost/api/sessions/abc/journeys", local, "http://localhost/api/sessions/abc"},
		{"http://localhost/", local, "must be the address of a session's page"},
		{"http://localhost/s/", local, "must be the address of a session's page"},
		{"/s/abc", local, "must be the address of a session's page"},
		{"a b", local, "must be the address of a session's page"},
		{"ftp://localhost/s/abc", local, "is not the address of a server"},
		{"abc", "localhost:8080", "is not the address of a server"},
		{"abc", "", "is not the address of a server"},
	} {
		s, err := Find(c.session, c.server)
		got := fmt.Sprint(err)
		if err == nil {
			got = s.base.String()
			if at, _, _ := strings.Cut(got, "/api/"); s.Server() != at {
				t.Errorf("%s at %s: the server is %s, want %s", c.session, c.server, s.Server(), at)
			}
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s at %s: %s, want %s", c.session, c.server, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/sessions/gone":
			problem.Write(w, problem.Problem{Type: "urn:podhop:problem:no-session", Title: "No such session", Status: 404, Detail: "It was closed."})
		case "/api/sessions/one/journeys":
			problem.Write(w, problem.Problem{Title: "Invalid request", Status: 422, Detail: "Verdict must be another."})
		default:
			http.Error(w, "what?", http.StatusTeapot)
		}
	}))
	defer server.Close()
	find := func(id string) *Session {
		s, err := Find(id, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, err := find("gone").Info(t.Context()); !errors.Is(err, model.ErrNotFound) || err.Error() != server.URL+" has no session gone: it was closed" {
		t.Error(err)
	}
	if _, err := find("one").Journeys(t.Context(), model.JourneyFilter{}); err == nil || err.Error() != "Verdict must be another" {
		t.Error(err)
	}
	if _, err := find("one").Packets(t.Context(), model.JourneyFilter{}, "", "", false); err == nil || !strings.Contains(err.Error(), "answered 418 I'm a teapot: is it a Podhop server?") {
		t.Error(err)
	}
	server.Close()
	if _, err := find("one").Info(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be reached: dial tcp") {
		t.Error(err)
	}
}

// The filter is what is asked for, each field by its name.
func TestFilterIsSent(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+"?"+r.URL.RawQuery)
		fmt.Fprint(w, "[]")
	}))
	defer server.Close()
	s, err := Find("one", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := model.JourneyFilter{Journey: "1", Conversation: "2", From: "3", To: "4", Pod: "5", Service: "6", Policy: "7", Node: "n", Verdict: "8", Protocol: "9", Since: "0"}
	if _, err := s.Journeys(t.Context(), f); err != nil {
		t.Error(err)
	}
	if body, err := s.Packets(t.Context(), model.JourneyFilter{From: "a/b"}, "node/node-1", "eth0", true); err != nil {
		t.Error(err)
	} else {
		body.Close()
	}
	want := []string{"/api/sessions/one/journeys?conversation=2&from=3&journey=1&node=n&pod=5&policy=7&protocol=9&service=6&since=0&to=4&verdict=8",
		"/api/sessions/one/packets?device=eth0&follow=true&from=a%2Fb&vertex=node%2Fnode-1"}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
}

// Whoever follows is told each journey once, though the line breaks, and what was lost.
func TestFollow(t *testing.T) {
	f := feed.New(feed.Config{}, model.Session{ID: "one"})
	streams := stream.New(stream.Config{})
	base, stop := context.WithCancel(t.Context())
	defer stop()
	var dialled atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if dialled.Add(1) == 2 {
			http.Error(w, "not now", http.StatusBadGateway)
			return
		}
		after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
		streams.Serve(w, r, f.Subscribe(after))
	}))
	server.Config.BaseContext = func(net.Listener) context.Context { return base }
	lines := make(chan net.Conn, 16)
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			lines <- c
		}
	}
	server.Start()
	defer server.Close()
	s, err := Find("one", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 100)
	done := make(chan error, 1)
	go func() {
		done <- s.Follow(t.Context(), func(m model.Message) error {
			switch {
			case m.Journey != nil:
				told <- m.Journey.ID
			case m.Lost != nil:
				told <- "lost " + m.Lost.Reason
			default:
				told <- m.Type
			}
			return nil
		}, func(error, time.Duration) { told <- "waiting" })
	}()
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			select {
			case got := <-told:
				if got != w {
					t.Fatalf("told %s, want %s", got, w)
				}
			case <-time.After(time.Minute):
				t.Fatalf("never told %s", w)
			}
		}
	}
	expect("snapshot")
	f.Journey(&model.Journey{ID: "j1"})
	f.Lost(3, "too many")
	expect("j1", "lost too many")
	(<-lines).Close()
	f.Journey(&model.Journey{ID: "j2"})
	expect("waiting", "waiting", "j2")
	f.Close()
	if err := <-done; !errors.Is(err, ErrGone) {
		t.Error(err)
	}
}

func TestFollowEnds(t *testing.T) {
	f := feed.New(feed.Config{}, model.Session{ID: "one"})
	streams := stream.New(stream.Config{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "/one/") {
			http.NotFound(w, r)
			return
		}
		streams.Serve(w, r, f.Subscribe(0))
	}))
	defer server.Close()
	defer f.Close()
	follow := func(ctx context.Context, id string, take func(model.Message) error) error {
		s, err := Find(id, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		return s.Follow(ctx, take, func(err error, _ time.Duration) { t.Errorf("waits: %v", err) })
	}
	enough := errors.New("enough")
	if err := follow(t.Context(), "one", func(model.Message) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("take's error: %v", err)
	}
	if err := follow(t.Context(), "two", func(model.Message) error { return nil }); !errors.Is(err, ErrGone) {
		t.Errorf("no such session: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := follow(ctx, "one", func(model.Message) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	for deadline := time.Now().Add(time.Minute); f.Viewers() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still a viewer")
		}
	}
}
