package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// limit is how long a test waits for what must come.
const limit = 60 * time.Second

// set is a Set that is closed behind.
func set(t *testing.T, cfg Config) *Set {
	t.Helper()
	s := NewSet(cfg)
	t.Cleanup(func() { s.Close() })
	return s
}

func open(t *testing.T, s *Set, run Program) model.Terminal {
	t.Helper()
	term, err := s.Open(t.Context(), "client", run)
	if err != nil {
		t.Fatal(err)
	}
	return term
}

func view(t *testing.T, s *Set, id string) *Viewer {
	t.Helper()
	v, err := s.View(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// until reads until ok says so of all that is on the screen.
func until(t *testing.T, v *Viewer, what string, ok func(screen string, last Seen) bool) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	screen := ""
	for {
		seen, err := v.Next(ctx)
		if err != nil {
			t.Fatalf("%s never came: %v; seen:\n%.500q", what, err, screen)
		}
		if seen.Reset {
			screen = ""
		}
		screen += string(seen.Data)
		if ok(screen, seen) {
			return screen
		}
	}
}

func ends(t *testing.T, v *Viewer) (screen string, code int) {
	screen = until(t, v, "the end", func(_ string, last Seen) bool { code = last.Code; return last.Ended })
	return screen, code
}

// writes is a program that writes, and then waits for its end or for a line.
func writes(text string) Program {
	return func(_ context.Context, io IO) (int, error) {
		io.Started()
		fmt.Fprint(io.Out, text)
		var line [1]byte
		io.In.Read(line[:])
		return 3, nil
	}
}

func TestKept(t *testing.T) {
	k := kept{size: 8}
	all := ""
	for _, p := range []string{"ab", "cdefgh", "i", "", "jklmnopqrstuvwxyz", "A"} {
		k.write([]byte(p))
		all += p
		want := all[max(0, len(all)-8):]
		if got := string(k.read(k.begin(), 100)); got != want {
			t.Errorf("after %q: %q, want %q", all, got, want)
		}
		if from := k.end - 2; string(k.read(from, 1)) != all[from:from+1] {
			t.Errorf("after %q: byte %d", all, from)
		}
	}
	k = kept{size: 16}
	k.write([]byte("one\ntwo\nthree\nfour\n"))
	if got := string(k.read(k.whole(), 100)); got != "\ntwo\nthree\nfour\n"[1:] {
		t.Errorf("whole lines: %q", got)
	}
}

// TestTyping: what is typed arrives, everybody sees the same, and the end is told.
func TestTyping(t *testing.T) {
	s := set(t, Config{})
	term := open(t, s, func(_ context.Context, p IO) (int, error) {
		p.Started()
		io.Copy(p.Out, io.LimitReader(p.In, 6))
		return 7, nil
	})
	one, two := view(t, s, term.ID), view(t, s, term.ID)
	for _, p := range []string{"abc", "def"} {
		if err := one.Type(t.Context(), []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range []*Viewer{one, two} {
		if screen, code := ends(t, v); screen != "abcdef" || code != 7 {
			t.Errorf("viewer %d saw %q, code %d", i, screen, code)
		}
	}
	// Ended ones stay, and show what they had.
	if list := s.List(); len(list) != 1 || !list[0].Ended || list[0].Code != 7 || list[0].Place != "client" {
		t.Errorf("list %+v", list)
	}
	if screen, _ := ends(t, view(t, s, term.ID)); screen != "abcdef" {
		t.Errorf("who comes later sees %q", screen)
	}
	if err := one.Type(t.Context(), []byte("more")); err != nil {
		t.Errorf("typing after the end: %v", err)
	}
	if err := s.Delete(term.ID); err != nil || len(s.List()) != 0 {
		t.Errorf("delete: %v, list %+v", err, s.List())
	}
	if _, err := one.Next(t.Context()); !errors.Is(err, model.ErrClosed) {
		t.Errorf("after delete: %v", err)
	}
	if err := s.Delete(term.ID); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("delete again: %v", err)
	}
}

// TestReload: who comes back sees what is kept from its beginning, a viewer who goes ends nothing.
func TestReload(t *testing.T) {
	s := set(t, Config{})
	term := open(t, s, writes("hello\n"))
	v := view(t, s, term.ID)
	until(t, v, "hello", func(screen string, _ Seen) bool { return screen == "hello\n" })
	v.Close()
	v = view(t, s, term.ID)
	if seen, err := v.Next(t.Context()); err != nil || !seen.Reset {
		t.Errorf("first is %+v, %v", seen, err)
	}
	until(t, v, "hello", func(screen string, _ Seen) bool { return screen == "hello\n" })
}

// TestNobodyLooks: a program that writes without end is not kept waiting by nobody, and
// costs what is kept alone.
func TestNobodyLooks(t *testing.T) {
	s := set(t, Config{Kept: 1 << 10, Rate: 1 << 30})
	term := open(t, s, func(ctx context.Context, p IO) (int, error) {
		fmt.Fprint(p.Out, strings.Repeat("0123456789", 1<<20)+"\nend") // before anybody can look
		return writes("")(ctx, p)
	})
	v := view(t, s, term.ID)
	screen := until(t, v, "the end", func(screen string, _ Seen) bool { return strings.HasSuffix(screen, "end") })
	if len(screen) > 1<<10 {
		t.Errorf("%d bytes are kept", len(screen))
	}
}

const lines = 100_000

// many is a program that writes lines when it is told to, and says when it has.
func many() (run Program, begin chan struct{}, text string, over chan struct{}) {
	var all strings.Builder
	for i := range lines {
		fmt.Fprintf(&all, "line %d\n", i)
	}
	begin, over = make(chan struct{}), make(chan struct{})
	return func(ctx context.Context, p IO) (int, error) {
		p.Started()
		<-begin
		fmt.Fprint(p.Out, all.String())
		close(over)
		return writes("")(ctx, IO{In: p.In, Out: p.Out, Started: func() {}})
	}, begin, all.String(), over
}

func isLast(screen string) bool { return strings.HasSuffix(screen, fmt.Sprintf("line %d\n", lines-1)) }

// TestNothingIsMissed: a program waits for who reads, however slowly.
func TestNothingIsMissed(t *testing.T) {
	s := set(t, Config{Kept: 64 << 10, Rate: 1 << 30, Patience: time.Hour})
	run, begin, text, _ := many()
	v := view(t, s, open(t, s, run).ID)
	if seen, err := v.Next(t.Context()); err != nil || !seen.Reset {
		t.Fatalf("first is %+v, %v", seen, err)
	}
	close(begin)
	resets := 0
	all := until(t, v, "the last line", func(screen string, last Seen) bool {
		if last.Reset {
			resets++
		}
		return isLast(screen)
	})
	if resets > 0 || all != text {
		t.Errorf("who reads saw %d bytes of %d, %d resets", len(all), len(text), resets)
	}
}

// TestSlowViewer: a program does not wait for ever for who does not read; that one goes
// on with what is kept, and is told.
func TestSlowViewer(t *testing.T) {
	s := set(t, Config{Kept: 64 << 10, Rate: 1 << 30, Patience: 50 * time.Millisecond})
	run, begin, text, over := many()
	v := view(t, s, open(t, s, run).ID)
	if seen, err := v.Next(t.Context()); err != nil || !seen.Reset {
		t.Fatalf("first is %+v, %v", seen, err)
	}
	close(begin)
	select {
	case <-over:
	case <-time.After(limit):
		t.Fatal("the program waits for who does not read")
	}
	seen, err := v.Next(t.Context())
	if err != nil || !seen.Reset {
		t.Errorf("after a sleep: %+v, %v", seen, err)
	}
	rest := until(t, v, "the last line", func(screen string, _ Seen) bool { return isLast(screen) })
	if len(rest) > 64<<10 || !strings.HasPrefix(rest, "line ") || !strings.HasSuffix(text, rest) {
		t.Errorf("who slept saw %d bytes, from %.20q", len(rest), rest)
	}
}

// TestInputWaits: input is not kept for a program that does not read.
func TestInputWaits(t *testing.T) {
	s := set(t, Config{})
	read := make(chan struct{})
	var got bytes.Buffer
	term := open(t, s, func(_ context.Context, p IO) (int, error) {
		p.Started()
		<-read
		io.Copy(&got, io.LimitReader(p.In, 10<<20))
		return 0, nil
	})
	v := view(t, s, term.ID)
	ctx, cancel := context.WithCancel(t.Context())
	typed := make(chan error, 1)
	go func() { typed <- v.Type(ctx, []byte("nobody reads this")) }()
	cancel()
	if err := <-typed; !errors.Is(err, context.Canceled) {
		t.Errorf("typing to nobody: %v", err)
	}
	close(read)
	part := bytes.Repeat([]byte("0123456789abcdef"), 64<<10/16)
	for range 10 << 20 / len(part) { // a paste of 10 MB
		if err := v.Type(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	ends(t, v)
	if got.Len() != 10<<20 || !bytes.Equal(got.Bytes()[:len(part)], part) {
		t.Errorf("%d bytes arrived", got.Len())
	}
}

func TestSizes(t *testing.T) {
	s := set(t, Config{})
	sizes := make(chan Size, 100)
	term := open(t, s, func(ctx context.Context, p IO) (int, error) {
		p.Started()
		for {
			select {
			case z := <-p.Sizes:
				sizes <- z
			case <-ctx.Done():
				return 0, nil
			}
		}
	})
	if z := <-sizes; z != (Size{80, 24}) {
		t.Errorf("it begins with %+v", z)
	}
	v := view(t, s, term.ID)
	for i := range 1000 {
		if err := v.Resize(Size{i%most + 1, 10}); err != nil {
			t.Fatal(err)
		}
	}
	for z := range sizes { // some are passed over, never the last
		if z == (Size{most, 10}) {
			break
		}
	}
	for _, z := range []Size{{0, 1}, {1, 0}, {-1, 5}, {most + 1, 5}} {
		if err := v.Resize(z); !errors.Is(err, model.ErrInvalid) {
			t.Errorf("%+v: %v", z, err)
		}
	}
}

// TestBounds: so many terminals, so many that have ended, so many viewers.
func TestBounds(t *testing.T) {
	s := set(t, Config{Open: 3, Viewers: 2})
	for range 3 {
		open(t, s, writes(""))
	}
	if _, err := s.Open(t.Context(), "client", writes("")); !errors.Is(err, model.ErrConflict) || !strings.Contains(err.Error(), "3 terminals are open") {
		t.Errorf("a fourth: %v", err)
	}
	v := view(t, s, "1")
	view(t, s, "1")
	if _, err := s.View("1"); !errors.Is(err, model.ErrConflict) {
		t.Errorf("a third viewer: %v", err)
	}
	if _, err := s.View("99"); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("a terminal that is not there: %v", err)
	}
	if err := v.Type(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	ends(t, v)
	for range 8 {
		term := open(t, s, writes(""))
		v := view(t, s, term.ID)
		if err := v.Type(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
		ends(t, v)
	}
	deadline := time.Now().Add(limit)
	for len(s.List()) != 2+3 {
		if time.Now().After(deadline) {
			t.Fatalf("kept: %+v", s.List())
		}
		time.Sleep(time.Millisecond)
	}
	if list := s.List(); list[0].Ended || list[2].ID != "9" || list[4].ID != "11" {
		t.Errorf("the oldest of those that ended should have gone: %+v", list)
	}
}

func TestNotStarted(t *testing.T) {
	s := set(t, Config{})
	failure := errors.New("no shell")
	if _, err := s.Open(t.Context(), "client", func(context.Context, IO) (int, error) { return -1, failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Open(ctx, "client", func(ctx context.Context, _ IO) (int, error) { <-ctx.Done(); return -1, ctx.Err() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(s.List()) > 0 {
		t.Errorf("listed: %+v", s.List())
	}
	// One that is over at once has run.
	term := open(t, s, func(_ context.Context, p IO) (int, error) { p.Started(); return 1, nil })
	if _, code := ends(t, view(t, s, term.ID)); code != 1 {
		t.Errorf("code %d", code)
	}
}

// TestClose ends programs, waits for them, and lets viewers go.
func TestClose(t *testing.T) {
	s := NewSet(Config{})
	over := false
	term := open(t, s, func(ctx context.Context, p IO) (int, error) {
		p.Started()
		<-ctx.Done()
		over = true
		return 0, nil
	})
	v := view(t, s, term.ID)
	if _, err := v.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { _, err := v.Next(t.Context()); gone <- err }()
	if err := s.Close(); err != nil || !over {
		t.Errorf("close: %v, the program is over: %v", err, over)
	}
	if err := <-gone; !errors.Is(err, model.ErrClosed) {
		t.Errorf("the viewer: %v", err)
	}
	if _, err := s.Open(t.Context(), "client", writes("")); !errors.Is(err, model.ErrClosed) {
		t.Errorf("open: %v", err)
	}
}

// Viewers of a session that goes on elsewhere are told that, not how its programs were ended, and
// those of its next Set are others.
func TestLeave(t *testing.T) {
	s := NewSet(Config{Prefix: "first-"})
	waits := func(ctx context.Context, p IO) (int, error) {
		p.Started()
		<-ctx.Done()
		return 137, nil
	}
	term := open(t, s, waits)
	v := view(t, s, term.ID)
	if _, err := v.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := make(chan error, 1)
	go func() { _, err := v.Next(t.Context()); next <- err }()
	s.Leave()
	if err := <-next; !errors.Is(err, ErrAway) {
		t.Errorf("the viewer: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := v.Next(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("the viewer, when all is closed: %v", err)
	}
	if _, err := s.Open(t.Context(), "client", waits); !errors.Is(err, model.ErrClosed) {
		t.Errorf("open: %v", err)
	}
	again := NewSet(Config{Prefix: "second-"})
	defer again.Close()
	if other := open(t, again, waits); term.ID != "first-1" || other.ID != "second-1" {
		t.Errorf("they are called %s and %s", term.ID, other.ID)
	}
}
