package hosts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podhop/podhop/server/hosts/protocol"
)

const (
	patience = time.Minute
	ttl      = 2 * time.Second
)

// A host is one of a test's.
type host struct {
	*Cluster
	name  string
	line  *line
	ahead atomic.Int64 // of its clock, in nanoseconds

	mu     sync.Mutex
	parked []string
	taken  []string
}

func join(t *testing.T, f *fake, name string, capacity int) *host {
	return joinAt(t, f, name, name, capacity)
}

func joinAt(t *testing.T, f *fake, name, address string, capacity int) *host {
	h := &host{name: name, line: f.line()}
	h.Cluster = New(Config{
		Config: protocol.Config{Record: protocol.Record{Name: name, Address: address, Capacity: capacity}, TTL: ttl, Beat: ttl / 8, Margin: ttl / 4, Moves: 2},
		Etcd:   h.line, Log: slog.New(slog.DiscardHandler),
		Clock: func() time.Duration { return boottime() + time.Duration(h.ahead.Load()) },
		Park: func(_ context.Context, session string) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.parked = append(h.parked, session)
			return nil
		},
		Taken: func(session string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.taken = append(h.taken, session)
		},
	})
	t.Cleanup(h.Close)
	until(t, "it has joined", func() error { return h.Ready() })
	return h
}

func (h *host) parks() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.parked)
}

func until(t *testing.T, what string, check func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// served waits until one of the hosts serves a session, and no other does.
func served(t *testing.T, session string, by *host, others ...*host) {
	t.Helper()
	until(t, fmt.Sprintf("%s serves %s", by.name, session), func() error {
		for _, o := range others {
			if o.Serves(session) && by.Serves(session) {
				t.Errorf("%s and %s serve %s", by.name, o.name, session)
			}
		}
		if !by.Serves(session) {
			return fmt.Errorf("it is at %q", by.line.at(session))
		}
		return nil
	})
}

func TestPlace(t *testing.T) {
	f := newFake()
	a, b := join(t, f, "a", 2), join(t, f, "b", 2)
	if err := a.Place(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := b.Place(t.Context(), "one"); err == nil {
		t.Error("there are two sessions of one ID")
	}
	served(t, "one", a, b)
	held, _ := a.Hold("one")
	if err := a.Place(t.Context(), "one"); err == nil || held.Context().Err() != nil {
		t.Errorf("it is made twice: %v, what is under way: %v", err, held.Context().Err())
	}
	if _, peer, err := b.Find(t.Context(), "one"); err != nil || peer.Name != "a" {
		t.Errorf("b finds it at %+v, %v", peer, err)
	}
	if _, _, err := b.Find(t.Context(), "two"); !errors.Is(err, ErrUnknown) {
		t.Errorf("b finds what there is not: %v", err)
	}
	key, revision, ok := a.Fence("one")
	if out, err := b.line.Do(t.Context(), 0, protocol.Txn{If: []protocol.Compare{{Key: key, Created: revision}}}); !ok || err != nil || out.Result != protocol.Done {
		t.Errorf("the fence %s %d %v: %v %v", key, revision, ok, out, err)
	}
	until(t, "both see where most room is", func() error {
		for _, h := range []*host{a, b} {
			if c := h.Candidates(); len(c) != 2 || c[0].Name != "b" || c[0].Here != (h == b) {
				return fmt.Errorf("%s: %+v", h.name, c)
			}
		}
		return nil
	})
	a.Finish("one")
	until(t, "it is over everywhere", func() error {
		for _, h := range []*host{a, b} {
			if _, _, err := h.Find(t.Context(), "one"); !errors.Is(err, ErrUnknown) {
				return fmt.Errorf("%s: %v", h.name, err)
			}
		}
		return nil
	})
}

// TestUnseen asks etcd for what a host has not seen: made up IDs, and others that were made a
// moment ago.
func TestUnseen(t *testing.T) {
	f := newFake()
	a, b := join(t, f, "a", 9), join(t, f, "b", 9)
	var asked []string
	want := map[string]bool{}
	for i := range mostUnseen {
		id := fmt.Sprint("session-", i)
		asked = append(asked, id)
		if i%37 == 0 {
			want[id] = true
			if err := a.Place(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if there, err := b.look(asked); err != nil || !maps.Equal(there, want) {
		t.Errorf("there are %v, %v; want %v", there, err, want)
	}
	if there, err := b.look(asked[1:37]); err != nil || len(there) > 0 {
		t.Errorf("there are %v, %v; want none", there, err)
	}
	var all sync.WaitGroup
	for _, id := range asked {
		all.Go(func() {
			if _, _, err := b.Find(t.Context(), id); want[id] && err != nil || !want[id] && !errors.Is(err, ErrUnknown) {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	all.Wait()
}

// TestLeave moves what a host has, and it is found everywhere all the time.
func TestLeave(t *testing.T) {
	f := newFake()
	a, _, c := join(t, f, "a", 9), join(t, f, "b", 4), join(t, f, "c", 4)
	for i := range 5 {
		if err := a.Place(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	left := make(chan error, 1)
	go func() { left <- a.Leave(t.Context()) }()
	for range 5 {
		for i := range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if _, _, err := c.Find(ctx, fmt.Sprint(i)); err != nil {
				t.Errorf("session %d: %v", i, err)
			}
			cancel()
		}
	}
	if err := <-left; err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		id := fmt.Sprint(i)
		until(t, "it is somewhere else", func() error {
			if where := f.at(id); where != "b" && where != "c" {
				return fmt.Errorf("session %s is at %q", id, where)
			}
			return nil
		})
		if a.Serves(id) || !slices.Contains(a.parks(), id) {
			t.Errorf("a has parked %v, and serves %s: %v", a.parks(), id, a.Serves(id))
		}
	}
}

// TestCutOff cuts a host off from etcd: what it has ends there before it begins elsewhere.
func TestCutOff(t *testing.T) {
	f := newFake()
	a, b := join(t, f, "a", 5), join(t, f, "b", 5)
	if err := a.Place(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	held, ok := a.Hold("one")
	if !ok {
		t.Fatal("a does not hold it")
	}
	a.line.cut.Store(true)
	served(t, "one", b, a)
	if held.Context().Err() == nil {
		t.Error("what a held goes on")
	}
	if _, ok := a.Hold("one"); ok {
		t.Error("a holds it still")
	}
	a.line.cut.Store(false)
	until(t, "a lets it go, and is back", func() error {
		if err := a.Ready(); err != nil || !slices.Contains(a.parks(), "one") {
			return fmt.Errorf("parked %v, %v", a.parks(), err)
		}
		return nil
	})
	if _, peer, err := a.Find(t.Context(), "one"); err != nil || peer.Name != "b" {
		t.Errorf("a finds it at %+v, %v", peer, err)
	}
}

// TestAnew has a host lose a session that nobody else takes: what it said of it before is not
// true any more, though it has it again.
func TestAnew(t *testing.T) {
	f := newFake()
	a := join(t, f, "a", 5)
	if err := a.Place(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	served(t, "one", a)
	held, ok := a.Hold("one")
	if !ok || !held.May() {
		t.Fatal("a does not hold it")
	}
	a.line.cut.Store(true)
	until(t, "a lets it go", func() error {
		if !slices.Contains(a.parks(), "one") {
			return fmt.Errorf("parked %v", a.parks())
		}
		return nil
	})
	a.line.cut.Store(false)
	served(t, "one", a)
	if next, ok := a.Hold("one"); !ok || !next.May() || held.May() {
		t.Errorf("it may be answered %v, and by who began before %v", ok, held.May())
	}
}

// TestGone has a host vanish without a word.
func TestGone(t *testing.T) {
	f := newFake()
	a, b := join(t, f, "a", 5), join(t, f, "b", 5)
	if err := a.Place(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	a.Close()
	served(t, "one", b, a)
	if _, ok := a.Hold("one"); ok {
		t.Error("who is gone holds it")
	}
}

func TestAgreed(t *testing.T) {
	l := newFake().line()
	for _, own := range []string{"first", "second"} {
		got, err := Agreed(t.Context(), l, "key", func() (string, error) { return own, nil })
		if err != nil || got != "first" {
			t.Errorf("%s: %q %v", own, got, err)
		}
	}
}
