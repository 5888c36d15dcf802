package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/capacity"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/gate"
	"github.com/podhop/podhop/server/limit"
	"github.com/podhop/podhop/server/people"
)

// fakeOperator has room for so many.
type fakeOperator struct {
	mu     sync.Mutex
	engine *fakeEngine
	room   int
	did    []string
}

func (o *fakeOperator) Overview() []model.OperatorSession {
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	all := []model.OperatorSession{}
	for id := range o.engine.sessions {
		all = append(all, model.OperatorSession{ID: id, Session: audit.Short(id), State: "open", Nodes: 2, Memory: 1 << 20})
	}
	return all
}

func (o *fakeOperator) Capacity() capacity.Plan {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := capacity.Make(capacity.Measured{Sessions: 3 - o.room, Most: 3})
	return p
}

func (o *fakeOperator) set(room int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.room = room
}

func (o *fakeOperator) Ends() []time.Time { return []time.Time{time.Now().Add(time.Hour)} }

func (o *fakeOperator) Breaches() []model.Breach {
	return []model.Breach{{Time: "2026-01-01T00:00:00Z", Session: "abcdefgh", Pod: "default/bomb", Rule: "forks", Text: "It forked."}}
}

func (o *fakeOperator) do(what, id string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.did = append(o.did, what+" "+id)
	return nil
}

func (o *fakeOperator) Park(_ context.Context, id string) error { return o.do("park", id) }
func (o *fakeOperator) End(_ context.Context, id string) error  { return o.do("end", id) }

func operated(t *testing.T, room int, ids ...string) (*Server, *fakeOperator, *bytes.Buffer) {
	t.Helper()
	engine, log := newEngine(ids...), new(bytes.Buffer)
	o := &fakeOperator{engine: engine, room: room}
	who, err := people.New(people.Config{OperatorToken: operatorToken, Secret: []byte(strings.Repeat("s", 32))})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, engine, func(c *Config) { c.Operator, c.People, c.Audit = o, who, audit.New(log) })
	return s, o, log
}

func TestOperator(t *testing.T) {
	const id = "abcdefghijklmnopqrstuvwxyz"
	s, o, log := operated(t, 1, id, "abcdzzzzzzzzzzzzzzzzzzzzzz")
	for _, route := range []string{"GET /api/operator", "POST /api/operator/sessions/abcdefgh/end", "POST /api/operator/sessions/abcdefgh/park", "GET /operator"} {
		for _, header := range []string{"X: y", "Authorization: Bearer guessed"} {
			if res := ask(s.Handler(), route, "", header, "Accept: application/json"); res.StatusCode != http.StatusForbidden && res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusSeeOther {
				t.Errorf("%s of nobody in particular: %s", route, res.Status)
			}
		}
	}
	if len(o.did) > 0 {
		t.Fatalf("did %q for nobody", o.did)
	}
	bearer := "Authorization: Bearer " + operatorToken
	var got model.Operator
	res := ask(s.Handler(), "GET /api/operator", "", bearer)
	text := textOf(res)
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Sessions) != 2 || got.Capacity.Room != 1 || got.Capacity.Binds != "places" || len(got.Breaches) != 1 || len(got.Queue) != 0 {
		t.Errorf("%s: %+v, %v", res.Status, got, err)
	}
	if strings.Contains(text, id) {
		t.Error("it has a session's whole ID, which is a key to that")
	}
	if i := slices.IndexFunc(got.Capacity.Parts, func(p model.OperatorPart) bool { return p.Name == "cpu" }); i < 0 || got.Capacity.Parts[i].Room != -1 {
		t.Errorf("parts %+v", got.Capacity.Parts)
	}
	for _, tt := range []struct {
		route string
		code  int
	}{
		{"POST /api/operator/sessions/abcdef/park", 204},
		{"POST /api/operator/sessions/abcdefgh/end", 204},
		{"POST /api/operator/sessions/abcd/end", 409}, // two begin so
		{"POST /api/operator/sessions/abc/end", 422},
		{"POST /api/operator/sessions/zzzz/end", 404},
	} {
		if res := ask(s.Handler(), tt.route, "", bearer); res.StatusCode != tt.code {
			t.Errorf("%s: %s %s", tt.route, res.Status, textOf(res))
		}
	}
	if want := []string{"park " + id, "end " + id}; !slices.Equal(o.did, want) {
		t.Errorf("did %q, not %q", o.did, want)
	}
	if events := log.String(); !strings.Contains(events, `"operator.park"`) || !strings.Contains(events, `"operator.end"`) || strings.Contains(events, id) {
		t.Errorf("written down: %s", events)
	}
	s.Breach(model.Breach{Session: "abcdefgh", Rule: "forks", Text: "It forked.", Ended: true})
	if events := log.String(); !strings.Contains(events, `"container.stop"`) || !strings.Contains(events, `"session.end"`) {
		t.Errorf("written down: %s", events)
	}
	if text := textOf(ask(s.Handler(), "GET /metrics", "", bearer)); !strings.Contains(text, `podhop_rule_breaches_total{rule="forks"} 1`) {
		t.Errorf("no metric of breaches")
	}
}

// TestQueue has programs and browsers wait for a place, and go on when it is their turn.
func TestQueue(t *testing.T) {
	s, o, _ := operated(t, 1)
	if res := ask(s.Handler(), "POST /api/sessions", "{}"); res.StatusCode != http.StatusCreated {
		t.Fatalf("there is room: %s", res.Status)
	}
	o.set(0)
	var full struct {
		Type   string
		Queued model.Queued
	}
	res := ask(s.Handler(), "POST /api/sessions", "{}")
	if err := json.Unmarshal([]byte(textOf(res)), &full); err != nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || full.Type != typeFull || full.Queued.Ticket == "" || full.Queued.Place != 1 {
		t.Fatalf("%s: %+v, %v", res.Status, full, err)
	}
	if full.Queued.Wait < 3000 || full.Queued.Wait > 3600 {
		t.Errorf("a session ends in an hour, and they wait for %d s", full.Queued.Wait)
	}
	res = ask(s.Handler(), "POST /playground?embed=true", "nodes=2&cni=bridge", "Content-Type: application/x-www-form-urlencoded")
	page := res.Header.Get("Location")
	if res.StatusCode != 303 || !strings.HasPrefix(page, "/queue/") || !strings.HasSuffix(page, "?embed=true") {
		t.Fatalf("a browser: %s %s", res.Status, page)
	}
	second := strings.TrimSuffix(strings.TrimPrefix(page, "/queue/"), "?embed=true")
	res = ask(s.Handler(), "GET "+page, "")
	if got, want := textOf(res), "page: wait 2 of 2 false | /playground?embed=true&ticket="+second+" map[cni:bridge nodes:2]"; got != want {
		t.Errorf("the page says %q, not %q", got, want)
	}
	o.set(1)
	if res := ask(s.Handler(), "POST /playground?ticket="+second, "nodes=2", "Content-Type: application/x-www-form-urlencoded"); res.Header.Get("Location") != "/queue/"+second {
		t.Errorf("not their turn: %s %s", res.Status, res.Header.Get("Location"))
	}
	var at model.Queued
	res = ask(s.Handler(), "GET /api/queue/"+full.Queued.Ticket, "")
	if err := json.Unmarshal([]byte(textOf(res)), &at); err != nil || !at.Turn || at.Until == "" {
		t.Errorf("the first: %s %+v", res.Status, at)
	}
	if res := ask(s.Handler(), "POST /api/sessions?ticket="+full.Queued.Ticket, "{}"); res.StatusCode != http.StatusCreated {
		t.Errorf("their turn: %s", res.Status)
	}
	if res := ask(s.Handler(), "GET /api/queue/"+full.Queued.Ticket, ""); res.StatusCode != 404 {
		t.Errorf("a used ticket: %s", res.Status)
	}
	res = ask(s.Handler(), "GET "+page, "")
	if got := textOf(res); !strings.Contains(got, "wait 1 of 1 true") {
		t.Errorf("their turn: %q", got)
	}
	if res := ask(s.Handler(), "POST /playground?ticket="+second, "nodes=2", "Content-Type: application/x-www-form-urlencoded"); !strings.HasPrefix(res.Header.Get("Location"), "/s/") {
		t.Errorf("a browser whose turn it is: %s %s", res.Status, res.Header.Get("Location"))
	}
	if res := ask(s.Handler(), "GET "+page, ""); res.StatusCode != 404 {
		t.Errorf("the page of a used ticket: %s", res.Status)
	}
	o.set(0)
	if res := ask(s.Handler(), "POST /api/sessions", "{}", "Authorization: Bearer "+operatorToken); res.StatusCode != http.StatusCreated {
		t.Errorf("who runs the server does not wait: %s", res.Status)
	}
	o.engine.mu.Lock()
	o.engine.openErr = model.ErrFull
	o.engine.mu.Unlock()
	o.set(3)
	if res := ask(s.Handler(), "POST /api/sessions", "{}"); res.StatusCode != 503 || !strings.Contains(textOf(res), `"ticket"`) {
		t.Errorf("somebody else was quicker: %s", res.Status)
	}
	res = ask(s.Handler(), "POST /api/sessions", "{}")
	if err := json.Unmarshal([]byte(textOf(res)), &full); err != nil {
		t.Fatal(err)
	}
	if res := ask(s.Handler(), "DELETE /api/queue/"+full.Queued.Ticket, ""); res.StatusCode != 204 {
		t.Errorf("waiting no more: %s", res.Status)
	}
}

// TestMemberMakesRoom has a member's session give its place to the one for another lesson; if
// others are before them, they wait as they are, once.
func TestMemberMakesRoom(t *testing.T) {
	o := &fakeOperator{room: 3}
	s := newSchool(t, func(c *Config) { c.Operator = o })
	o.set(0)
	var full struct{ Queued model.Queued }
	s.do("POST /api/members/"+s.ann.Key+"/sessions", "{}", 503, &full)
	if q := full.Queued; q.Ticket == "" || q.Place != 1 || q.Of != 1 {
		t.Errorf("they are at %+v", q)
	}
	s.do("GET /api/sessions/"+s.one, "", 404, nil)
	s.do("GET /api/sessions/"+s.two, "", 200, nil)
	o.set(1)
	var opened model.Session
	s.do("POST /api/members/"+s.ann.Key+"/sessions?ticket="+full.Queued.Ticket, "{}", 201, &opened)
	if opened.ID == "" || opened.ID == s.one {
		t.Errorf("opened %+v", opened)
	}
}

// A ticket whose turn it is stands for one session of somebody who was admitted when they got it, whatever
// others behind their address have opened meanwhile, and for nothing else that is admitted.
func TestTicketsOpenSessionsAlone(t *testing.T) {
	const token = "the-token-of-the-site"
	s, o, _ := operated(t, 0)
	var err error
	if s.cfg.Gate, err = gate.New(gate.Config{Kind: gate.Token, Tokens: []string{token}}); err != nil {
		t.Fatal(err)
	}
	s.limits = newLimits(Limits{Open: limit.Rate{PerSecond: 0.001, Burst: 2}})
	var full struct{ Queued model.Queued }
	if err := json.Unmarshal([]byte(textOf(ask(s.Handler(), "POST /api/sessions", "{}", accessHeader+": "+token))), &full); err != nil || full.Queued.Ticket == "" {
		t.Fatalf("got %+v, %v", full, err)
	}
	o.set(1)
	ticket := "?ticket=" + full.Queued.Ticket
	if r := ask(s.Handler(), "POST /api/classes"+ticket, `{"title":"Networking"}`); r.StatusCode != http.StatusForbidden {
		t.Errorf("a class by a ticket: %d", r.StatusCode)
	}
	if r := ask(s.Handler(), "POST /api/classes", `{"title":"Networking"}`, accessHeader+": "+token); r.StatusCode != http.StatusCreated {
		t.Errorf("the last that the address may open: %d", r.StatusCode)
	}
	if r := ask(s.Handler(), "POST /api/sessions"+ticket, "{}"); r.StatusCode != http.StatusCreated {
		t.Errorf("a session by a ticket: %d %s", r.StatusCode, textOf(r))
	}
	if r := ask(s.Handler(), "POST /api/sessions"+ticket, "{}"); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("another by the same: %d", r.StatusCode)
	}
}

// Whatever opens sessions takes tickets.
func TestWhatTakesTickets(t *testing.T) {
	for path, want := range map[string]bool{
		"/playground": true, "/lessons/dns": true, "/api/sessions": true, "/api/sessions/one/fork": true, "/api/members/member-a/sessions": true,
		"/api/classes": false, "/api/join": false, "/api/recordings": false, "/api/sessions/one/apply": false, "/sign-in": false,
	} {
		if got := claims.MatchString(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
