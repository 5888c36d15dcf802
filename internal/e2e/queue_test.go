package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// forking is a program that starts others without end, and goes on where it may not.
const forking = `
apiVersion: v1
kind: Pod
metadata: {name: bomb}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: c, image: busybox, command: [awk, "BEGIN { while (1) system(\"sleep 1000 &\") }"]}
`

// TestQueue is a server that has room for one: who comes second waits until the first has
// gone. Whoever runs it sees that, what breaks rules, and parks and ends sessions.
func TestQueue(t *testing.T) {
	s := start(t, t.TempDir(), "--nodes", "1", "--max-sessions", "1")
	first := s.open()
	first.apply(forking)

	ticket := s.queued("/api/sessions", 1, 1)
	page := s.queuedPage()
	defer s.stay(ticket, page)()
	until(t, patience, "where they are", func() string {
		var at [2]model.Queued
		for i, key := range []string{ticket, page} {
			if code := s.call("GET", "/api/queue/"+key, nil, &at[i]); code != http.StatusOK || at[i].Place != i+1 || at[i].Of != 2 || at[i].Turn {
				return fmt.Sprintf("%d %+v", code, at[i])
			}
		}
		return ""
	})
	if text := s.fetch("/queue/" + page); !strings.Contains(text, "You are 2nd of 2") || !strings.Contains(text, `http-equiv="refresh"`) {
		t.Errorf("the page to wait on says\n%s", text)
	}
	s.admin("the queue", []string{"queue"}, ticket[:8], page[:8])
	t.Run("a fork bomb is stopped and told of", func(t *testing.T) {
		if strings.Contains(s.log.String(), "NO CGROUPS") {
			t.Skip("there are no cgroups here, and the server says so")
		}
		first.run(t, "in the session", func(t *testing.T, x *session) { x.in("default").event("Pod", "RuleBroken", "start more processes") })
		s.admin("what broke rules", []string{"events"}, first.ID[:8], "default/bomb", "forks")
	})

	// The first leaves; the ticket's turn comes, and it opens what was asked for.
	if code := s.call("DELETE", first.path(""), nil, nil); code != http.StatusNoContent {
		t.Fatalf("closing the first session: %d", code)
	}
	var opened model.Session
	until(t, patience, "the ticket's turn", func() string {
		var at model.Queued
		if code := s.call("GET", "/api/queue/"+ticket, nil, &at); code != http.StatusOK || !at.Turn {
			return fmt.Sprintf("%d %+v", code, at)
		}
		return ""
	})
	if code := s.call("POST", "/api/sessions?ticket="+ticket, model.SessionOptions{}, &opened); code != http.StatusCreated {
		t.Fatalf("with the ticket: %d", code)
	}
	s.says(404, "GET", "/api/queue/"+ticket, nil, nil)
	until(t, patience, "the second is first", func() string {
		var at model.Queued
		if code := s.call("GET", "/api/queue/"+page, nil, &at); code != http.StatusOK || at.Place != 1 || at.Of != 1 || at.Turn {
			return fmt.Sprintf("%d %+v", code, at)
		}
		return ""
	})
	s.says(204, "DELETE", "/api/queue/"+page, nil, nil)
	s.operates(s.access(opened))
}

// operates parks a session, which goes on where somebody asks for it, and ends it.
func (s *server) operates(x *session) {
	t := s.t
	t.Helper()
	x.kubectl("create", "configmap", "kept", "--from-literal=of=the-session")
	short := x.ID[:8]
	s.admin("the session", []string{"sessions"}, short, "open")
	s.admin("what the machine has", []string{"top"}, "room for 0 more, bound by places", short)
	for why, args := range map[string][]string{
		"the operator's token is wanted": {"admin", "sessions", "--server", s.URL, "--data", t.TempDir()},
		"for whoever runs this server":   {"admin", "end", short, "--server", s.URL, "--operator-token", "guessed"},
	} {
		if out, err := s.podhop(args...); err == nil || !strings.Contains(out, why) {
			t.Errorf("podhop %v: %v\n%s", args, err, out)
		}
	}
	s.says(403, "GET", "/api/operator", nil, nil)

	s.admin("parking it", []string{"park", short}, "session "+short+" parked")
	s.admin("that it is parked", []string{"sessions"}, short, "parked")
	until(t, patience, "kubectl goes on with it", func() string {
		out, err := x.tryKubectl("", "get", "configmap", "kept", "-o", "jsonpath={.data.of}")
		if err != nil || out != "the-session" {
			return fmt.Sprint(out, err)
		}
		return ""
	})
	s.admin("that it is open again", []string{"sessions"}, short, "open")
	s.admin("ending it", []string{"end", short}, "session "+short+" ended")
	until(t, patience, "it is gone", func() string {
		var raw json.RawMessage
		if code := s.call("GET", x.path(""), nil, &raw); code != http.StatusNotFound && code != http.StatusGone {
			return fmt.Sprintf("%d %s", code, raw)
		}
		out, err := s.podhop("admin", "sessions", "--server", s.URL, "--data", s.Data)
		if err != nil || strings.Contains(out, short) {
			return fmt.Sprint(out, err)
		}
		return ""
	})
}

// access is a session that is open already.
func (s *server) access(opened model.Session) *session {
	x := &session{server: s, ID: opened.ID, kubeconfig: s.t.TempDir() + "/kubeconfig"}
	x.writeKubeconfig()
	return x
}

// queued asks for a session where there is no room.
func (s *server) queued(path string, place, of int) (ticket string) {
	s.t.Helper()
	answer := must(http.Post(s.URL+path, "application/json", strings.NewReader("{}")))
	defer answer.Body.Close()
	text := must(io.ReadAll(answer.Body))
	var said struct{ Queued model.Queued }
	if err := json.Unmarshal(text, &said); err != nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" ||
		said.Queued.Place != place || said.Queued.Of != of || said.Queued.Turn || said.Queued.Ticket == "" {
		s.t.Fatalf("a session more: %s %v\n%s", answer.Status, answer.Header, text)
	}
	return said.Queued.Ticket
}

// queuedPage posts the form, as a browser does, and answers where that leads.
func (s *server) queuedPage() (ticket string) {
	s.t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer := must(browser.PostForm(s.URL+"/playground", url.Values{"nodes": {"1"}}))
	defer answer.Body.Close()
	ticket, led := strings.CutPrefix(answer.Header.Get("Location"), "/queue/")
	if answer.StatusCode != http.StatusSeeOther || !led {
		s.t.Fatalf("the form: %s %v\n%s", answer.Status, answer.Header, must(io.ReadAll(answer.Body)))
	}
	return ticket
}

// stay has tickets asked for, however slowly the test goes on, until it is told to leave.
func (s *server) stay(tickets ...string) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			for _, key := range tickets {
				if answer, err := http.Get(s.URL + "/api/queue/" + key); err == nil {
					answer.Body.Close()
				}
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (s *server) podhop(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return output(ctx, "", podhop, args...)
}

// admin runs podhop admin with the token in the server's folder until it says all of this.
func (s *server) admin(what string, args []string, wants ...string) {
	s.t.Helper()
	args = slices.Concat([]string{"admin"}, args, []string{"--server", s.URL, "--data", s.Data})
	until(s.t, patience, what, func() string {
		out, err := s.podhop(args...)
		if err != nil {
			return fmt.Sprintf("%v\n%s", err, out)
		}
		for _, want := range wants {
			if !strings.Contains(out, want) {
				return fmt.Sprintf("no %q in\n%s", want, out)
			}
		}
		return ""
	})
}
