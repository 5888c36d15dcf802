package engine

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/feed"
	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/engine/model"
)

// keptSession is a session as far as it is kept, in an engine that keeps it.
func keptSession(t *testing.T, e *Engine, name string) *Session {
	t.Helper()
	k := good(name)
	keep(t, e.cfg.Sessions, k)
	state := func() journal.State { return journal.State{Revision: 5, Written: map[string]uint64{}} }
	j, err := e.keeper.Create(t.Context(), k.ID, state(), state, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &Session{id: k.ID, engine: e, journal: j, log: slog.New(slog.DiscardHandler), feed: feed.New(feed.Config{}, model.Session{}), ctx: ctx, cancel: cancel}
	s.life.begin(k.Born, k.Until, func() {})
	e.mu.Lock()
	defer e.mu.Unlock()
	s.slot, _ = e.slots.takeOver()
	e.sessions[k.ID] = s
	return s
}

func TestParkSession(t *testing.T) {
	e := keeping(t, t.TempDir())
	s := keptSession(t, e, "one")
	closed := false
	s.onClose(func() error { closed = true; return nil })
	if err := e.Park(t.Context(), s.id); err != nil {
		t.Fatal(err)
	}
	p := e.parked[s.id]
	if p == nil || e.sessions[s.id] != nil || !closed || s.ctx.Err() == nil {
		t.Fatalf("it is not parked: %+v", p)
	}
	t.Cleanup(p.life.stop)
	if p.kept.ID != s.id || p.slot != s.slot || e.Sessions() != 1 || e.slots.used != 1 {
		t.Errorf("%+v, of %d sessions in %d places", p, e.Sessions(), e.slots.used)
	}
	if state, _, err := e.keeper.Read(t.Context(), s.id); err != nil || state.Revision != 5 {
		t.Errorf("its journal is of %d, %v", state.Revision, err)
	}
	if err := e.Park(t.Context(), s.id); err != nil {
		t.Errorf("parked again: %v", err)
	}
	if err := e.Park(t.Context(), keptID("none")); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("one that there is not: %v", err)
	}
}

func TestParkNot(t *testing.T) {
	e := keeping(t, t.TempDir())
	s := keptSession(t, e, "replaced")
	s.life.replace(true)
	if err := e.Park(t.Context(), s.id); !errors.Is(err, model.ErrConflict) || e.sessions[s.id] != s {
		t.Errorf("one that is started over: %v", err)
	}
	s = keptSession(t, e, "lost")
	s.journal = nil
	if err := e.Park(t.Context(), s.id); !errors.Is(err, model.ErrConflict) || e.sessions[s.id] != s {
		t.Errorf("one that is not kept: %v", err)
	}
	// Somebody closes it while it is parked: it is gone, and so is its place.
	s = keptSession(t, e, "closed")
	used := e.slots.used
	s.onClose(func() error { return e.keeper.Remove(t.Context(), s.id) })
	if err := e.Park(t.Context(), s.id); !errors.Is(err, model.ErrNotFound) || e.parked[s.id] != nil || e.slots.used != used-1 {
		t.Errorf("one that is closed meanwhile: %v, %d places", err, e.slots.used)
	}
	s = keptSession(t, e, "late")
	e.closed = true
	if err := e.Park(t.Context(), s.id); !errors.Is(err, model.ErrClosed) {
		t.Errorf("when the server ends: %v", err)
	}
	if _, err := e.keeper.File(t.Context(), s.id); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}

// Who ends a parked session is not told in the log that its time was over.
func TestEndParked(t *testing.T) {
	e := keeping(t, t.TempDir())
	var log bytes.Buffer
	e.log = slog.New(slog.NewTextHandler(&log, nil))
	keep(t, e.cfg.Sessions, good("one"))
	if err := e.park(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.End(t.Context(), keptID("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.keeper.File(t.Context(), keptID("one")); !errors.Is(err, fs.ErrNotExist) || e.Sessions() != 0 || e.slots.used != 0 {
		t.Errorf("it is still there: %v, %d sessions, %d places", err, e.Sessions(), e.slots.used)
	}
	if text := log.String(); !strings.Contains(text, "the session is ended") || strings.Contains(text, "time is over") {
		t.Errorf("the log says\n%s", text)
	}
}

// One that is opened while the engine closes is closed with it, and kept: nobody else would.
func TestEnterLate(t *testing.T) {
	for _, late := range []bool{false, true} {
		e := keeping(t, t.TempDir())
		s := keptSession(t, e, "one")
		p := &parked{kept: keptFile{ID: s.id}, slot: s.slot}
		delete(e.sessions, s.id)
		e.parked[s.id] = p
		ended := 0
		s.onClose(func() error { ended++; return nil })
		e.closed = late
		err := e.enter(p, s)
		if errors.Is(err, model.ErrClosed) != late || err == nil == late || (ended == 1) != late || (s.ctx.Err() != nil) != late || (e.sessions[s.id] == s) == late {
			t.Errorf("late %v: %v; %d parts closed, open: %v", late, err, ended, e.sessions)
		}
		if _, err := e.keeper.File(t.Context(), s.id); err != nil || p.gone == nil {
			t.Errorf("late %v: it is not kept: %v; parked until %v", late, err, p.gone)
		}
	}
}
