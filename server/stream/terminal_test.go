package stream

//lint:file-ignore SA1019 see stream.go

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"github.com/podhop/podhop/engine/terminal"
)

// limit is how long a test waits for what must come.
const limit = 60 * time.Second

// terminals serve one Set; the URL is that of the terminal with the program.
func terminals(t *testing.T, cfg Config, bounds terminal.Config, run terminal.Program) (url string, set *terminal.Set, stop func()) {
	t.Helper()
	set = terminal.NewSet(bounds)
	t.Cleanup(func() { set.Close() })
	if _, err := set.Open(t.Context(), "client", run); err != nil {
		t.Fatal(err)
	}
	s := New(cfg)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := set.View("1")
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		s.ServeTerminal(w, r, v)
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
	return server.URL, set, cancel
}

// echo writes what it reads.
func echo(_ context.Context, p terminal.IO) (int, error) {
	p.Started()
	io.Copy(p.Out, p.In)
	return 0, nil
}

func attach(t *testing.T, url string) *Remote {
	t.Helper()
	r, err := DialTerminal(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.conn.CloseNow() })
	return r
}

// see reads until ok says so of what is on the screen.
func see(t *testing.T, r *Remote, what string, ok func(screen []byte, last terminal.Seen) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var screen []byte
	for {
		seen, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("%s never came: %v; seen:\n%.500q", what, err, screen)
		}
		if seen.Reset {
			screen = nil
		}
		if screen = append(screen, seen.Data...); ok(screen, seen) {
			return
		}
	}
}

func shows(want string) func([]byte, terminal.Seen) bool {
	return func(screen []byte, _ terminal.Seen) bool { return string(screen) == want }
}

// TestTerminal: typing, sizes, a reload, several viewers, the end.
func TestTerminal(t *testing.T) {
	sizes := make(chan terminal.Size, 10)
	url, _, _ := terminals(t, Config{}, terminal.Config{}, func(ctx context.Context, p terminal.IO) (int, error) {
		p.Started()
		<-p.Sizes // the first is nobody's
		go func() {
			for {
				select {
				case z := <-p.Sizes:
					sizes <- z
				case <-ctx.Done():
					return
				}
			}
		}()
		io.Copy(p.Out, io.LimitReader(p.In, 10))
		return 5, nil
	})
	one := attach(t, url)
	if seen, err := one.Next(t.Context()); err != nil || !seen.Reset {
		t.Fatalf("first is %+v, %v", seen, err)
	}
	for _, z := range []terminal.Size{{Columns: 0, Rows: 0}, {Columns: 5000, Rows: 1}, {Columns: 132, Rows: 43}} {
		if err := one.Resize(t.Context(), z); err != nil {
			t.Fatal(err)
		}
	}
	if z := <-sizes; z != (terminal.Size{Columns: 132, Rows: 43}) {
		t.Errorf("size %+v", z)
	}
	if err := one.Type(t.Context(), []byte("hello")); err != nil {
		t.Fatal(err)
	}
	see(t, one, "hello", shows("hello"))
	one.conn.CloseNow() // the line breaks
	one, two := attach(t, url), attach(t, url)
	if err := two.Type(t.Context(), []byte("there")); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Remote{one, two} {
		see(t, r, "hellothere", shows("hellothere"))
		see(t, r, "the end", func(_ []byte, last terminal.Seen) bool { return last.Ended && last.Code == 5 })
	}
}

// TestSmallWrites: what a program writes in small pieces comes in large ones.
func TestSmallWrites(t *testing.T) {
	const lines = 1000
	url, _, _ := terminals(t, Config{}, terminal.Config{}, func(_ context.Context, p terminal.IO) (int, error) {
		p.Started()
		io.ReadFull(p.In, make([]byte, 1))
		for range lines {
			io.WriteString(p.Out, "y\r\n")
			for next := time.Now().Add(200 * time.Microsecond); time.Now().Before(next); { // the pieces are to be told apart; sleep is coarser
				runtime.Gosched()
			}
		}
		return 0, nil
	})
	r := attach(t, url)
	if err := r.Type(t.Context(), []byte("!")); err != nil {
		t.Fatal(err)
	}
	frames := 0
	see(t, r, "all lines", func(screen []byte, last terminal.Seen) bool {
		frames++
		return last.Ended && len(screen) == 3*lines
	})
	if frames > lines/4 {
		t.Errorf("%d frames for %d lines", frames, lines)
	}
}

// TestEndCodeZero: that a program ended well is said in so many words.
func TestEndCodeZero(t *testing.T) {
	url, _, _ := terminals(t, Config{}, terminal.Config{}, func(_ context.Context, p terminal.IO) (int, error) { p.Started(); return 0, nil })
	conn := attach(t, url).conn
	for _, want := range []string{`{"reset":true}`, `{"ended":true,"code":0}`} {
		kind, p, err := conn.Read(t.Context())
		if err != nil || kind != websocket.MessageText || string(p) != want {
			t.Errorf("%v %s, %v; want %s", kind, p, err, want)
		}
	}
}

// TestPaste: 10 MB in one go are taken as the program takes them, and arrive whole.
func TestPaste(t *testing.T) {
	const size = 10 << 20
	var got bytes.Buffer
	url, _, _ := terminals(t, Config{Ping: 50 * time.Millisecond}, terminal.Config{}, func(_ context.Context, p terminal.IO) (int, error) {
		p.Started()
		time.Sleep(300 * time.Millisecond) // the line is quiet for longer than Ping
		io.Copy(&got, io.LimitReader(p.In, size))
		return 0, nil
	})
	r := attach(t, url)
	paste := bytes.Repeat([]byte("0123456789abcde\n"), size/16)
	typed := make(chan error, 1)
	go func() { typed <- r.Type(t.Context(), paste) }()
	see(t, r, "the end", func(_ []byte, last terminal.Seen) bool { return last.Ended })
	if err := <-typed; err != nil {
		t.Error(err)
	}
	if !bytes.Equal(got.Bytes(), paste) {
		t.Errorf("%d bytes of %d arrived", got.Len(), size)
	}
}

// TestDeadViewerOfTerminal: one who does not read is cut off, and the program goes on.
func TestDeadViewerOfTerminal(t *testing.T) {
	var written atomic.Int64
	url, _, _ := terminals(t, Config{WriteTimeout: 200 * time.Millisecond}, terminal.Config{Viewers: 1, Patience: 50 * time.Millisecond, Rate: 1 << 30},
		func(ctx context.Context, p terminal.IO) (int, error) {
			p.Started()
			for text := strings.Repeat("x", 10<<10); ctx.Err() == nil; {
				n, _ := p.Out.Write([]byte(text))
				written.Add(int64(n))
				time.Sleep(time.Millisecond)
			}
			return 0, nil
		})
	dead := attach(t, url)
	if _, err := dead.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(limit)
	for {
		r, err := DialTerminal(t.Context(), url)
		if err == nil { // there is room for one again
			r.conn.CloseNow()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("who does not read is still there after %d bytes", written.Load())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestTerminalCloseCodes(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(set *terminal.Set, stop func(), r *Remote)
		want websocket.StatusCode
	}{
		{"the terminal is closed", func(set *terminal.Set, _ func(), _ *Remote) { set.Delete("1") }, Gone},
		{"the session is closed", func(set *terminal.Set, _ func(), _ *Remote) { set.Close() }, Gone},
		{"the session goes on elsewhere", func(set *terminal.Set, _ func(), _ *Remote) { set.Leave() }, websocket.StatusGoingAway},
		{"the server goes away", func(_ *terminal.Set, stop func(), _ *Remote) { stop() }, websocket.StatusGoingAway},
		{"no JSON", func(_ *terminal.Set, _ func(), r *Remote) {
			r.conn.Write(context.Background(), websocket.MessageText, []byte("hello"))
		}, websocket.StatusPolicyViolation},
		{"a frame too large", func(_ *terminal.Set, _ func(), r *Remote) {
			r.conn.Write(context.Background(), websocket.MessageBinary, make([]byte, maxInput+1))
		}, websocket.StatusMessageTooBig},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, set, stop := terminals(t, Config{}, terminal.Config{}, echo)
			r := attach(t, url)
			if _, err := r.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			test.end(set, stop, r)
			_, err := r.Next(t.Context())
			if test.want == Gone && !errors.Is(err, ErrGone) || test.want != Gone && websocket.CloseStatus(err) != test.want {
				t.Errorf("got %v, want %d", err, test.want)
			}
		})
	}
	url, _, _ := terminals(t, Config{}, terminal.Config{Viewers: 1}, echo)
	attach(t, url)
	if _, err := DialTerminal(t.Context(), url); !errors.Is(err, ErrGone) {
		t.Errorf("where there is none: %v", err)
	}
}

// TestForeignPageSeesNoTerminal: terminals are for pages of this server.
func TestForeignPageSeesNoTerminal(t *testing.T) {
	url, _, _ := terminals(t, Config{}, terminal.Config{}, echo)
	_, response, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"http://evil.example"}}})
	if err == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, %v", response, err)
	}
}
