package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/etcd"
	"github.com/podhop/podhop/internal/etcd/etcdtest"
	"github.com/podhop/podhop/server/hosts"
	hostsetcd "github.com/podhop/podhop/server/hosts/etcd"
	"github.com/podhop/podhop/server/hosts/protocol"
	keepetcd "github.com/podhop/podhop/server/keep/etcd"
	"github.com/podhop/podhop/server/stream"
)

// A hosted server is one of several that share an etcd, as the command line puts them together.
type hosted struct {
	t       *testing.T
	url     string
	server  *Server
	engine  *fakeEngine
	cluster *hosts.Cluster
}

// newHosted makes the server of a name, which has room for so many sessions.
func newHosted(t *testing.T, place etcd.Place, name string, room int) *hosted {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		return l
	}
	quiet := slog.New(slog.DiscardHandler)
	client, err := etcd.Open(place, nil)
	must(err)
	t.Cleanup(func() { client.Close() })
	peers, front, store := listen(), listen(), hostsetcd.New(client, "cluster/")
	// The lease is long: here no host goes away, however slow the machine is.
	cluster := hosts.New(hosts.Config{Config: protocol.Config{Record: protocol.Record{Name: name, Address: peers.Addr().String(), Capacity: room},
		TTL: time.Minute, Beat: 10 * time.Second, Margin: 12 * time.Second, Moves: 2},
		Etcd: store, Park: func(context.Context, string) error { return nil }, Log: quiet})
	t.Cleanup(cluster.Close)
	h := &hosted{t: t, url: "http://" + front.Addr().String(), engine: newEngine(), cluster: cluster}
	h.engine.placed = func(ctx context.Context, n int) (string, error) {
		id := fmt.Sprintf("%s%025d", name, n)
		return id, cluster.Place(ctx, id)
	}
	h.engine.over = cluster.Finish
	h.server = newServer(t, h.engine, func(c *Config) { c.Store = keepetcd.New(client) })
	authority, err := hosts.Agreed(t.Context(), store, "peer-authority", hosts.NewAuthority)
	must(err)
	known, err := hosts.Peers(authority)
	must(err)
	forward := hosts.NewForward(hosts.ForwardConfig{Cluster: cluster, Session: h.server.SessionOf, Opens: h.server.Opens, Ticket: h.server.TicketOf,
		Room: h.server.Room, Away: h.server.Away, Peers: known, APIPort: 8443, Log: quiet,
		Adopt: func(_ context.Context, id string) error {
			if _, err := h.engine.find(id); err != nil {
				return hosts.ErrUnknown
			}
			return nil
		}})
	h.server.Share(forward)
	back := &http.Server{Handler: forward.PeerHandler(h.server.Listeners()), TLSConfig: known, ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelDebug)}
	go back.ServeTLS(peers, "", "")
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(ctx, front, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		back.Close()
	})
	until(t, name+" has joined", func() bool { return cluster.Ready() == nil })
	return h
}

// asks is answered with a status and a text, which is read if into is not nil.
func (h *hosted) asks(request, body string, into any) (int, string) {
	h.t.Helper()
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatalf("%s: %v", request, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && into != nil && answer.StatusCode < 300 {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		h.t.Fatalf("%s: %v in %s", request, err, text)
	}
	return answer.StatusCode, string(text)
}

// does must be answered so.
func (h *hosted) does(request, body string, status int, into any) {
	h.t.Helper()
	if code, text := h.asks(request, body, into); code != status {
		h.t.Fatalf("%s %s: %d %s, want %d", request, body, code, text, status)
	}
}

// comesTo is does of what another host may hear of a moment later.
func (h *hosted) comesTo(request, body string, status int) {
	h.t.Helper()
	var code int
	var text string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if code, text = h.asks(request, body, nil); code == status {
			return
		}
	}
	h.t.Fatalf("%s %s: %d %s, want %d", request, body, code, text, status)
}

// applied is what a session of this host was given.
func (h *hosted) applied(id string) []string {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	if s := h.engine.sessions[id]; s != nil {
		return slices.Clone(s.applied)
	}
	return nil
}

// TestClassOverHosts has an instructor at one server and the learners' sessions at another.
func TestClassOverHosts(t *testing.T) {
	place, err := etcd.Parse(etcdtest.Start(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	here, there := newHosted(t, place, "a", 1), newHosted(t, place, "b", 100)
	for _, h := range []*hosted{here, there} {
		until(t, "both know where most room is", func() bool {
			all := h.cluster.Candidates()
			return len(all) == 2 && all[0].Name == "b"
		})
	}
	var class model.Class
	here.does("POST /api/classes", `{"title":"Networking","instructor":"Tom","lessons":["first"],"size":3}`, 201, &class)
	in := func(rest string) string { return "/api/classes/" + class.Key + rest }
	var ann, bo model.Joined
	here.does("POST /api/join", fmt.Sprintf(`{"code":%q,"name":"Ann"}`, class.Code), 201, &ann)
	there.does("POST /api/join", fmt.Sprintf(`{"code":%q,"name":"Bo"}`, class.Code), 201, &bo)
	var hers, his model.Session
	here.does("POST /api/members/"+ann.Key+"/sessions", `{"lesson":"first"}`, 201, &hers)
	there.does("POST /api/members/"+bo.Key+"/sessions", `{"lesson":"first"}`, 201, &his)
	if here.engine.count() != 0 || there.engine.count() != 2 {
		t.Fatalf("sessions are at %d and %d: %s %s", here.engine.count(), there.engine.count(), hers.ID, his.ID)
	}
	mine := func(h *hosted, m model.Joined) (you model.Membership) {
		t.Helper()
		h.does("GET /api/members/"+m.Key, "", 200, &you)
		return you
	}
	sees := func(what string, is func(model.LessonResult) bool) {
		t.Helper()
		var results model.ClassResults
		until(t, what, func() bool {
			here.does("GET "+in("/results.json"), "", 200, &results)
			return len(results.Results) == 2 && is(results.Results[0])
		})
	}

	// What is seen there is told here.
	there.engine.mu.Lock()
	there.engine.sessions[hers.ID].results = []model.ApplyResult{{Errors: []model.ApplyError{{Message: "no such kind"}}}}
	there.engine.mu.Unlock()
	here.does("POST /api/sessions/"+hers.ID+"/apply", "kind: Nothing", 200, nil)
	there.server.Refused(t.Context(), hers.ID, `pods "nothere" not found`)
	sees("her errors", func(r model.LessonResult) bool { return r.Errors == 2 })

	// To look: from here, at what is there.
	var look model.ClassView
	here.does("POST "+in("/members/"+ann.ID+"/look"), "", 200, &look)
	here.does("GET /api/sessions/"+look.View+"/topology", "", 200, nil)
	here.does("POST /api/sessions/"+look.View+"/apply", "kind: Pod", 403, nil)
	var told transcript
	left := make(chan error, 1)
	go func() {
		left <- stream.ReadText(t.Context(), here.url+"/api/sessions/"+look.View+"/stream", told.take)
	}()
	until(t, "the stream of her session", func() bool { return strings.Contains(told.String(), `"snapshot"`) })
	until(t, "she is told", func() bool { return mine(there, ann).Looking == "Tom" })

	// Control, when she says yes, where she is; and what it was good for ends with it.
	here.does("POST "+in("/members/"+ann.ID+"/control"), "", 200, nil)
	until(t, "she is asked", func() bool { m := mine(there, ann); return m.Control == "asked" && m.AnswerIn > 0 })
	there.does("POST /api/members/"+bo.Key+"/consent", `{"yes":true}`, 409, nil)
	there.does("POST /api/members/"+ann.Key+"/consent", `{"yes":true}`, 204, nil)
	given := ""
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	found := errors.New("found")
	err = stream.ReadText(ctx, here.url+in("/stream"), func(text []byte) error {
		var m model.ClassMessage
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		if m.Member != nil {
			m.Members = append(m.Members, *m.Member)
		}
		for _, one := range m.Members {
			if one.ID == ann.ID && one.Control == "given" {
				given = one.View
				return found
			}
		}
		return nil
	})
	cancel()
	if !errors.Is(err, found) || given == look.View {
		t.Fatalf("control: %v, by %s", err, given)
	}
	if err := <-left; err == nil {
		t.Error("the view to look ended without a word")
	}
	here.does("POST /api/sessions/"+given+"/apply", "kind: Given", 200, nil)
	if got := there.applied(hers.ID); !slices.Contains(got, "kind: Given") {
		t.Errorf("her session was given %q", got)
	}
	there.does("DELETE /api/members/"+ann.Key+"/control", "", 204, nil)
	here.does("POST /api/sessions/"+given+"/apply", "kind: Late", 404, nil)

	// Who looks away here sees no more of what is there. That the view is another one, this server hears in a moment.
	until(t, "the view to look by", func() bool {
		here.does("POST "+in("/members/"+ann.ID+"/look"), "", 200, &look)
		code, _ := here.asks("GET /api/sessions/"+look.View+"/topology", "", nil)
		return code == 200
	})
	var again transcript
	go func() {
		left <- stream.ReadText(t.Context(), here.url+"/api/sessions/"+look.View+"/stream", again.take)
	}()
	until(t, "the stream of her session, again", func() bool { return strings.Contains(again.String(), `"snapshot"`) })
	here.does("DELETE "+in("/members/"+ann.ID+"/look"), "", 204, nil)
	if err := <-left; err == nil {
		t.Error("the view ended without a word")
	}
	until(t, "she is told that nobody looks", func() bool { return mine(there, ann).Looking == "" })

	// A manifest for all, also while their screens are frozen, which goes for both servers.
	var pushed []model.PushResult
	here.does("PATCH "+in(""), `{"frozen":true,"freezeText":"Look at the wall."}`, 200, nil)
	there.comesTo("POST /api/sessions/"+his.ID+"/apply", "kind: Mine", 423)
	for _, request := range []string{"POST /api/sessions/" + hers.ID + "/apply", "POST /k8s/" + hers.ID + "/api/v1/namespaces/default/pods", "POST /api/sessions/" + hers.ID + "/start-over"} {
		here.does(request, "kind: Mine", 423, nil)
	}
	here.does("POST "+in("/push"), `{"kind":"manifest","manifest":"kind: Pushed","apply":true}`, 200, &pushed)
	if len(pushed) != 2 || pushed[0].Done || len(pushed[0].Results) != 1 || !pushed[1].Done {
		t.Errorf("a manifest: %+v", pushed)
	}
	for _, id := range []string{hers.ID, his.ID} {
		if got := there.applied(id); !slices.Contains(got, "kind: Pushed") {
			t.Errorf("session %s was given %q", id, got)
		}
	}
	here.does("PATCH "+in(""), `{"frozen":false}`, 200, nil)
	there.comesTo("POST /api/sessions/"+his.ID+"/apply", "kind: Mine", 200)
	// Those of what was pushed are the instructor's: her next one is her third.
	there.server.Refused(t.Context(), hers.ID, "no")
	made := 0
	sees("her next error", func(r model.LessonResult) bool { made = r.Errors; return made > 2 })
	if made != 3 {
		t.Errorf("she has made %d errors, want 3", made)
	}

	// Start over: the session that takes hers' place is hers, wherever somebody asks.
	here.does("POST "+in("/push"), fmt.Sprintf(`{"kind":"start-over","to":[%q]}`, ann.ID), 200, &pushed)
	if len(pushed) != 1 || !pushed[0].Done {
		t.Errorf("start over: %+v", pushed)
	}
	for _, h := range []*hosted{here, there} {
		var now string
		until(t, "she has another session", func() bool { now = mine(h, ann).SessionID; return now != hers.ID && now != "" })
		h.does("GET /api/sessions/"+now, "", 200, nil)
		h.does("GET /api/sessions/"+hers.ID, "", 404, nil)
	}
	here.does("GET "+mine(here, ann).Session, "", 200, nil)

	here.does("DELETE "+in(""), "", 200, nil)
	until(t, "the sessions have ended there", func() bool { return there.engine.count() == 0 })
	if n := here.engine.count(); n != 0 {
		t.Errorf("%d sessions were opened here", n)
	}
}
