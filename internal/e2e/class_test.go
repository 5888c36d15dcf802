package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/stream"
)

// A wall is what an instructor's page knows of a class.
type wall struct {
	mu      sync.Mutex
	members map[string]model.Member // by name
	events  []model.ClassEvent
}

// watch keeps a wall up to date until the test ends.
func (s *server) watch(class model.Class) *wall {
	w := &wall{members: map[string]model.Member{}}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = stream.ReadText(ctx, s.URL+"/api/classes/"+class.Key+"/stream", func(text []byte) error {
			var m model.ClassMessage
			if err := json.Unmarshal(text, &m); err != nil {
				return err
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, one := range m.Members {
				w.members[one.Name] = one
			}
			if m.Member != nil {
				w.members[m.Member.Name] = *m.Member
			}
			if m.Event != nil {
				w.events = append(w.events, *m.Event)
			}
			return nil
		})
	}()
	s.t.Cleanup(func() {
		stop()
		<-done
	})
	return w
}

// shows waits until a member is so.
func (w *wall) shows(t *testing.T, name, what string, is func(model.Member) bool) (m model.Member) {
	t.Helper()
	until(t, patience, name+": "+what, func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if m = w.members[name]; is(m) {
			return ""
		}
		return fmt.Sprintf("%+v; events %+v", m, w.events)
	})
	return m
}

// says makes a call that must be answered so.
func (s *server) says(want int, method, path string, body, out any) {
	s.t.Helper()
	var raw json.RawMessage
	var into any
	if out != nil || want >= 400 {
		into = &raw
	}
	if got := s.call(method, path, body, into); got != want {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, got, raw, want)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
}

// TestClass is an instructor with two learners, from making a class to its results.
func TestClass(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	var class model.Class
	s.says(201, "POST", "/api/classes", model.NewClass{Title: "Pods", Instructor: "Tom", Lessons: []string{"your-first-pod"}}, &class)
	wall := s.watch(class)
	join := func(name string) (model.Joined, *session) {
		var joined model.Joined
		s.says(201, "POST", "/api/join", model.NewMember{Code: class.Code, Name: name}, &joined)
		var opened model.Session
		s.says(201, "POST", "/api/members/"+joined.Key+"/sessions", model.MemberSession{Lesson: "your-first-pod"}, &opened)
		x := &session{server: s, ID: opened.ID, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
		x.writeKubeconfig()
		return joined, x
	}
	ann, hers := join("Ann")
	bo, his := join("Bo")
	of := func(m model.Joined, rest string) string {
		return "/api/classes/" + class.Key + "/members/" + m.ID + rest
	}

	// A check that fails, and what it saw; then the same that passes.
	check := func() (results []model.CheckResult) {
		s.says(200, "POST", hers.path("/checks"), model.CheckRequest{Lesson: "your-first-pod", Step: 1}, &results)
		return results
	}
	check()
	failing := wall.shows(t, "Ann", "a failing check", func(m model.Member) bool { return len(m.Failing) == 1 })
	if f := failing.Failing[0]; f.Title != "my-pod runs, and has an address" || f.Saw == "" || failing.Passed != 0 || failing.Step != 1 {
		t.Errorf("got %+v", failing)
	}
	var applied []model.ApplyResult
	s.says(200, "POST", hers.path("/apply"), "kind: Nothing", &applied)
	wall.shows(t, "Ann", "an error", func(m model.Member) bool { return m.Errors == 1 && m.LastError != "" })
	s.says(200, "POST", hers.path("/apply"), "{apiVersion: v1, kind: Pod, metadata: {name: my-pod}, spec: {containers: [{name: my-container, image: nginx}]}}", &applied)
	until(t, patience, "the step", func() string {
		if results := check(); len(results) != 1 || !results[0].Passed {
			return fmt.Sprintf("%+v", results)
		}
		return ""
	})
	if out, err := hers.tryKubectl("", "get", "pod", "nothere"); err == nil {
		t.Errorf("kubectl: %s", out)
	}
	wall.shows(t, "Ann", "an error of kubectl's", func(m model.Member) bool {
		return m.Errors == 2 && strings.Contains(m.LastError, `pods "nothere" not found`)
	})
	wall.shows(t, "Ann", "a step that is passed", func(m model.Member) bool { return m.Passed == 1 && m.Done["your-first-pod"] == 1 })

	// A fault for all, which is what the learners' own pages would have set.
	var pushed []model.PushResult
	s.says(200, "POST", "/api/classes/"+class.Key+"/push", model.Push{Kind: "fault", Fault: "dns", Settings: &model.FaultSettings{Loss: 100}}, &pushed)
	if len(pushed) != 2 || !pushed[0].Done || !pushed[1].Done {
		t.Errorf("a fault: %+v", pushed)
	}
	for _, x := range []*session{hers, his} {
		var faults []model.Fault
		if s.says(200, "GET", x.path("/faults"), nil, &faults); len(faults) != 1 || faults[0].ID != "dns" || faults[0].Settings.Loss != 100 {
			t.Errorf("got %+v", faults)
		}
	}

	// To look, and with consent to type what she sees in the same terminal.
	var look model.ClassView
	s.says(200, "POST", of(ann, "/look"), nil, &look)
	s.says(403, "POST", "/api/sessions/"+look.View+"/apply", "kind: Pod", nil)
	s.says(200, "POST", of(ann, "/control"), nil, nil)
	s.says(409, "POST", "/api/members/"+bo.Key+"/consent", model.Consent{Yes: true}, nil)
	s.says(204, "POST", "/api/members/"+ann.Key+"/consent", model.Consent{Yes: true}, nil)
	given := wall.shows(t, "Ann", "control", func(m model.Member) bool { return m.Control == "given" })
	terminal := hers.terminal("client")
	terminal.ready("$ ")
	instructors := (&session{server: s, ID: given.View}).attach(terminal.id)
	instructors.types("echo from-the-in''structor\n")
	terminal.shows("from-the-instructor")
	s.says(204, "DELETE", "/api/members/"+ann.Key+"/control", nil, nil)
	s.says(404, "GET", "/api/sessions/"+given.View, nil, nil)

	// Frozen: neither pages nor kubectl change anything, but what is pushed does, and it stays so in the
	// next server.
	yes, no, why := true, false, "Look at the wall."
	s.says(200, "PATCH", "/api/classes/"+class.Key, model.ClassChange{Frozen: &yes, FreezeText: &why}, nil)
	refused := func(s *server, x *session) {
		t.Helper()
		s.says(423, "POST", x.path("/apply"), "kind: Pod", nil)
		if out, err := x.tryKubectl("", "create", "namespace", "mine"); err == nil || !strings.Contains(out, "Tom has frozen the screens of the class. Look at the wall.") {
			t.Errorf("kubectl: %v %s", err, out)
		}
		x.kubectl("get", "nodes")
	}
	refused(s, hers)
	s.says(200, "POST", "/api/classes/"+class.Key+"/push", model.Push{To: []string{bo.ID}, Kind: "manifest", Apply: true, Manifest: "{apiVersion: v1, kind: Namespace, metadata: {name: given}}"}, &pushed)
	if len(pushed) != 1 || !pushed[0].Done {
		t.Errorf("a manifest: %+v", pushed)
	}
	his.kubectl("get", "namespace", "given")
	s.stop(syscall.SIGTERM)
	s = start(t, data)
	wall = s.watch(class)
	hers, his = hers.at(s), his.at(s)
	wall.shows(t, "Ann", "what was known of her", func(m model.Member) bool { return m.Passed == 1 && m.Errors == 2 })
	refused(s, hers)
	s.says(200, "PATCH", "/api/classes/"+class.Key, model.ClassChange{Frozen: &no}, nil)
	hers.kubectl("create", "namespace", "mine")

	// Who starts over stays who they are.
	s.says(200, "POST", "/api/classes/"+class.Key+"/push", model.Push{To: []string{ann.ID}, Kind: "start-over"}, &pushed)
	var me model.Membership
	if s.says(200, "GET", "/api/members/"+ann.Key, nil, &me); me.SessionID == "" || me.SessionID == hers.ID || !pushed[0].Done {
		t.Errorf("who began anew is %+v, of %+v", me, pushed)
	}

	// The end, of which the results remain.
	var closed model.Class
	if s.says(200, "DELETE", "/api/classes/"+class.Key, nil, &closed); closed.Closed == "" {
		t.Errorf("got %+v", closed)
	}
	for _, id := range []string{me.SessionID, his.ID} {
		until(t, patience, "the end of a session", func() string {
			if code := s.call("GET", "/api/sessions/"+id, nil, nil); code != 404 {
				return fmt.Sprint(code)
			}
			return ""
		})
	}
	var results model.ClassResults
	s.says(200, "GET", "/api/classes/"+class.Key+"/results.json", nil, &results)
	if len(results.Results) != 2 || results.Results[0].Name != "Ann" || results.Results[0].Passed != 1 || results.Results[0].Errors != 2 || results.Results[1].Passed != 0 {
		t.Errorf("got %+v", results)
	}
	s.says(409, "POST", "/api/members/"+ann.Key+"/sessions", model.MemberSession{}, nil)
}
