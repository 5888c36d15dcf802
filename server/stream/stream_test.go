package stream

//lint:file-ignore SA1019 see stream.go

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"github.com/podhop/podhop/engine/feed"
	"github.com/podhop/podhop/engine/model"
)

// start serves f's stream; the URL is the websocket's.
func start(t *testing.T, f *feed.Feed, cfg Config) string {
	t.Helper()
	s := New(cfg)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
		s.Serve(w, r, f.Subscribe(after))
	}))
	base, cancel := context.WithCancel(context.Background())
	server.Config.BaseContext = func(net.Listener) context.Context { return base }
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10) // so that slow viewers are slow soon
		}
	}
	server.Start()
	t.Cleanup(func() { cancel(); server.Close() })
	return server.URL
}

func dial(t *testing.T, url string, after uint64) *viewer {
	t.Helper()
	if after > 0 {
		url += fmt.Sprint("?after=", after)
	}
	conn, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	t.Cleanup(func() { conn.CloseNow() })
	return &viewer{Conn: conn}
}

// A viewer has read frames, and not all of their messages yet.
type viewer struct {
	*websocket.Conn
	rest [][]byte
}

func next(t *testing.T, v *viewer) model.Message {
	t.Helper()
	if len(v.rest) == 0 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, frame, err := v.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		v.rest = bytes.SplitAfter(bytes.TrimSuffix(frame, []byte{'\n'}), []byte{'\n'})
	}
	text := v.rest[0]
	v.rest = v.rest[1:]
	var m model.Message
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return m
}

// eventually waits for something that happens elsewhere.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
}

func journey(f *feed.Feed, id string) { f.Journey(&model.Journey{ID: id}) }

func TestCutAndResume(t *testing.T) {
	f := feed.New(feed.Config{}, model.Session{ID: "s"})
	url := start(t, f, Config{})
	conn := dial(t, url, 0)
	if m := next(t, conn); m.Type != "snapshot" || m.Snapshot.Session.ID != "s" {
		t.Fatalf("got %+v", m)
	}
	journey(f, "one")
	m := next(t, conn)
	if m.Type != "journey" || m.Journey.ID != "one" {
		t.Fatalf("got %+v", m)
	}
	conn.CloseNow() // the line breaks
	eventually(t, "the cut viewer is let go of", func() bool { return f.Viewers() == 0 })
	journey(f, "two")
	journey(f, "three")
	conn = dial(t, url, m.Seq)
	for _, want := range []string{"two", "three"} {
		if m := next(t, conn); m.Journey == nil || m.Journey.ID != want {
			t.Fatalf("got %+v, want %s", m, want)
		}
	}
}

func TestTwoViewers(t *testing.T) {
	f := feed.New(feed.Config{}, model.Session{})
	sent := make(chan int, 100)
	url := start(t, f, Config{Sent: func(n int) { sent <- n }})
	a, b := dial(t, url, 0), dial(t, url, 0)
	next(t, a)
	next(t, b)
	journey(f, "one")
	for _, conn := range []*viewer{a, b} {
		if m := next(t, conn); m.Seq != 1 || m.Journey.ID != "one" {
			t.Errorf("got %+v", m)
		}
	}
	total := 0
	for total < 4 {
		total += <-sent
	}
	a.Close(websocket.StatusNormalClosure, "")
	eventually(t, "one viewer is left", func() bool { return f.Viewers() == 1 })
	journey(f, "two")
	if m := next(t, b); m.Journey.ID != "two" {
		t.Errorf("got %+v", m)
	}
}

// A viewer who reads nothing keeps nobody from publishing, and is told what it
// missed when it reads again.
func TestSlowViewer(t *testing.T) {
	f := feed.New(feed.Config{LogMessages: 20, Journeys: 5}, model.Session{})
	var lost uint64
	url := start(t, f, Config{Lost: func(n uint64) { lost += n }})
	slow := dial(t, url, 0)
	next(t, slow)
	const published = 3000
	sentence := strings.Repeat("x", 10_000)
	began := time.Now()
	for n := range published {
		f.Journey(&model.Journey{ID: fmt.Sprint(n), Summary: sentence})
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("publishing took %v", took)
	}
	seen, missed := map[string]bool{}, 0
	for len(seen)+missed < published {
		switch m := next(t, slow); m.Type {
		case "journey":
			seen[m.Journey.ID] = true
		case "snapshot":
			for _, j := range m.Snapshot.Journeys {
				seen[j.ID] = true
			}
		case "lost":
			missed += int(m.Lost.Count)
		}
	}
	if len(seen)+missed != published || missed == 0 {
		t.Errorf("%d seen and %d missed of %d", len(seen), missed, published)
	}
	f.Close()
	eventually(t, "the viewer is let go of", func() bool { slow.Read(t.Context()); return f.Viewers() == 0 })
	if int(lost) != missed {
		t.Errorf("the metric says %d, the viewer %d", lost, missed)
	}
}

// A viewer who never reads again is cut off.
func TestDeadViewer(t *testing.T) {
	f := feed.New(feed.Config{}, model.Session{})
	url := start(t, f, Config{WriteTimeout: 100 * time.Millisecond})
	conn := dial(t, url, 0)
	next(t, conn)
	sentence := strings.Repeat("x", 100_000)
	eventually(t, "the dead viewer is cut off", func() bool {
		f.Journey(&model.Journey{Summary: sentence})
		return f.Viewers() == 0
	})
}

func TestQuietLineIsPinged(t *testing.T) {
	f := feed.New(feed.Config{}, model.Session{})
	url := start(t, f, Config{Ping: 50 * time.Millisecond})
	alive := dial(t, url, 0)
	next(t, alive)
	dead := dial(t, url, 0)
	next(t, dead)
	// Reading answers pings; who does not read, does not answer.
	go func() {
		time.AfterFunc(300*time.Millisecond, func() { journey(f, "after the pings") })
	}()
	if m := next(t, alive); m.Journey.ID != "after the pings" {
		t.Errorf("got %+v", m)
	}
	eventually(t, "who does not answer is let go of", func() bool { return f.Viewers() <= 1 })
}

func TestCloseCodes(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(f *feed.Feed, stop func(), conn *viewer)
		want websocket.StatusCode
	}{
		{"the session is gone", func(f *feed.Feed, _ func(), _ *viewer) { f.Close() }, Gone},
		{"the server goes away", func(_ *feed.Feed, stop func(), _ *viewer) { stop() }, websocket.StatusGoingAway},
		{"the session goes on in the next server", func(f *feed.Feed, _ func(), _ *viewer) { f.Leave(); f.Close() }, websocket.StatusGoingAway},
		{"the viewer talks", func(_ *feed.Feed, _ func(), conn *viewer) {
			conn.Write(context.Background(), websocket.MessageText, []byte("hello"))
		}, websocket.StatusPolicyViolation},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := feed.New(feed.Config{}, model.Session{})
			s := New(Config{})
			base, cancel := context.WithCancel(context.Background())
			defer cancel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Serve(w, r, f.Subscribe(0)) }))
			server.Config.BaseContext = func(net.Listener) context.Context { return base }
			server.Start()
			defer server.Close()
			conn := dial(t, server.URL, 0)
			next(t, conn)
			test.end(f, cancel, conn)
			for {
				_, text, err := conn.Read(t.Context())
				if err == nil {
					if !strings.Contains(string(text), `"closed"`) || test.want != Gone {
						t.Errorf("got %s", text)
					}
					continue
				}
				if got := websocket.CloseStatus(err); got != test.want {
					t.Errorf("got %d (%v), want %d", got, err, test.want)
				}
				break
			}
			eventually(t, "the viewer is let go of", func() bool { return f.Viewers() == 0 })
		})
	}
}

func TestForeignOriginIsRefused(t *testing.T) {
	f := feed.New(feed.Config{}, model.Session{})
	url := start(t, f, Config{})
	_, response, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"http://evil.example"}}})
	if err == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, %v", response, err)
	}
	eventually(t, "nobody is left", func() bool { return f.Viewers() == 0 })
}

func TestSessionIsFilledIn(t *testing.T) {
	f := feed.New(feed.Config{}, model.Session{ID: "s"})
	url := start(t, f, Config{Session: func(_ *http.Request, s model.Session) model.Session { s.URL = "/s/" + s.ID; return s }})
	conn := dial(t, url, 0)
	if m := next(t, conn); m.Snapshot.Session.URL != "/s/s" {
		t.Errorf("got %+v", m.Snapshot.Session)
	}
	f.SetSession(model.Session{ID: "s", ExpiresAt: "later"})
	if m := next(t, conn); m.Session.URL != "/s/s" || m.Session.ExpiresAt != "later" {
		t.Errorf("got %+v", m.Session)
	}
	sub := f.Subscribe(0)
	defer sub.Close()
	if m, _ := sub.Next(t.Context()); m.Snapshot.Session.URL != "" {
		t.Error("the feed's own session was changed")
	}
}
