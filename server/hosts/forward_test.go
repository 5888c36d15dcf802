package hosts

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/endpoints/responsewriter"
)

// A peer is a host with its servers.
type peer struct {
	*host
	forward *Forward
	front   *httptest.Server // for everybody
	back    net.Listener     // for peers
	stuck   atomic.Bool      // it never answers
	full    atomic.Bool      // who opens a session waits
	asked   atomic.Int32
	awake   chan struct{} // closed when the test is over
}

// site makes hosts of these names that answer with what they were asked.
func site(t *testing.T, f *fake, names ...string) map[string]*peer {
	all := map[string]*peer{}
	for _, name := range names {
		back, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := &peer{host: joinAt(t, f, name, back.Addr().String(), 5), back: back, awake: make(chan struct{})}
		all[name] = p
		authority, err := Agreed(t.Context(), p.line, "peers", NewAuthority)
		if err != nil {
			t.Fatal(err)
		}
		known, err := Peers(authority)
		if err != nil {
			t.Fatal(err)
		}
		p.forward = NewForward(ForwardConfig{
			Cluster: p.Cluster, Peers: known, APIPort: len(name), Log: slog.New(slog.DiscardHandler),
			Session: func(r *http.Request) (string, bool) {
				id, ok := strings.CutPrefix(r.URL.Path, "/s/")
				return id, ok
			},
			Opens: func(r *http.Request) bool { return r.URL.Path == "/open" },
			Ticket: func(r *http.Request) (string, bool) {
				mark := r.URL.Query().Get("ticket")
				return mark, mark != ""
			},
			Room:  func() bool { return !p.full.Load() },
			Adopt: func(context.Context, string) error { return nil },
			Away: func(w http.ResponseWriter, _ *http.Request, err error) {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			},
		})
		own := http.HandlerFunc(p.answer)
		p.front = httptest.NewServer(p.forward.Handler("page", own))
		t.Cleanup(p.front.Close)
		server := &http.Server{Handler: p.forward.PeerHandler(map[string]http.Handler{"page": own}), TLSConfig: known,
			ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
		go server.ServeTLS(back, "", "")
		t.Cleanup(func() { server.Close(); close(p.awake) })
	}
	return all
}

// answer says who answers what to whom; an upgrade is answered with what was said, line by line.
func (p *peer) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.asked.Add(1)
	if p.stuck.Load() {
		<-p.awake // whatever becomes of who asked
	}
	port, _ := APIPort(r.Context())
	said := fmt.Sprintf("%s: %s %s %q host=%s origin=%q for=%q via=%d", p.name, r.Method, r.URL, body, r.Host,
		r.Header.Get(originHeader), r.Header.Get("X-Forwarded-For"), port)
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("Client", r.RemoteAddr)
		fmt.Fprint(w, said)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	defer context.AfterFunc(r.Context(), func() { conn.Close() })()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n%s\n", said)
	rw.Flush()
	io.Copy(conn, rw)
}

func ask(t *testing.T, p *peer, method, path, body string) (status int, said string, h http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.front.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "podhop.example"
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	r.Header.Set(originHeader, "made up")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), resp.Header
}

func TestForward(t *testing.T) {
	f := newFake()
	all := site(t, f, "a", "b")
	a, b := all["a"], all["b"]
	if err := a.Place(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	until(t, "b knows", func() error {
		_, peer, err := b.Find(t.Context(), "one")
		if err == nil && peer.Name != "a" {
			err = fmt.Errorf("at %+v", peer)
		}
		return err
	})
	for _, p := range []*peer{a, b} {
		via := map[bool]int{true: 1}[p == b]
		want := fmt.Sprintf(`a: POST /s/one?x=1 "text" host=podhop.example origin="" for="192.0.2.1" via=%d`, via)
		status, said, h := ask(t, p, "POST", "/s/one?x=1", "text")
		if status != 200 || said != want || !strings.HasPrefix(h.Get("Client"), "127.0.0.1:") {
			t.Errorf("through %s: %d %s, client %q; want %s", p.name, status, said, h.Get("Client"), want)
		}
		if _, said, _ := ask(t, p, "GET", "/else", ""); !strings.HasPrefix(said, p.name+": ") {
			t.Errorf("what is about no session is answered by %s", said)
		}
		if status, said, _ := ask(t, p, "GET", "/s/none", ""); status != 200 || !strings.HasPrefix(said, p.name+": ") {
			t.Errorf("a session that there is not: %d %s; want the host's own words", status, said)
		}
		until(t, "what opens a session goes where most room is", func() error {
			if _, said, _ := ask(t, p, "POST", "/open", "new"); !strings.HasPrefix(said, `b: POST /open "new"`) {
				return fmt.Errorf("through %s: %s", p.name, said)
			}
			return nil
		})
	}
}

// TestForwardFull has hosts without room pass on what opens sessions, and answer for the tickets
// that they gave.
func TestForwardFull(t *testing.T) {
	f := newFake()
	all := site(t, f, "a", "b", "c")
	for _, p := range all {
		until(t, "it knows the others", func() error {
			if n := len(p.Candidates()); n != 3 {
				return fmt.Errorf("it knows %d", n)
			}
			return nil
		})
	}
	opened := func(through *peer, query, want string) {
		t.Helper()
		if status, said, _ := ask(t, through, "POST", "/open"+query, "new"); status != 200 || !strings.HasPrefix(said, want+`: POST /open`+query+` "new"`) {
			t.Errorf("through %s: %d %s; want %s", through.name, status, said, want)
		}
	}
	all["a"].full.Store(true)
	all["b"].full.Store(true)
	for _, p := range all {
		opened(p, "", "c")
		for name, by := range all {
			opened(p, "?ticket="+by.forward.Mark(), name) // though others have room
			if _, said, _ := ask(t, p, "GET", "/queue?ticket="+by.forward.Mark(), ""); !strings.HasPrefix(said, name+": ") {
				t.Errorf("through %s: a ticket of %s is answered %s", p.name, name, said)
			}
		}
		opened(p, "?ticket=gone", "c")
		if _, said, _ := ask(t, p, "GET", "/queue?ticket=gone", ""); !strings.HasPrefix(said, p.name+": ") {
			t.Errorf("a ticket of nobody's is answered %s; want the host's own words", said)
		}
	}
	all["c"].full.Store(true)
	for _, p := range all {
		opened(p, "", "a") // which says to wait
	}
}

// TestForwardUpgrade moves a session while somebody is connected to it through another host.
func TestForwardUpgrade(t *testing.T) {
	f := newFake()
	all := site(t, f, "a", "b")
	a, b := all["a"], all["b"]
	if err := a.Place(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	served(t, "one", a.host)
	conn, err := net.Dial("tcp", b.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(conn, "GET /s/one HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%+v, %v", resp, err)
	}
	fmt.Fprintln(conn, "hello")
	for _, want := range []string{"a: GET /s/one", "hello"} {
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("it said %q, %v; want %q", line, err, want)
		}
	}
	if err := a.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if line, err := in.ReadString('\n'); err == nil {
		t.Errorf("the connection to who has left goes on: %q", line)
	}
	for _, p := range []*peer{a, b} {
		until(t, "it is at b", func() error {
			if status, said, _ := ask(t, p, "GET", "/s/one", ""); status != 200 || !strings.HasPrefix(said, "b: ") {
				return fmt.Errorf("through %s: %d %s", p.name, status, said)
			}
			return nil
		})
	}
}

// TestForwardGone has a host fall silent while somebody waits for its answer.
func TestForwardGone(t *testing.T) {
	f := newFake()
	all := site(t, f, "a", "b")
	a, b := all["a"], all["b"]
	if err := a.Place(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	served(t, "one", a.host)
	a.stuck.Store(true)
	type answer struct {
		status int
		said   string
	}
	got := make(chan answer, 1)
	go func() {
		status, said, _ := ask(t, b, "GET", "/s/one", "")
		got <- answer{status, said}
	}()
	until(t, "a is asked", func() error {
		if a.asked.Load() == 0 {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	a.Close()
	if is := <-got; is.status != 200 && is.status != 503 || is.status == 200 && !strings.HasPrefix(is.said, "b: ") {
		t.Errorf("who waited is answered %+v", is)
	}
}

// TestPeersAlone has others than peers ask where only those may.
func TestPeersAlone(t *testing.T) {
	p := site(t, newFake(), "a")["a"]
	strange, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := Peers(strange)
	if err != nil {
		t.Fatal(err)
	}
	for what, known := range map[string]*tls.Config{
		"nobody":       {InsecureSkipVerify: true},
		"another site": {InsecureSkipVerify: true, Certificates: stranger.Certificates},
	} {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: known}}
		if resp, err := client.Get("https://" + p.back.Addr().String() + "/s/one"); err == nil {
			t.Errorf("%s is answered %s", what, resp.Status)
		}
	}
	// And who is asked in the name of a peer must be one.
	if _, err := p.forward.transport.RoundTrip(must(http.NewRequest("GET", strings.Replace(p.front.URL, "http", "https", 1), nil))); err == nil {
		t.Error("a host believes whoever answers")
	}
}

// TestOrigin carries what TLS said from host to host.
func TestOrigin(t *testing.T) {
	ca, err := sign(&x509.Certificate{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown := must(x509.ParseCertificate(ca.Certificate[0]))
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{ServerName: "one.session", PeerCertificates: []*x509.Certificate{shown}}
	o, state, err := readOrigin(origin("api", 7, true, r))
	if err != nil || o.Listener != "api" || o.APIPort != 7 || !o.Room || o.Client != r.RemoteAddr || state.ServerName != "one.session" ||
		len(state.PeerCertificates) != 1 || !state.PeerCertificates[0].Equal(shown) {
		t.Errorf("%+v %+v %v", o, state, err)
	}
	if _, _, err := readOrigin("made up"); err == nil {
		t.Error("anything is an origin")
	}
}

// TestStopped stops a host in the middle of an answer, until its lease may be over: it gives no
// answer, neither one that it has ready nor one without a word. Its timers have not run yet then.
func TestStopped(t *testing.T) {
	all := site(t, newFake(), "a")
	a := all["a"]
	if err := a.Place(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"ready":          func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "what was") },
		"without a word": func(http.ResponseWriter, *http.Request) {},
	} {
		served(t, "one", a.host)
		w := httptest.NewRecorder()
		again, err := a.forward.serve(w, httptest.NewRequest("GET", "/s/one", nil), "one", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.ahead.Add(int64(ttl))
			answer(w, r)
		}))
		if said := w.Body.String(); said != "" || again || (err == nil && w.Code == 200) {
			t.Errorf("%s: %d %q, again %v, %v", name, w.Code, said, again, err)
		}
	}
}

// TestGuard cuts answers off that are not this host's to give any more.
func TestGuard(t *testing.T) {
	may := true
	for name, c := range map[string]struct {
		before, after bool // whether it may, when the answer begins and later
		status        int
		body          string
		cut           bool
	}{
		"may":     {true, true, 200, "onetwo", false},
		"never":   {false, false, 503, "", false},
		"no more": {true, false, 200, "one", true},
	} {
		w := httptest.NewRecorder()
		g := &guard{ResponseWriter: w, may: func() bool { return may }}
		may = c.before
		io.WriteString(g, "one")
		may = c.after
		io.WriteString(g, "two")
		if w.Code != c.status || w.Body.String() != c.body || g.cut != c.cut {
			t.Errorf("%s: %d %q, cut %v; want %d %q %v", name, w.Code, w.Body, g.cut, c.status, c.body, c.cut)
		}
	}
}

// TestGuardFlushes has upstream's chain of handlers believe that what is written can be sent at once, as a log is that
// somebody follows.
func TestGuardFlushes(t *testing.T) {
	read := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := &guard{ResponseWriter: w, may: func() bool { return true }, ctx: r.Context()}
		chained := responsewriter.WrapForHTTP1Or2(wrapped{g})
		io.WriteString(chained, "line\n")
		flusher, ok := chained.(http.Flusher)
		if !ok {
			t.Error("it does not believe it")
			return
		}
		flusher.Flush()
		<-read
	}))
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if line, err := bufio.NewReader(answer.Body).ReadString('\n'); err != nil || line != "line\n" {
		t.Errorf("read %q, %v", line, err)
	}
	close(read)
}

// wrapped is what one of upstream's handlers makes of a writer.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
