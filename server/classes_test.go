package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/limit"
	"github.com/podhop/podhop/server/people"
	"github.com/podhop/podhop/server/stream"
	"github.com/podhop/podhop/server/views"
)

// school is a server with a class, two members and a session of each.
type school struct {
	t        *testing.T
	server   *Server
	engine   *fakeEngine
	class    model.Class
	ann, bo  model.Joined
	one, two string // their sessions
}

func newSchool(t *testing.T, change func(*Config)) *school {
	t.Helper()
	s := &school{t: t, engine: newEngine()}
	s.server = teaching(t, s.engine, change)
	s.do("POST /api/classes", `{"title":"Networking","instructor":"Tom","lessons":["first"],"size":3}`, 201, &s.class)
	s.do("POST /api/join", fmt.Sprintf(`{"code":%q,"name":"Ann"}`, s.class.Code), 201, &s.ann)
	s.do("POST /api/join", fmt.Sprintf(`{"code":%q,"name":"Bo"}`, strings.ToLower(s.class.Code)), 201, &s.bo)
	s.one, s.two = s.open(s.ann), s.open(s.bo)
	return s
}

// teaching is a server that follows its store.
func teaching(t *testing.T, engine *fakeEngine, change func(*Config)) *Server {
	t.Helper()
	server := newServer(t, engine, change)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.classes.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return server
}

// do asks, and reads the answer if into is not nil.
func (s *school) do(request, body string, status int, into any, headers ...string) string {
	s.t.Helper()
	response := ask(s.server.Handler(), request, body, headers...)
	text := textOf(response)
	if response.StatusCode != status {
		s.t.Fatalf("%s %s: got %d %s, want %d", request, body, response.StatusCode, text, status)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			s.t.Fatalf("%s: %v in %s", request, err, text)
		}
	}
	return text
}

func (s *school) open(m model.Joined) string {
	s.t.Helper()
	var session model.Session
	s.do("POST /api/members/"+m.Key+"/sessions", `{"lesson":"first"}`, 201, &session)
	return session.ID
}

func (s *school) in(rest string) string { return "/api/classes/" + s.class.Key + rest }

// sees waits until the instructor's results of Ann are so: what is seen is written down soon, not at once.
func (s *school) sees(what string, is func(model.LessonResult) bool) {
	s.t.Helper()
	var results model.ClassResults
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.do("GET "+s.in("/results.json"), "", 200, &results)
		if is(results.Results[0]) {
			return
		}
	}
	s.t.Fatalf("%s was not seen: %+v", what, results)
}

func TestClass(t *testing.T) {
	s := newSchool(t, nil)
	if s.class.Size != 3 || !strings.HasPrefix(s.class.Key, "class-") || s.ann.Class.Key != "" {
		t.Errorf("got %+v and %+v", s.class, s.ann)
	}
	var info model.JoinInfo
	if s.do("GET /api/join/"+s.class.Code, "", 200, &info); info.Left != 1 || info.Instructor != "Tom" {
		t.Errorf("got %+v", info)
	}
	if again := s.open(s.ann); again != s.one {
		t.Errorf("who comes back has %s, not %s", again, s.one)
	}
	if got := s.engine.sessions[s.one].applied; !slices.Equal(got, []string{"kind: first"}) {
		t.Errorf("her session begins with %q", got)
	}
	m := model.Membership{}
	if s.do("GET /api/members/"+s.ann.Key, "", 200, &m); m.Session != "/s/"+s.one+"?lesson=first" || m.SessionID != s.one || m.Lesson != "first" || m.Step != 1 {
		t.Errorf("got %+v", m)
	}

	api := "/api/sessions/" + s.one
	s.do("POST "+api+"/progress", `{"lesson":"first","step":1,"solution":true}`, 204, nil)
	s.do("POST "+api+"/progress", `{"lesson":"first","step":2}`, 422, nil)
	s.engine.sessions[s.one].results = []model.ApplyResult{{Errors: []model.ApplyError{{Message: "no such kind"}}}}
	s.do("POST "+api+"/apply", "kind: Nothing", 200, nil)
	s.do("POST "+api+"/apply?dryRun=true", "kind: Nothing", 200, nil)
	s.do("POST "+api+"/checks", `{"lesson":"first","step":1}`, 200, nil)
	s.server.Refused(t.Context(), s.one, `pods "nothere" not found`)
	s.server.Refused(context.WithValue(t.Context(), viewKey{}, views.View{}), s.one, "what somebody asked who controls it")
	s.sees("what she did", func(r model.LessonResult) bool {
		return r.Errors == 2 && r.Hints == 1 && r.Attempts == 1 && r.Passed == 0
	})

	push := func(body string) []model.PushResult {
		t.Helper()
		var results []model.PushResult
		s.do("POST "+s.in("/push"), body, 200, &results)
		return results
	}
	if got := push(`{"kind":"fault","fault":"link.node.node-1","settings":{"loss":30}}`); len(got) != 2 || !got[0].Done || !got[1].Done || got[0].Text != "broken" {
		t.Errorf("a fault: %+v", got)
	}
	if got := push(`{"kind":"fault","fault":"link.node.node-1","settings":{"loss":130}}`); got[0].Done || !strings.Contains(got[0].Text, "loss must be less") {
		t.Errorf("a fault that cannot be: %+v", got)
	}
	if got := push(`{"kind":"fault","fault":"link.node.node-9"}`); got[0].Done || !strings.Contains(got[0].Text, "Nothing to break") {
		t.Errorf("a fault of nothing: %+v", got)
	}
	if got := push(fmt.Sprintf(`{"kind":"manifest","manifest":"kind: Pod","apply":true,"to":[%q]}`, s.ann.ID)); len(got) != 1 || got[0].Done || got[0].Results[0].Errors[0].Message != "no such kind" {
		t.Errorf("a manifest that is not taken: %+v", got)
	}
	s.sees("that they are the instructor's errors", func(r model.LessonResult) bool { return r.Errors == 2 })
	if got := push(fmt.Sprintf(`{"kind":"start-over","to":[%q]}`, s.ann.ID)); !got[0].Done {
		t.Errorf("start over: %+v", got)
	}
	m = model.Membership{}
	if s.do("GET /api/members/"+s.ann.Key, "", 200, &m); m.SessionID == s.one || s.engine.sessions[m.SessionID] == nil {
		t.Errorf("who began anew has %+v", m)
	}
	s.one = m.SessionID

	csv := s.do("GET "+s.in("/results.csv"), "", 200, nil)
	if rows := strings.Split(csv, "\n"); len(rows) != 3 || !strings.HasPrefix(rows[1], "Ann,"+s.ann.ID) || !strings.Contains(rows[1], ",first,First,1,0,") {
		t.Errorf("got %q", csv)
	}
	var closed model.Class
	if s.do("DELETE "+s.in(""), "", 200, &closed); closed.Closed == "" || closed.Open {
		t.Errorf("got %+v", closed)
	}
	for end := time.Now().Add(time.Minute); s.engine.count() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("sessions of a closed class go on")
		}
	}
	m = model.Membership{}
	if s.do("GET /api/members/"+s.ann.Key, "", 200, &m); m.Session != "" || m.Class.Closed == "" {
		t.Errorf("got %+v", m)
	}
	s.do("POST /api/members/"+s.ann.Key+"/sessions", `{"lesson":"first"}`, 409, nil)
	s.do("POST "+s.in("/push"), `{"kind":"message","text":"hi"}`, 409, nil)
	s.do("GET /api/join/"+s.class.Code, "", 404, nil)
	s.do("GET "+s.in("/results.json"), "", 200, nil)
}

func TestFreeze(t *testing.T) {
	s := newSchool(t, nil)
	free := s.engine
	free.mu.Lock()
	free.sessions["free"] = newSession(free, "free")
	free.mu.Unlock()
	var look model.ClassView
	s.do("POST "+s.in("/members/"+s.ann.ID+"/control"), "", 200, &look)
	s.do("POST /api/members/"+s.ann.Key+"/consent", `{"yes":true}`, 204, nil)
	view := s.viewOf(s.ann)
	s.do("PATCH "+s.in(""), `{"frozen":true,"freezeText":"Look at the wall."}`, 200, nil)
	for _, c := range []struct {
		request string
		status  int
		headers []string
	}{
		{"POST /api/sessions/" + s.one + "/apply", 423, nil},
		{"POST /api/sessions/" + s.one + "/apply?dryRun=true", 200, nil},
		{"POST /api/sessions/" + s.one + "/apply?dryRun=false", 423, nil},
		{"POST /api/sessions/" + view + "/apply", 423, nil},
		{"PUT /api/sessions/" + s.one + "/faults/link.node.node-1", 423, nil},
		{"POST /api/sessions/" + s.one + "/start-over", 423, nil},
		{"DELETE /api/sessions/" + s.one, 423, nil},
		{"POST /api/sessions/" + s.one + "/terminals", 423, nil},
		{"POST /api/sessions/" + s.one + "/extend", 200, nil},
		{"GET /api/sessions/" + s.one, 200, nil},
		{"GET /s/" + s.one, 200, nil},
		{"GET /k8s/" + s.one + "/api/v1/pods", 200, nil},
		{"POST /k8s/" + s.one + "/api/v1/namespaces/default/pods", 423, nil},
		{"DELETE /k8s/" + s.one + "/api/v1/namespaces/default/pods/a", 423, nil},
		{"GET /k8s/" + s.one + "/api/v1/namespaces/default/pods/a/exec", 423, nil},
		{"GET /k8s/" + s.one + "/api/v1/nodes/node-1/proxy/exec/default/a/c", 423, nil},
		{"POST /k8s/" + s.one + "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 200, nil},
		{"POST /api/v1/namespaces/default/pods", 423, []string{"Host: " + s.one + ".podhop.example"}},
		{"POST /api/sessions/" + s.one + "/apply", 423, []string{classKey + ": " + s.ann.Key}},
		{"POST /api/sessions/" + s.one + "/apply", 423, []string{classKey + ": class-aaaaaaaaaaaaaaaaaaaaaaaaaa"}},
		{"POST /api/sessions/free/apply", 200, nil},
	} {
		response := ask(s.server.Handler(), c.request, "kind: Pod", c.headers...)
		text := textOf(response)
		if response.StatusCode != c.status {
			t.Errorf("%s %v: got %d %s, want %d", c.request, c.headers, response.StatusCode, text, c.status)
		}
		if c.status == 423 && !strings.Contains(text, "Tom has frozen the screens of the class. Look at the wall.") {
			t.Errorf("%s: it does not say who: %s", c.request, text)
		}
	}
	// What the instructor sends is not refused.
	var results []model.PushResult
	if s.do("POST "+s.in("/push"), `{"kind":"manifest","manifest":"kind: Pod","apply":true}`, 200, &results); !results[0].Done || !results[1].Done {
		t.Errorf("got %+v", results)
	}
	s.do("PATCH "+s.in(""), `{"frozen":false}`, 200, nil)
	s.do("POST /api/sessions/"+s.one+"/apply", "kind: Pod", 200, nil)
}

// viewOf is the view of a member's session as the instructor is told of it.
func (s *school) viewOf(m model.Joined) (view string) {
	s.t.Helper()
	server := httptest.NewServer(s.server.Handler())
	defer server.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	stop := errors.New("found")
	err := stream.ReadText(ctx, server.URL+s.in("/stream"), func(text []byte) error {
		var message model.ClassMessage
		if err := json.Unmarshal(text, &message); err != nil {
			return err
		}
		for _, one := range message.Members {
			if one.ID == m.ID {
				view = one.View
			}
		}
		return stop
	})
	if !errors.Is(err, stop) || view == "" {
		s.t.Fatalf("got view %q, %v", view, err)
	}
	return view
}

func TestLookAndControl(t *testing.T) {
	s := newSchool(t, nil)
	member := s.in("/members/" + s.ann.ID)
	var look model.ClassView
	s.do("POST "+member+"/look", "", 200, &look)
	if look.URL != "/s/"+look.View || look.View == "" {
		t.Errorf("got %+v", look)
	}
	m := model.Membership{}
	if s.do("GET /api/members/"+s.ann.Key, "", 200, &m); m.Looking != "Tom" || m.Control != "" {
		t.Errorf("she is told %+v", m)
	}
	s.do("GET "+look.URL, "", 200, nil)
	s.do("POST /api/sessions/"+look.View+"/apply", "kind: Pod", 403, nil)
	s.do("POST "+member+"/control", "", 200, nil)
	s.do("POST /api/sessions/"+look.View+"/apply", "kind: Pod", 403, nil) // she was only asked
	s.do("POST /api/members/"+s.bo.Key+"/consent", `{"yes":true}`, 409, nil)
	s.do("POST /api/members/"+s.ann.Key+"/consent", `{"yes":true}`, 204, nil)
	view := s.viewOf(s.ann)
	s.do("POST /api/sessions/"+view+"/apply", "kind: Pod", 200, nil)
	s.do("DELETE /api/sessions/"+view, "", 403, nil)
	s.do("GET /api/sessions/"+look.View, "", 404, nil) // the one to look by was exchanged
	// A view goes along when she begins anew.
	var anew model.Session
	s.do("POST /api/sessions/"+s.one+"/start-over", "", 201, &anew)
	s.do("POST /api/sessions/"+view+"/apply", "kind: Pod", 200, nil)
	s.do("DELETE /api/members/"+s.ann.Key+"/control", "", 204, nil)
	s.do("POST /api/sessions/"+view+"/apply", "kind: Pod", 404, nil)
	now := s.viewOf(s.ann)
	s.do("POST /api/sessions/"+now+"/apply", "kind: Pod", 403, nil)
	s.do("DELETE "+member+"/look", "", 204, nil)
	s.do("GET /api/sessions/"+now, "", 404, nil)
	s.do("DELETE "+member, "", 204, nil)
	s.do("GET /api/sessions/"+anew.ID, "", 404, nil)
	s.do("GET /api/members/"+s.ann.Key, "", 404, nil)
}

// A member's key does nothing of the instructor's, nobody reaches another class, and codes are not guessed.
func TestClassAttacks(t *testing.T) {
	s := newSchool(t, func(c *Config) { c.Limits = Limits{Guesses: limit.Rate{PerSecond: 0.001, Burst: 5}} })
	other := newSchoolOn(s)
	for _, key := range []string{s.ann.Key, s.one, s.class.Code, "class-aaaaaaaaaaaaaaaaaaaaaaaaaa", "%2e%2e", s.class.Key + "%2f"} {
		for _, request := range []string{"GET ", "PATCH ", "DELETE ", "GET /stream", "POST /push", "GET /results.json", "GET /results.csv",
			"DELETE /members/" + s.bo.ID, "POST /members/" + s.bo.ID + "/look", "DELETE /members/" + s.bo.ID + "/look",
			"POST /members/" + s.bo.ID + "/control", "DELETE /members/" + s.bo.ID + "/control"} {
			method, rest, _ := strings.Cut(request, " ")
			body := map[string]string{"PATCH": "{}", "POST": `{"kind":"message","text":"hi"}`}[method]
			if response := ask(s.server.Handler(), method+" /api/classes/"+key+rest, body); response.StatusCode != 404 {
				t.Errorf("%s with %s: %d", request, key, response.StatusCode)
			}
		}
	}
	for _, request := range []string{"DELETE ", "POST /look", "DELETE /look", "POST /control", "DELETE /control"} {
		method, rest, _ := strings.Cut(request, " ")
		if response := ask(s.server.Handler(), method+" /api/classes/"+other.class.Key+"/members/"+s.ann.ID+rest, ""); response.StatusCode != 404 {
			t.Errorf("%s of another class: %d", request, response.StatusCode)
		}
	}
	s.do("POST /api/classes/"+other.class.Key+"/push", fmt.Sprintf(`{"kind":"message","text":"hi","to":[%q]}`, s.ann.ID), 422, nil)
	for _, rest := range []string{"", "/stream"} {
		s.do("GET /api/members/"+s.class.Key+rest, "", 404, nil)
	}
	s.do("POST /api/members/"+s.ann.ID+"/help", `{"on":true}`, 404, nil)
	// Pages of other sites change nothing, and open no stream.
	s.do("POST "+s.in("/push"), `{"kind":"message","text":"hi"}`, 403, nil, "Sec-Fetch-Site: cross-site")
	s.do("POST /api/join", fmt.Sprintf(`{"code":%q,"name":"Eve"}`, s.class.Code), 403, nil, "Sec-Fetch-Site: cross-site")
	response := ask(s.server.Handler(), "GET "+s.in("/stream"), "", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Origin: https://evil.example")
	if response.StatusCode != 403 {
		t.Errorf("a stream for a page of another site: %d", response.StatusCode)
	}
	// Who guesses is refused, even the right code.
	codes, refused := 0, false
	for range 20 {
		response := ask(s.server.Handler(), "GET /api/join/BCD-FGH", "")
		if refused = response.StatusCode == http.StatusTooManyRequests; refused {
			break
		}
		codes++
	}
	if !refused || codes > 5 {
		t.Errorf("%d codes were tried, refused %v", codes, refused)
	}
	s.do("GET /api/join/"+s.class.Code, "", 429, nil)
	s.do("POST /api/join", fmt.Sprintf(`{"code":%q,"name":"Eve"}`, s.class.Code), 429, nil)
}

// newSchoolOn is another class on the same server.
func newSchoolOn(s *school) *school {
	o := &school{t: s.t, server: s.server, engine: s.engine}
	o.do("POST /api/classes", `{"title":"Other"}`, 201, &o.class)
	return o
}

func TestClassStreams(t *testing.T) {
	s := newSchool(t, nil)
	server := httptest.NewServer(s.server.Handler())
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told, sent := make(chan model.ClassMessage, 100), make(chan model.MemberMessage, 100)
	ended := make(chan error, 2)
	go func() {
		ended <- stream.ReadText(ctx, server.URL+s.in("/stream"), func(text []byte) error {
			var m model.ClassMessage
			err := json.Unmarshal(text, &m)
			told <- m
			return err
		})
	}()
	hear(t, told, "everybody", func(m model.ClassMessage) bool { return m.All && len(m.Members) == 2 })
	go func() {
		ended <- stream.ReadText(ctx, server.URL+"/api/members/"+s.ann.Key+"/stream", func(text []byte) error {
			var m model.MemberMessage
			err := json.Unmarshal(text, &m)
			sent <- m
			return err
		})
	}()
	hear(t, sent, "Ann", func(m model.MemberMessage) bool { return m.You != nil && m.You.Session == "/s/"+s.one+"?lesson=first" })
	hear(t, told, "that Ann is here", func(m model.ClassMessage) bool { return m.Member != nil && m.Member.Name == "Ann" && m.Member.Online })
	s.do("POST /api/members/"+s.ann.Key+"/help", `{"on":true,"text":"what now?"}`, 204, nil)
	hear(t, told, "that she asks", func(m model.ClassMessage) bool {
		return m.Member != nil && m.Member.Help != nil && m.Member.Help.Text == "what now?"
	})
	s.do("POST "+s.in("/push"), `{"kind":"hint","text":"look at the map"}`, 200, nil)
	hear(t, sent, "the hint", func(m model.MemberMessage) bool {
		return m.Notice != nil && m.Notice.Push.Text == "look at the map" && m.Notice.By == "Tom"
	})
	s.do("DELETE "+s.in("/members/"+s.ann.ID), "", 204, nil)
	hear(t, told, "that she was removed", func(m model.ClassMessage) bool { return m.Gone == s.ann.ID })
	select {
	case err := <-ended:
		if !errors.Is(err, stream.ErrGone) {
			t.Errorf("her stream ended: %v", err)
		}
	case <-ctx.Done():
		t.Error("her stream goes on")
	}
}

func hear[M any](t *testing.T, messages <-chan M, what string, is func(M) bool) {
	t.Helper()
	var seen []M
	for end := time.After(time.Minute); ; {
		select {
		case m := <-messages:
			if is(m) {
				return
			}
			seen = append(seen, m)
		case <-end:
			t.Fatalf("%s did not come: %+v", what, seen)
		}
	}
}

// What is typed while screens are frozen is thrown away; what comes later arrives.
func TestTypingWhileFrozen(t *testing.T) {
	s := newSchool(t, nil)
	defer s.engine.sessions[s.one].terms.Close()
	s.do("POST /api/sessions/"+s.one+"/terminals", `{"place":"client"}`, 201, nil)
	server := httptest.NewServer(s.server.Handler())
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dial := func() *stream.Remote {
		t.Helper()
		r, err := stream.DialTerminal(ctx, server.URL+"/api/sessions/"+s.one+"/terminals/1/stream")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	read := func(r *stream.Remote, want string) {
		t.Helper()
		for got := ""; got != want; {
			seen, err := r.Next(ctx)
			if err != nil || !strings.HasPrefix(want, got) {
				t.Fatalf("got %q, %v, want %q", got, err, want)
			}
			got += string(seen.Data)
		}
	}
	say := func(r *stream.Remote, text string) {
		t.Helper()
		if err := r.Type(ctx, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	r := dial()
	say(r, "a")
	read(r, "a")
	s.do("PATCH "+s.in(""), `{"frozen":true}`, 200, nil)
	say(r, "b")
	_ = r.Close() // the server answers that when it has read all that was typed before
	s.do("PATCH "+s.in(""), `{"frozen":false}`, 200, nil)
	r = dial()
	defer r.Close()
	say(r, "c")
	read(r, "ac")
}

func TestRefusals(t *testing.T) {
	for status, want := range map[string]error{
		`{"type":"urn:podhop:problem:no-session","status":404}`: model.ErrNotFound,
		`{"type":"urn:podhop:problem:conflict","status":409}`:   &problem.Problem{},
		`not JSON`: &problem.Problem{},
	} {
		err := refusal(500, []byte(status))
		own := new(problem.Problem)
		if isProblem := errors.As(err, &own); isProblem != (want != model.ErrNotFound) || !isProblem && !errors.Is(err, want) {
			t.Errorf("%s: got %v", status, err)
		}
	}
}

// Only instructors make classes; what they do in one is written down, by nothing that opens anything.
func TestWhoMakesClasses(t *testing.T) {
	server, events := peopled(t, people.Config{Instructors: people.ByToken}, nil)
	s := &school{t: t, server: server}
	s.do("POST /api/classes", `{"title":"Mine"}`, 403, nil)
	s.do("POST /api/classes", `{"title":"Mine"}`, 201, &s.class, "Authorization: Bearer "+operatorToken)
	s.do("PATCH "+s.in(""), `{"frozen":true,"freezeText":"Look"}`, 200, nil) // who has the key, whoever they are
	s.do("PATCH "+s.in(""), `{"frozen":false}`, 200, nil)
	s.do("POST "+s.in("/push"), `{"kind":"message","text":"hi"}`, 200, nil)
	s.do("POST "+s.in("/push"), `{"kind":"message"}`, 422, nil)
	s.do("DELETE "+s.in(""), "", 200, nil)
	var done []string
	for _, e := range events() {
		if e.Class != "" {
			done = append(done, e.Action+" "+e.Detail)
		}
		if text, _ := json.Marshal(e); strings.Contains(string(text), s.class.Key) || strings.Contains(string(text), s.class.Code) {
			t.Errorf("there is a key in %s", text)
		}
	}
	want := []string{"class.make Mine", "class.freeze Look", "class.thaw ", "class.push message", "class.close "}
	if !slices.Equal(done, want) {
		t.Errorf("got %q, want %q", done, want)
	}
}

// No way of writing an address gets around the freeze.
func TestFreezeByTricks(t *testing.T) {
	s := newSchool(t, nil)
	s.do("PATCH "+s.in(""), `{"frozen":true}`, 200, nil)
	before := len(s.engine.sessions[s.one].applied)
	upper := strings.ToUpper(s.one)
	for _, path := range []string{
		"/api/sessions/" + s.one + "/%61pply", "/api/sessions/" + s.one + "/./apply", "//api/sessions/" + s.one + "/apply", "/api//sessions/" + s.one + "/apply",
		"/api/sessions/" + s.one + "%2Fapply", "/api/sessions/" + s.one + "%2Fviews/apply", "/api/sessions/" + s.one + "/apply/", "/api/sessions/" + upper + "/apply",
		"/api/sessions/x/../" + s.one + "/apply", "/api/sessions/%" + fmt.Sprintf("%x", s.one[0]) + s.one[1:] + "/apply", "/api/sessions/" + s.one + "/apply;/checks",
		"/api/sessions/" + s.one + "/apply?dryRun=1&dryRun=0", "/api/sessions/" + s.one + "/apply?dryrun=true", "/api/sessions/" + s.one + "/apply?x=/checks",
		"/%6b8s/" + s.one + "/api/v1/pods", "/k8s//" + s.one + "/api/v1/pods", "/k8s/" + s.one + "%2Fapi/v1/pods", "/k8s/" + s.one + "//api/v1/pods",
		"/k8s/" + s.one + "/api/v1/pods?/apis/authorization.k8s.io/", "/k8s/x/../" + s.one + "/api/v1/pods",
	} {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			response := ask(s.server.Handler(), method+" "+path, "kind: Pod")
			if text := textOf(response); response.StatusCode < 300 && !strings.Contains(text, "unchanged") {
				t.Errorf("%s %s: %d %s", method, path, response.StatusCode, text)
			}
		}
	}
	if got := s.engine.sessions[s.one].applied; len(got) != before {
		t.Errorf("there was applied %q", got[before:])
	}
}
