package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/feed"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/recording"
	"github.com/podhop/podhop/engine/terminal"
	"github.com/podhop/podhop/internal/problem"
)

// fakeEngine has sessions that answer what they are told to.
type fakeEngine struct {
	mu       sync.Mutex
	sessions map[string]*fakeSession
	openErr  error
	findErr  error // of sessions that are not there
	// placed and over, if set, are told of sessions that begin and end; placed names them.
	placed func(ctx context.Context, n int) (id string, err error)
	over   func(id string)
}

func newEngine(ids ...string) *fakeEngine {
	e := &fakeEngine{sessions: map[string]*fakeSession{}}
	for _, id := range ids {
		e.sessions[id] = newSession(e, id)
	}
	return e
}

func (e *fakeEngine) open(ctx context.Context, o model.SessionOptions) (*fakeSession, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.openErr != nil {
		return nil, e.openErr
	}
	if o.Nodes > 5 {
		return nil, &model.FieldError{Field: "nodes", Detail: "must be between 1 and 5, not 9"}
	}
	id := fmt.Sprintf("new%d", len(e.sessions))
	if e.placed != nil {
		var err error
		if id, err = e.placed(ctx, len(e.sessions)); err != nil {
			return nil, err
		}
	}
	s := newSession(e, id)
	s.options = o
	e.sessions[s.id] = s
	return s, nil
}

func (e *fakeEngine) find(id string) (*fakeSession, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.sessions[id]; s != nil {
		return s, nil
	}
	if e.findErr != nil {
		return nil, e.findErr
	}
	return nil, fmt.Errorf("session %s: %w", id, model.ErrNotFound)
}

func (e *fakeEngine) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.sessions)
}

// startOver does it once a session: "stuck" is being started over already.
func (e *fakeEngine) startOver(ctx context.Context, id string, begin func(*fakeSession) error) (*fakeSession, error) {
	old, err := e.find(id)
	if err != nil {
		return nil, err
	}
	if id == "stuck" {
		return nil, fmt.Errorf("%w: somebody starts this session over already", model.ErrConflict)
	}
	s, err := e.open(ctx, old.options)
	if err == nil {
		err = begin(s)
	}
	if err != nil {
		return nil, err
	}
	return s, old.Close()
}

// fork notes what of the other it has.
func (e *fakeEngine) fork(ctx context.Context, id string, secrets bool) (*fakeSession, error) {
	old, err := e.find(id)
	if err != nil {
		return nil, err
	}
	s, err := e.open(ctx, old.options)
	if err == nil {
		s.did = append(s.did, fmt.Sprintf("fork %s %v", id, secrets))
	}
	return s, err
}

type fakeSession struct {
	engine  *fakeEngine
	id      string
	feed    *feed.Feed
	options model.SessionOptions
	did     []string // to nodes
	applied []string
	home    map[string]string
	results []model.ApplyResult
	err     error // of Apply, Request, Token and Close
	terms   *terminal.Set
	// at is where its ports are: at HOST:PORT, those of the test.
	at      map[string]string
	ran     []string     // scripts
	folders []string     // to which files were put
	api     http.Handler // instead of one that answers what it was asked; nil: that
}

func (s *fakeSession) Reach(ctx context.Context, host string, port uint16) (net.Conn, error) {
	if host == "nobody" {
		return nil, fmt.Errorf("%w: nobody is not one of node-1", model.ErrNotFound)
	}
	to, ok := s.at[net.JoinHostPort(host, strconv.Itoa(int(port)))]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return new(net.Dialer).DialContext(ctx, "tcp", to)
}

func (s *fakeSession) PutFiles(_ context.Context, folder string, _ fs.FS) error {
	s.folders = append(s.folders, folder)
	return s.err
}

func newSession(e *fakeEngine, id string) *fakeSession {
	info := model.Session{ID: id, ExpiresAt: "2026-11-23T07:00:00Z"}
	return &fakeSession{engine: e, id: id, feed: feed.New(feed.Config{}, info), terms: terminal.NewSet(terminal.Config{Open: 2}),
		results: []model.ApplyResult{{Document: 1, Line: 1, Action: "created"}}}
}

func (s *fakeSession) Info() model.Session {
	return model.Session{ID: s.id, ExpiresAt: "2026-11-23T07:00:00Z", Options: s.options}
}
func (s *fakeSession) Extend(context.Context) error {
	if s.id == "stuck" {
		return fmt.Errorf("%w: a session lasts 8h at most", model.ErrConflict)
	}
	return s.err
}
func (s *fakeSession) SetCNI(_ context.Context, cni string) error {
	if cni != "vxlan" {
		return &model.FieldError{Field: "cni", Detail: fmt.Sprintf("must be vxlan, not %q", cni)}
	}
	s.options.CNI = cni
	return s.err
}

// node is what befell a node; there is node-1 alone.
func (s *fakeSession) node(what, name string) error {
	if name != "node-1" {
		return fmt.Errorf("node %s: %w: there are node-1", name, model.ErrNotFound)
	}
	s.did = append(s.did, what)
	return s.err
}
func (s *fakeSession) AddNode(context.Context) (string, error) { return "node-4", s.err }
func (s *fakeSession) RemoveNode(_ context.Context, name string) error {
	if name == "node-1" {
		return fmt.Errorf("%w: node-1 is the cluster's only node", model.ErrConflict)
	}
	return s.node("remove", name)
}
func (s *fakeSession) StopNode(_ context.Context, name string) error  { return s.node("stop", name) }
func (s *fakeSession) StartNode(_ context.Context, name string) error { return s.node("start", name) }
func (s *fakeSession) CordonNode(_ context.Context, name string, cordon bool) error {
	return s.node(fmt.Sprint("cordon ", cordon), name)
}
func (s *fakeSession) LookAtNode(_ context.Context, name, at string) (string, error) {
	if at != "route" {
		return "", &model.FieldError{Field: "at", Detail: "must be route"}
	}
	return "default via 172.18.0.1 dev eth0", s.node("look", name)
}

// Terminals are of the client alone; what is typed comes back.
func (s *fakeSession) Terminals() []model.Terminal { return s.terms.List() }
func (s *fakeSession) OpenTerminal(ctx context.Context, want model.NewTerminal) (model.Terminal, error) {
	switch want.Place {
	case "client":
		return s.terms.Open(ctx, want.Place, func(_ context.Context, p terminal.IO) (int, error) {
			p.Started()
			io.Copy(p.Out, p.In)
			return 0, nil
		})
	case "pod/default/gone":
		return model.Terminal{}, fmt.Errorf("%w: there is no pod default/gone", model.ErrNotFound)
	}
	return model.Terminal{}, &model.FieldError{Field: "place", Detail: "must be client"}
}
func (s *fakeSession) CloseTerminal(id string) error                    { return s.terms.Delete(id) }
func (s *fakeSession) ViewTerminal(id string) (*terminal.Viewer, error) { return s.terms.View(id) }

// There is one fault, of DNS.
func (s *fakeSession) Faults() []model.Fault {
	return []model.Fault{{ID: "dns", Kind: "dns", Target: "service/kube-system/kube-dns", Text: "2000 ms", Settings: model.FaultSettings{DelayMS: 2000}}}
}
func (s *fakeSession) SetFault(_ context.Context, id string, set model.FaultSettings) (model.Fault, error) {
	f := model.Fault{ID: id, Kind: "link", Target: "node/node-1", Text: "broken", Settings: set}
	switch {
	case id != "link.node.node-1":
		return f, fmt.Errorf("fault %s: %w", id, model.ErrNotFound)
	case set.Loss > 100:
		return f, &model.FieldError{Field: "loss", Detail: "must be less"}
	}
	return f, s.err
}
func (s *fakeSession) UndoFault(_ context.Context, id string) error {
	if id != "dns" {
		return fmt.Errorf("fault %s: %w: it is not there", id, model.ErrNotFound)
	}
	return s.err
}
func (s *fakeSession) UndoFaults(context.Context) error { return s.err }
func (s *fakeSession) Kill(_ context.Context, k model.Kill) error {
	if k.Pod != "pod/default/web" {
		return fmt.Errorf("%s: %w", k.Pod, model.ErrNotFound)
	}
	s.did = append(s.did, "kill "+k.Container)
	return s.err
}

func (s *fakeSession) Apply(_ context.Context, paste []byte) ([]model.ApplyResult, error) {
	s.applied = append(s.applied, string(paste))
	if strings.TrimSpace(string(paste)) == "" {
		return nil, s.err
	}
	return s.results, s.err
}

func (s *fakeSession) DryRun(_ context.Context, paste []byte, compare bool) ([]model.ApplyResult, error) {
	result := model.ApplyResult{Document: 1, Line: 1, Action: "unchanged"}
	if compare {
		result.After = string(paste)
	}
	return []model.ApplyResult{result}, s.err
}

func (s *fakeSession) WhatIf(_ context.Context, r model.WhatIfRequest) (model.WhatIf, error) {
	for _, name := range r.Delete {
		if name != "default/there" {
			return model.WhatIf{}, &model.FieldError{Field: "delete[0]", Detail: fmt.Sprintf("networkpolicies %q not found", name)}
		}
	}
	return model.WhatIf{Results: []model.ApplyResult{{Action: r.Apply}}, Window: len(r.Delete)}, s.err
}

func (s *fakeSession) Request(_ context.Context, r model.Request) (model.RequestResult, error) {
	if r.From == "pod/default/nobody" {
		return model.RequestResult{}, fmt.Errorf("pod/default/nobody: %w", model.ErrNotFound)
	}
	return model.RequestResult{Journeys: []string{r.From + ">" + r.To}}, s.err
}

func (s *fakeSession) Objects(_ context.Context, q model.ObjectQuery) ([]map[string]any, error) {
	return []map[string]any{{"kind": q.Kind, "metadata": map[string]any{"name": q.Name}}}, nil
}
func (s *fakeSession) Graph() model.Graph { return s.feed.Graph() }
func (s *fakeSession) WritePackets(w io.Writer, f model.PacketFilter) error {
	if !f.Journeys(&model.Journey{ID: "j1", Verdict: "dropped"}) {
		return fmt.Errorf("%w: no packets", model.ErrNotFound)
	}
	_, err := fmt.Fprintf(w, "%s %s", f.Vertex, f.Device)
	return err
}

// FollowPackets writes one now and one when a journey comes.
func (s *fakeSession) FollowPackets(ctx context.Context, w io.Writer, f model.PacketFilter) error {
	viewer := s.feed.Subscribe(0)
	defer viewer.Close()
	for {
		m, err := viewer.Next(ctx)
		if err != nil {
			return err
		}
		if m.Journey == nil || f.Journeys(m.Journey) {
			fmt.Fprintf(w, "%s %s|", m.Type, f.Vertex)
		}
	}
}

func (s *fakeSession) Recording(_ context.Context, since time.Time) (*model.Recording, error) {
	r := recording.Of(recording.Past{Since: time.Unix(1, 0), Session: s.Info(), Journeys: s.feed.Journeys()}, since, time.Unix(5, 0))
	r.Manifests = "kind: Pod\n"
	return r, s.err
}
func (s *fakeSession) Journeys() []model.Journey         { return s.feed.Journeys() }
func (s *fakeSession) Asked(time.Time) []model.Journey   { return s.feed.Journeys() }
func (s *fakeSession) HomeFiles(files map[string]string) { s.home = files }
func (s *fakeSession) Script(_ context.Context, text string) (model.ScriptResult, error) {
	s.ran = append(s.ran, text)
	if strings.Contains(text, ".lessons/") { // what a lesson begins with
		return model.ScriptResult{}, s.err
	}
	return model.ScriptResult{Code: 1, Output: "there is no such file\n"}, nil
}
func (s *fakeSession) Journey(id string) (model.Journey, bool)   { return s.feed.FindJourney(id) }
func (s *fakeSession) Subscribe(after uint64) *feed.Subscription { return s.feed.Subscribe(after) }
func (s *fakeSession) Present(p *model.Presenting)               { s.feed.Present(p) }
func (s *fakeSession) SetWatching(count int)                     { s.feed.SetWatching(count) }
func (s *fakeSession) Token(context.Context) (string, error)     { return "token-of-" + s.id, s.err }

func (s *fakeSession) API() http.Handler {
	if s.api != nil {
		return s.api
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/proxy") { // as upstream's proxy subresources
			w.Header().Set("Location", r.URL.Path+"/")
			w.WriteHeader(http.StatusMovedPermanently)
			return
		}
		fmt.Fprintf(w, "%s %s %s escaped=%s uri=%s", s.id, r.Method, r.URL.Path, r.URL.EscapedPath(), r.RequestURI)
	})
}

func (s *fakeSession) ReadOnlyAPI() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "read-only %s %s token=%s", r.Method, r.URL.Path, r.Header.Get("Authorization"))
	})
}

func (s *fakeSession) Close() error {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	if s.err == nil {
		delete(s.engine.sessions, s.id)
		s.feed.Close()
		if s.engine.over != nil {
			s.engine.over(s.id)
		}
	}
	return s.err
}

// fakePages answer with their names.
type fakePages struct{}

func (fakePages) page(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprint(w, "page: "+text)
}
func (p fakePages) Index(w http.ResponseWriter, _ *http.Request) { p.page(w, 200, "index") }
func (p fakePages) Recording(w http.ResponseWriter, _ *http.Request, id string) {
	p.page(w, 200, "recording "+id)
}
func (p fakePages) Front(w http.ResponseWriter, _ *http.Request, slug string) {
	p.page(w, 200, "front "+slug)
}

func (p fakePages) Embed(w http.ResponseWriter, _ *http.Request, slug string) {
	p.page(w, 200, "embed "+slug)
}
func (p fakePages) Learn(w http.ResponseWriter, _ *http.Request, s model.Session, seat model.Seat) {
	whose := ""
	if seat.Key != "" {
		whose = " of " + seat.Class + " by " + seat.Key
	}
	p.page(w, 200, "learn "+s.URL+" "+s.APIServer+whose)
}
func (p fakePages) Ports(w http.ResponseWriter, _ *http.Request, s model.Session, g model.Graph) {
	p.page(w, 200, fmt.Sprintf("ports %s %d", s.URL, len(g.Vertices)))
}
func (p fakePages) Error(w http.ResponseWriter, _ *http.Request, status int, title, detail string) {
	p.page(w, status, title+" | "+detail)
}
func (p fakePages) Classes(w http.ResponseWriter, _ *http.Request) { p.page(w, 200, "classes") }
func (p fakePages) Class(w http.ResponseWriter, _ *http.Request, c model.Class) {
	p.page(w, 200, "class "+c.Title)
}
func (p fakePages) Join(w http.ResponseWriter, _ *http.Request, code string) {
	p.page(w, 200, "join "+code)
}
func (p fakePages) Member(w http.ResponseWriter, _ *http.Request, key string, m model.Membership) {
	p.page(w, 200, "member "+key+" "+m.Name+" "+m.Session)
}
func (p fakePages) NotFound(w http.ResponseWriter, _ *http.Request) { p.page(w, 404, "not found") }
func (p fakePages) SignIn(w http.ResponseWriter, _ *http.Request, status int, with model.SignIn) {
	p.page(w, status, "sign in | "+with.To+" | "+with.Wrong)
}
func (p fakePages) Gate(w http.ResponseWriter, _ *http.Request, status int, ask model.Gate) {
	p.page(w, status, fmt.Sprintf("gate | %s | %s | %s | %v | %s", ask.Kind, ask.Action, ask.Challenge, ask.Fields, ask.Wrong))
}
func (p fakePages) Wait(w http.ResponseWriter, _ *http.Request, at model.Queued, want model.Wanted) {
	p.page(w, 200, fmt.Sprintf("wait %d of %d %v | %s?%s %v", at.Place, at.Of, at.Turn, want.Path, want.Query, want.Fields))
}
func (p fakePages) Operator(w http.ResponseWriter, _ *http.Request) { p.page(w, 200, "operator") }
func (p fakePages) Gone(w http.ResponseWriter, _ *http.Request)     { p.page(w, 410, "gone") }
func (p fakePages) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.page(w, 200, r.URL.Path) })
}

func newServer(t *testing.T, engine *fakeEngine, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{
		Engine: Adapt(engine.open, engine.find, engine.count, engine.startOver, engine.fork), Pages: fakePages{}, TLSPort: 8443, Version: "test",
		Lesson: lesson,
		Log:    slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends "METHOD path" with headers "Name: value" and returns the answer.
func ask(handler http.Handler, request, body string, headers ...string) *http.Response {
	method, path, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost:8080"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Result()
}

func textOf(response *http.Response) string {
	body, _ := io.ReadAll(response.Body)
	return strings.TrimSpace(string(body))
}

func TestAnswers(t *testing.T) {
	const browser = "Accept: text/html,*/*"
	for _, test := range []struct {
		name, request, body string
		headers             []string
		status              int
		want                string
	}{
		{name: "open a session", request: "POST /api/sessions", status: 201,
			want: `{"id":"new1","url":"/s/new1","apiServer":"http://localhost:8080/k8s/new1","expiresAt":"2026-11-23T07:00:00Z","options":{}}`},
		{name: "a session", request: "GET /api/sessions/one", status: 200,
			want: `{"id":"one","url":"/s/one","apiServer":"http://localhost:8080/k8s/one","expiresAt":"2026-11-23T07:00:00Z","options":{}}`},
		{name: "close it", request: "DELETE /api/sessions/one", status: 204},
		{name: "topology", request: "GET /api/sessions/one/topology", status: 200, want: `{"vertices":[],"edges":[]}`},
		{name: "journeys", request: "GET /api/sessions/one/journeys", status: 200, want: `[]`},
		{name: "apply", request: "POST /api/sessions/one/apply", body: "kind: Pod", status: 200, want: `[{"document":1,"line":1,"action":"created"}]`},
		{name: "dry run", request: "POST /api/sessions/one/apply?dryRun=true", body: "kind: Pod", status: 200, want: `[{"document":1,"line":1,"action":"unchanged"}]`},
		{name: "compare", request: "POST /api/sessions/one/apply?dryRun=true&compare=true", body: "kind: Pod", status: 200, want: `[{"document":1,"line":1,"action":"unchanged","after":"kind: Pod"}]`},
		{name: "what if, as things are", request: "POST /api/sessions/one/what-if", status: 200, want: `{"results":[{"document":0,"line":0}],"conversations":null,"seen":0,"window":0,"reachability":{"groups":null,"targets":null,"verdicts":null,"before":null}}`},
		{name: "what if it were applied", request: "POST /api/sessions/one/what-if", body: "kind: Pod", status: 200, want: `{"results":[{"document":0,"line":0,"action":"kind: Pod"}],"conversations":null,"seen":0,"window":0,"reachability":{"groups":null,"targets":null,"verdicts":null,"before":null}}`},
		{name: "what if it were applied, and another deleted", request: "POST /api/sessions/one/what-if", headers: []string{"Content-Type: application/json; charset=utf-8"},
			body: `{"apply":"kind: Pod","delete":["default/there"]}`, status: 200, want: `{"results":[{"document":0,"line":0,"action":"kind: Pod"}],"conversations":null,"seen":0,"window":1,"reachability":{"groups":null,"targets":null,"verdicts":null,"before":null}}`},
		{name: "request", request: "POST /api/sessions/one/requests", body: `{"from":"client","to":" http://a "}`, status: 200,
			want: `{"answers":[],"journeys":["client\u003ehttp://a"]}`},
		{name: "open a session of one's own", request: "POST /api/sessions", body: `{"nodes":5,"cni":"bridge","dualStack":true}`, status: 201,
			want: `{"id":"new1","url":"/s/new1","apiServer":"http://localhost:8080/k8s/new1","expiresAt":"2026-11-23T07:00:00Z","options":{"nodes":5,"cni":"bridge","dualStack":true}}`},
		{name: "change it", request: "PATCH /api/sessions/one", body: `{"cni":"vxlan"}`, status: 200,
			want: `{"id":"one","url":"/s/one","apiServer":"http://localhost:8080/k8s/one","expiresAt":"2026-11-23T07:00:00Z","options":{"cni":"vxlan"}}`},
		{name: "extend it", request: "POST /api/sessions/one/extend", status: 200,
			want: `{"id":"one","url":"/s/one","apiServer":"http://localhost:8080/k8s/one","expiresAt":"2026-11-23T07:00:00Z","options":{}}`},
		{name: "start it over", request: "POST /api/sessions/one/start-over", status: 201,
			want: `{"id":"new1","url":"/s/new1","apiServer":"http://localhost:8080/k8s/new1","expiresAt":"2026-11-23T07:00:00Z","options":{}}`},
		{name: "add a node", request: "POST /api/sessions/one/nodes", status: 201, want: `{"name":"node-4"}`},
		{name: "stop it", request: "POST /api/sessions/one/nodes/node-1/stop", status: 204},
		{name: "start it", request: "POST /api/sessions/one/nodes/node-1/start", status: 204},
		{name: "cordon it", request: "POST /api/sessions/one/nodes/node-1/cordon", status: 204},
		{name: "the faults", request: "GET /api/sessions/one/faults", status: 200, want: `[{"id":"dns","kind":"dns","target":"service/kube-system/kube-dns","text":"2000 ms","settings":{"delayMs":2000}}]`},
		{name: "a fault", request: "PUT /api/sessions/one/faults/link.node.node-1", body: `{"loss":30}`, status: 200, want: `{"id":"link.node.node-1","kind":"link","target":"node/node-1","text":"broken","settings":{"loss":30}}`},
		{name: "undone", request: "DELETE /api/sessions/one/faults/dns", status: 204},
		{name: "all undone", request: "DELETE /api/sessions/one/faults", status: 204},
		{name: "killed", request: "POST /api/sessions/one/kill", body: `{"pod":"pod/default/web","container":"web"}`, status: 204},
		{name: "look at it", request: "GET /api/sessions/one/nodes/node-1/look?at=route", status: 200, want: "default via 172.18.0.1 dev eth0"},
		{name: "alive", request: "GET /healthz", status: 200, want: "ok"},
		{name: "ready", request: "GET /readyz", status: 200, want: "ok"},
		{name: "HEAD of what has GET", request: "HEAD /healthz", status: 200, want: "ok"}, // net/http drops the body

		{name: "index", request: "GET /", status: 200, want: "page: index"},
		{name: "front", request: "GET /playground", status: 200, want: "page: front"},
		{name: "lesson's front", request: "GET /lessons/first", status: 200, want: "page: front first"},
		{name: "lesson in a frame", request: "GET /embed/lessons/first", status: 200, want: "page: embed first"},
		{name: "playground in a frame", request: "GET /embed/playground", status: 200, want: "page: embed"},
		{name: "learn", request: "GET /s/one", status: 200, want: "page: learn /s/one http://localhost:8080/k8s/one"},
		{name: "static", request: "GET /static/a.js", status: 200, want: "page: /static/a.js"},

		{name: "no such session", request: "GET /api/sessions/two", status: 404, want: "no-session"},
		{name: "no such session to close", request: "DELETE /api/sessions/two", status: 404, want: "no-session"},
		{name: "no such session to apply to", request: "POST /api/sessions/two/apply", status: 404, want: "no-session"},
		{name: "no such session to ask", request: "POST /api/sessions/two/requests", status: 404, want: "no-session"},
		{name: "no such session to watch", request: "GET /api/sessions/two/stream", status: 404, want: "no-session"},
		{name: "access to the API", request: "GET /api/sessions/one/access", status: 200, want: `{"path":"/k8s/one","token":"token-of-one"}`},
		{name: "no such session's access", request: "GET /api/sessions/two/access", status: 404, want: "no-session"},
		{name: "no such session's kubeconfig", request: "GET /api/sessions/two/kubeconfig", status: 404, want: "no-session"},
		{name: "no such session's page", request: "GET /s/two", status: 410, want: "page: gone"},
		{name: "packets", request: "GET /api/sessions/one/packets?vertex=client&device=eth0", status: 200, want: "client eth0"},
		{name: "packets of a filter", request: "GET /api/sessions/one/packets?verdict=dropped&vertex=client", status: 200, want: "client"},
		{name: "packets of no verdict", request: "GET /api/sessions/one/packets?verdict=lost", status: 422, want: "invalid"},
		{name: "packets that follow how", request: "GET /api/sessions/one/packets?follow=maybe", status: 422, want: "invalid"},
		{name: "what following would be", request: "HEAD /api/sessions/one/packets?follow=true", status: 200},
		{name: "journeys of no protocol", request: "GET /api/sessions/one/journeys?protocol=x", status: 422, want: "invalid"},
		{name: "no such packets", request: "GET /api/sessions/one/packets?journey=none", status: 404, want: "no-journey"},
		{name: "no such journey", request: "GET /api/sessions/one/journeys/x", status: 404, want: "no-journey"},
		{name: "no such lesson", request: "POST /lessons/second", status: 404, want: "page: not found"},
		{name: "no such path of the API", request: "GET /api/nothing", headers: []string{browser}, status: 404, want: "about:blank: There is nothing at /api/nothing. /api/openapi.yaml lists what there is."},
		{name: "no such page for a browser", request: "GET /nothing", headers: []string{browser}, status: 404, want: "page: not found"},
		{name: "no such page for a program", request: "GET /nothing", status: 404, want: "about:blank: There is nothing at /nothing. /api/openapi.yaml lists what there is."},
		{name: "no such method", request: "PUT /api/sessions/one", status: 405, want: "about:blank: What is at /api/sessions/one takes GET, HEAD, PATCH, DELETE."},

		{name: "options of the wrong type", request: "POST /api/sessions", body: `{"nodes":"three"}`, status: 400,
			want: `invalid: The body must be a JSON object: cannot unmarshal string into Go struct field SessionOptions.nodes of type int [nodes must be int, not string]`},
		{name: "an option that there is not", request: "POST /api/sessions", body: `{"node":3}`, status: 400,
			want: `invalid: The body must be a JSON object: unknown field "node" [node is not known]`},
		{name: "too many nodes", request: "POST /api/sessions", body: `{"nodes":9}`, status: 422,
			want: "invalid: nodes must be between 1 and 5, not 9. [nodes must be between 1 and 5, not 9]"},
		{name: "options without end", request: "POST /api/sessions", body: strings.Repeat(" ", 17<<10), status: 413, want: "too-large: At most 16384 bytes are taken."},
		{name: "no change", request: "PATCH /api/sessions/one", status: 400, want: "invalid: The body must be a JSON object: EOF"},
		{name: "another change", request: "PATCH /api/sessions/one", body: `{"nodes":2}`, status: 400,
			want: `invalid: The body must be a JSON object: unknown field "nodes" [nodes is not known]`},
		{name: "no such session to extend", request: "POST /api/sessions/two/extend", status: 404, want: "no-session"},
		{name: "no such session to start over", request: "POST /api/sessions/two/start-over", status: 404, want: "no-session"},
		{name: "no such lesson to start over", request: "POST /api/sessions/one/start-over?lesson=second", status: 404, want: "no-lesson"},
		{name: "started over from another origin", request: "POST /api/sessions/one/start-over", headers: []string{"Origin: http://evil.example"}, status: 403, want: "cross-origin"},
		{name: "no such CNI", request: "PATCH /api/sessions/one", body: `{"cni":"calico"}`, status: 422,
			want: `invalid: cni must be vxlan, not "calico". [cni must be vxlan, not "calico"]`},
		{name: "no such node", request: "POST /api/sessions/one/nodes/node-9/stop", status: 404, want: "no-node: Node node-9: not found: there are node-1."},
		{name: "no such node to look at", request: "GET /api/sessions/one/nodes/node-9/look?at=route", status: 404, want: "no-node"},
		{name: "no such session's node", request: "POST /api/sessions/two/nodes/node-1/stop", status: 404, want: "no-session"},
		{name: "the last node", request: "DELETE /api/sessions/one/nodes/node-1", status: 409, want: "conflict: Node-1 is the cluster's only node."},
		{name: "nothing to look at", request: "GET /api/sessions/one/nodes/node-1/look", status: 422, want: "invalid: at must be route. [at must be route]"},
		{name: "a fault of nothing", request: "PUT /api/sessions/one/faults/link.node.node-9", body: `{"loss":30}`, status: 404, want: "no-target: Fault link.node.node-9: not found."},
		{name: "a fault that cannot be", request: "PUT /api/sessions/one/faults/link.node.node-1", body: `{"loss":130}`, status: 422, want: "invalid: loss must be less. [loss must be less]"},
		{name: "a fault of unknown settings", request: "PUT /api/sessions/one/faults/link.node.node-1", body: `{"lost":30}`, status: 400, want: "invalid"},
		{name: "a fault undone twice", request: "DELETE /api/sessions/one/faults/link.node.node-1", status: 404, want: "no-target"},
		{name: "nobody to kill", request: "POST /api/sessions/one/kill", body: `{"pod":"pod/default/x"}`, status: 404, want: "no-target"},
		{name: "a look changes nothing", request: "POST /api/sessions/one/nodes/node-1/look?at=route", status: 405, want: "about:blank: What is at /api/sessions/one/nodes/node-1/look takes GET, HEAD."},

		{name: "a dry run that is none", request: "POST /api/sessions/one/apply?dryRun=All", body: "kind: Pod", status: 422, want: "invalid: dryRun must be true or false. [dryRun must be true or false]"},
		{name: "compare alone", request: "POST /api/sessions/one/apply?compare=true", body: "kind: Pod", status: 422, want: "invalid: compare is for dry runs: set dryRun too. [compare is for dry runs: set dryRun too]"},
		{name: "an empty paste", request: "POST /api/sessions/one/apply", body: "\n", status: 422, want: "invalid: There is no manifest in what was sent."},
		{name: "what if, deleted what there is not", request: "POST /api/sessions/one/what-if", headers: []string{"Content-Type: application/json"}, body: `{"delete":["x/y"]}`, status: 422,
			want: `invalid: delete[0] networkpolicies "x/y" not found. [delete[0] networkpolicies "x/y" not found]`},
		{name: "what if, another field", request: "POST /api/sessions/one/what-if", headers: []string{"Content-Type: application/json"}, body: `{"remove":[]}`, status: 400,
			want: `invalid: The body must be a JSON object: unknown field "remove" [remove is not known]`},
		{name: "what if of another session", request: "POST /api/sessions/two/what-if", status: 404, want: "no-session"},
		{name: "what if from another origin", request: "POST /api/sessions/one/what-if", headers: []string{"Origin: http://evil.example"}, status: 403, want: "cross-origin"},
		{name: "not JSON", request: "POST /api/sessions/one/requests", body: `from: client`, status: 400, want: "invalid: The body must be a JSON object: invalid character 'r' in literal false (expecting 'a')"},
		{name: "no JSON", request: "POST /api/sessions/one/requests", status: 400, want: "invalid: The body must be a JSON object: EOF"},
		{name: "a field too many", request: "POST /api/sessions/one/requests", body: `{"from":"client","too":"x"}`, status: 400,
			want: `invalid: The body must be a JSON object: unknown field "too" [too is not known]`},
		{name: "a field of the wrong type", request: "POST /api/sessions/one/requests", body: `{"count":"x"}`, status: 400,
			want: `invalid: The body must be a JSON object: cannot unmarshal string into Go struct field Request.count of type int [count must be int, not string]`},
		{name: "two objects", request: "POST /api/sessions/one/requests", body: `{"from":"client","to":"a"}{}`, status: 400, want: "invalid: There is more after the JSON object."},
		{name: "everything wrong", request: "POST /api/sessions/one/requests", body: `{"from":"pod/x","to":"","method":"G E T","count":101}`, status: 422,
			want: "invalid: from must be client, node/NAME or pod/NAMESPACE/NAME; to must be a URL or host:port, of at most 2048 characters; method must be an HTTP method, such as GET; count must be between 1 and 100." +
				" [from must be client, node/NAME or pod/NAMESPACE/NAME] [to must be a URL or host:port, of at most 2048 characters] [method must be an HTTP method, such as GET] [count must be between 1 and 100]"},
		{name: "a sender without a name", request: "POST /api/sessions/one/requests", body: `{"from":"node/","to":"a"}`, status: 422,
			want: "invalid: from must be client, node/NAME or pod/NAMESPACE/NAME. [from must be client, node/NAME or pod/NAMESPACE/NAME]"},
		{name: "no such sender", request: "POST /api/sessions/one/requests", body: `{"from":"pod/default/nobody","to":"a"}`, status: 422,
			want: "invalid: from pod/default/nobody: not found. [from pod/default/nobody: not found]"},
		{name: "a body that is too large", request: "POST /api/sessions/one/requests", body: strings.Repeat(" ", 17<<10), status: 413, want: "too-large: At most 16384 bytes are taken."},
		{name: "a place that is no number", request: "GET /api/sessions/one/stream?after=x", status: 422, want: "invalid: after must be the seq of a message, a whole number. [after must be the seq of a message, a whole number]"},
		{name: "no websocket", request: "GET /api/sessions/one/stream", status: 426, want: "about:blank: The stream is a websocket."},

		{name: "from another origin", request: "POST /api/sessions", headers: []string{"Origin: http://evil.example"}, status: 403, want: "cross-origin"},
		{name: "from another site", request: "POST /playground", headers: []string{"Sec-Fetch-Site: cross-site"}, status: 403, want: "cross-origin"},
		{name: "a change from another origin", request: "PATCH /api/sessions/one", body: `{"cni":"vxlan"}`, headers: []string{"Origin: http://evil.example"}, status: 403, want: "cross-origin"},
		{name: "a node stopped from another origin", request: "POST /api/sessions/one/nodes/node-1/stop", headers: []string{"Origin: http://evil.example"}, status: 403, want: "cross-origin"},
		{name: "from another page of this host", request: "DELETE /api/sessions/one", headers: []string{"Sec-Fetch-Site: same-site"}, status: 403, want: "cross-origin"},
		{name: "from our own page", request: "DELETE /api/sessions/one", headers: []string{"Sec-Fetch-Site: same-origin"}, status: 204},
		{name: "from a trusted origin", request: "DELETE /api/sessions/one", headers: []string{"Origin: https://class.example"}, status: 204},
		{name: "kubectl proxy's pages reach the API", request: "POST /k8s/one/api/v1/x", headers: []string{"Origin: http://evil.example"}, status: 200,
			want: "one POST /api/v1/x escaped=/api/v1/x uri=/api/v1/x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, newEngine("one"), func(c *Config) { c.Origins = []string{"https://class.example"} })
			response := ask(s.Handler(), test.request, test.body, test.headers...)
			got := textOf(response)
			if response.Header.Get("Content-Type") == problem.ContentType {
				got = problemText(t, got, response.StatusCode)
				if !strings.Contains(test.want, ":") {
					got, _, _ = strings.Cut(got, ":") // the kind is enough
				}
			}
			if response.StatusCode != test.status || got != test.want {
				t.Errorf("got  %d %s\nwant %d %s", response.StatusCode, got, test.status, test.want)
			}
			if strings.HasPrefix(test.request, "POST /k8s") {
				return
			}
			if h := response.Header; h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors") {
				t.Errorf("the headers lack protection: %v", h)
			}
		})
	}
}

// problemText writes a problem as "type: detail [field detail]".
func problemText(t *testing.T, text string, status int) string {
	t.Helper()
	var p problem.Problem
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if p.Status != status || p.Title == "" || p.Type == "" {
		t.Errorf("a problem without status, title or type: %s", text)
	}
	got := strings.TrimPrefix(p.Type, "urn:podhop:problem:") + ": " + p.Detail
	for _, e := range p.Errors {
		got += " [" + e.Field + " " + e.Detail + "]"
	}
	return got
}

func TestErrorsOfTheEngine(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		want   string
	}{
		{model.ErrFull, 503, "full: This server holds as many sessions as it can. Try again in some minutes."},
		{fmt.Errorf("open a session: %w", model.ErrClosed), 503, "closing: The session or the server is just closing."},
		{fmt.Errorf("%w: a newer Podhop has written it", model.ErrLost), 410, "lost-session: A newer Podhop has written it."},
		{fmt.Errorf("open a session: API: %w", syscall.ENOSPC), 507, "no-space: The server's disk is full: a session that it cannot keep is not opened."},
		{context.DeadlineExceeded, 504, "timeout: The cluster did not answer in time."},
		{errors.New("secret"), 500, "about:blank: Something went wrong on our side; the server's log says what."},
		{fmt.Errorf("%w: a paste may have 5 bytes", model.ErrTooLarge), 413, "too-large: A paste may have 5 bytes."},
		{fmt.Errorf("%w: bad target", model.ErrInvalid), 422, "invalid: Bad target."},
		{fmt.Errorf("%w: there are five", model.ErrConflict), 409, "conflict: There are five."},
	} {
		engine := newEngine("one")
		engine.openErr, engine.sessions["one"].err = test.err, test.err
		handler := newServer(t, engine, nil).Handler()
		for _, request := range []string{"POST /api/sessions", "DELETE /api/sessions/one", "GET /api/sessions/one/kubeconfig", "GET /api/sessions/one/access", "POST /api/sessions/one/apply", "POST /api/sessions/one/what-if", "POST /api/sessions/one/requests", "POST /api/sessions/one/nodes"} {
			body := ""
			if strings.HasSuffix(request, "apply") || strings.HasSuffix(request, "requests") {
				body = `{"from":"client","to":"a"}`
			}
			response := ask(handler, request, body)
			if got := problemText(t, textOf(response), response.StatusCode); response.StatusCode != test.status || got != test.want {
				t.Errorf("%s: got %d %s, want %d %s", request, response.StatusCode, got, test.status, test.want)
			}
			if (response.Header.Get("Retry-After") != "") != (test.status == 503) {
				t.Errorf("%s: Retry-After is %q", request, response.Header.Get("Retry-After"))
			}
		}
		response := ask(handler, "POST /playground", "")
		if got := textOf(response); response.StatusCode != test.status || !strings.HasPrefix(got, "page: ") || strings.Contains(got, "secret") {
			t.Errorf("the page: got %d %s", response.StatusCode, got)
		}
	}
}

func TestPlayground(t *testing.T) {
	engine := newEngine()
	handler := newServer(t, engine, nil).Handler()
	for _, test := range []struct {
		request, body, location, applied string
		options                          model.SessionOptions
	}{
		{request: "POST /playground", location: "/s/new0"},
		{request: "POST /playground", body: "lesson=first", location: "/s/new1?lesson=first", applied: "kind: first"},
		{request: "POST /lessons/first", location: "/s/new2?lesson=first", applied: "kind: first"},
		{request: "POST /playground", body: "nodes=2&cni=vxlan&dualStack=on", location: "/s/new3", options: model.SessionOptions{Nodes: 2, CNI: "vxlan", DualStack: true}},
		{request: "POST /playground", body: "nodes=&cni=", location: "/s/new4"},
		{request: "POST /playground?embed=true", body: "lesson=first", location: "/s/new5?embed=true&lesson=first", applied: "kind: first"},
	} {
		response := ask(handler, test.request, test.body, "Content-Type: application/x-www-form-urlencoded")
		if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != test.location {
			t.Errorf("%s: got %d to %s, want %s", test.request, response.StatusCode, response.Header.Get("Location"), test.location)
			continue
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(test.location, "/s/"), "?")
		if got := strings.Join(engine.sessions[id].applied, ""); got != test.applied {
			t.Errorf("%s: applied %q, want %q", test.request, got, test.applied)
		}
		if got := engine.sessions[id].options; got != test.options {
			t.Errorf("%s: opened with %+v, want %+v", test.request, got, test.options)
		}
	}
	for body, want := range map[string]string{
		"nodes=three":     "page: Invalid request | nodes must be a whole number.",
		"nodes=9":         "page: Invalid request | nodes must be between 1 and 5, not 9.",
		"dualStack=maybe": "page: Invalid request | dualStack must be true or false.",
	} {
		response := ask(handler, "POST /playground", body, "Content-Type: application/x-www-form-urlencoded")
		if got := textOf(response); response.StatusCode != 422 || got != want {
			t.Errorf("%s: got %d %s, want %s", body, response.StatusCode, got, want)
		}
	}
	if response := ask(handler, "POST /playground", "lesson="+strings.Repeat("x", 5000), "Content-Type: application/x-www-form-urlencoded"); response.StatusCode != 400 {
		t.Errorf("a huge form: got %d", response.StatusCode)
	}
}

// The lesson that was begun is begun anew; who cannot start over keeps the session.
func TestStartOver(t *testing.T) {
	engine := newEngine("one", "stuck")
	handler := newServer(t, engine, nil).Handler()
	for request, want := range map[string]string{
		"POST /api/sessions/stuck/start-over": "conflict: Somebody starts this session over already.",
		"POST /api/sessions/stuck/extend":     "conflict: A session lasts 8h at most.",
	} {
		if response := ask(handler, request, ""); response.StatusCode != http.StatusConflict {
			t.Errorf("%s: got %d", request, response.StatusCode)
		} else if got := problemText(t, textOf(response), 409); got != want {
			t.Errorf("%s: got %s", request, got)
		}
	}
	engine.sessions["one"].options.Nodes = 2
	response := ask(handler, "POST /api/sessions/one/start-over?lesson=first", "")
	if response.StatusCode != http.StatusCreated || response.Header.Get("Location") != "/api/sessions/new2" {
		t.Fatalf("got %d to %q: %s", response.StatusCode, response.Header.Get("Location"), textOf(response))
	}
	if s := engine.sessions["new2"]; s.options.Nodes != 2 || strings.Join(s.applied, "") != "kind: first" || s.home["b.yaml"] != "kind: offered" {
		t.Errorf("it is opened with %+v, and furnished with %q and %q", s.options, s.applied, s.home)
	}
	if response := ask(handler, "GET /api/sessions/one", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("the old one answers %d", response.StatusCode)
	}
	engine.openErr = model.ErrClosed
	if response := ask(handler, "POST /api/sessions/new2/start-over", ""); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("when none can be opened: got %d", response.StatusCode)
	}
	if response := ask(handler, "GET /api/sessions/new2", ""); response.StatusCode != http.StatusOK {
		t.Errorf("the old one answers %d", response.StatusCode)
	}
}

// A paste of 5 MB is answered, though its writer has not read anything before it
// has written it all.
func TestHugePaste(t *testing.T) {
	engine := newEngine("one")
	server := httptest.NewServer(newServer(t, engine, nil).Handler())
	defer server.Close()
	for _, size := range []int{3<<20 + 1, 5_000_000} {
		// Without a length, as a stream: the server cannot know beforehand.
		body := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("#"), size)))
		response, err := http.Post(server.URL+"/api/sessions/one/apply", "application/yaml", body)
		if err != nil {
			t.Fatal(err)
		}
		got := problemText(t, textOf(response), response.StatusCode)
		response.Body.Close()
		if response.StatusCode != http.StatusRequestEntityTooLarge || got != "too-large: At most 3145728 bytes are taken." {
			t.Errorf("%d bytes: got %d %s", size, response.StatusCode, got)
		}
	}
	if len(engine.sessions["one"].applied) != 0 {
		t.Error("it reached the session")
	}
	response := ask(newServer(t, engine, nil).Handler(), "POST /api/sessions/one/apply", strings.Repeat("#", 3<<20))
	if response.StatusCode != 200 {
		t.Errorf("a paste just within the limit: got %d %s", response.StatusCode, textOf(response))
	}
}

func TestPanic(t *testing.T) {
	engine := newEngine("one")
	s := newServer(t, engine, func(c *Config) { c.Ready = []Check{{"oops", func(context.Context) error { panic("oops") }}} })
	if response := ask(s.Handler(), "GET /readyz", ""); response.StatusCode != 500 {
		t.Errorf("got %d", response.StatusCode)
	}
}

func TestMetrics(t *testing.T) {
	s := newServer(t, newEngine("one"), nil)
	for range 3 {
		ask(s.Handler(), "GET /api/sessions/one/topology", "")
	}
	ask(s.Handler(), "GET /api/sessions/two/topology", "")
	ask(s.Handler(), "POST /api/sessions/one/apply", "kind: Pod")
	ask(s.Handler(), "GET /nothing/with/an/end", "")
	ask(s.Handler(), "MADEUP /api/sessions", "")
	text := textOf(ask(s.Handler(), "GET /metrics", ""))
	for _, want := range []string{
		"podhop_sessions 1",
		`podhop_build_info{version="test"} 1`,
		`podhop_http_request_seconds_count{code="200",method="GET",route="/api/sessions/{id}/topology"} 3`,
		`podhop_http_request_seconds_count{code="404",method="GET",route="/api/sessions/{id}/topology"} 1`,
		`podhop_applied_documents_total{action="created"} 1`,
		"podhop_viewers 0", "podhop_stream_messages_total 0", "podhop_stream_lost_total 0", "go_goroutines ",
	} {
		if !strings.Contains(text, want+"\n") && !strings.Contains(text, "\n"+want) {
			t.Errorf("no %q", want)
		}
	}
	for _, never := range []string{"nothing/with/an/end", "MADEUP"} {
		if strings.Contains(text, never) {
			t.Errorf("a label of what was asked for: %q", never)
		}
	}
}
