package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/engine/model"
)

// sharing is an engine whose sessions others may adopt.
func sharing(t *testing.T) *Engine {
	t.Helper()
	e := keeping(t, t.TempDir())
	e.cfg.Keeper = e.keeper
	return e
}

// What cannot be adopted is told, and leaves nothing here.
func TestAdoptNot(t *testing.T) {
	e := sharing(t)
	over := good("over")
	over.Until = time.Now().Add(-time.Second)
	newer := good("newer")
	newer.Version = keptVersion + 1
	none := good("nonodes")
	none.Nodes = nil
	for _, k := range []keptFile{over, newer, none} {
		keep(t, e.cfg.Sessions, k)
	}
	for name, want := range map[string]struct {
		error
		text string
	}{
		"over":    {model.ErrNotFound, ""},
		"unknown": {model.ErrNotFound, ""},
		"newer":   {model.ErrLost, "in format 2"},
		"nonodes": {model.ErrLost, "0 nodes"},
	} {
		if _, err := e.Adopt(t.Context(), keptID(name)); !errors.Is(err, want.error) || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%s: %v; want %v, and %q", name, err, want.error, want.text)
		}
	}
	if _, err := e.keeper.File(t.Context(), over.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one whose time is over is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(e.cfg.Sessions, "damaged", none.ID)); err != nil {
		t.Errorf("the damaged one is not set aside: %v", err)
	}
	if e.Sessions() != 0 || e.slots.used != 0 {
		t.Errorf("%d sessions in %d places", e.Sessions(), e.slots.used)
	}
}

// One that is parked is anybody's.
func TestParkShared(t *testing.T) {
	e := sharing(t)
	s := keptSession(t, e, "one")
	if err := e.Park(t.Context(), s.id); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Session(s.id); !errors.Is(err, model.ErrNotFound) || e.Sessions() != 0 || e.slots.used != 0 {
		t.Errorf("%v, %d sessions in %d places", err, e.Sessions(), e.slots.used)
	}
	if state, _, err := e.keeper.Read(t.Context(), s.id); err != nil || state.Revision != 5 {
		t.Errorf("its journal is of %d, %v", state.Revision, err)
	}
}

// fencedWriter is of a session that somebody else has.
type fencedWriter struct{ journal.Writer }

func (w fencedWriter) Close() error {
	if err := w.Writer.Close(); err != nil {
		return err
	}
	return journal.ErrFenced
}

func TestParkFenced(t *testing.T) {
	e := sharing(t)
	s := keptSession(t, e, "one")
	s.journal = fencedWriter{s.journal}
	if err := e.Park(t.Context(), s.id); err != nil {
		t.Errorf("closing what another has: %v", err)
	}
}

// What is not open is removed when its time is over.
func TestOver(t *testing.T) {
	e := sharing(t)
	for name, until := range map[string]time.Duration{"over": -time.Second, "lasts": time.Hour} {
		k := good(name)
		k.Until = time.Now().Add(until)
		keep(t, e.cfg.Sessions, k)
	}
	if err := os.MkdirAll(filepath.Join(e.cfg.Sessions, keptID("unfinished")), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		over bool
		err  error
	}{"over": {true, nil}, "lasts": {false, nil}, "unfinished": {false, model.ErrNotFound}} {
		if over, err := e.Over(t.Context(), keptID(name)); over != want.over || !errors.Is(err, want.err) {
			t.Errorf("%s: %v %v, want %+v", name, over, err, want)
		}
	}
	ids, err := e.keeper.List(t.Context())
	if got := strings.Join(ids, " "); err != nil || got != strings.Join([]string{keptID("lasts"), keptID("unfinished")}, " ") {
		t.Errorf("left: %s, %v", got, err)
	}
}

// anothers is a keeper of sessions that other servers have.
type anothers struct{ journal.Keeper }

func (anothers) Remove(context.Context, string) error             { return journal.ErrFenced }
func (anothers) SetAside(context.Context, string) (string, error) { return "", journal.ErrFenced }

// Who lost a session while they looked at it leaves it as it is, and does not call it lost.
func TestAdoptAnothers(t *testing.T) {
	e := sharing(t)
	e.keeper = anothers{e.keeper}
	over, none := good("over"), good("nonodes")
	over.Until, none.Nodes = time.Now().Add(-time.Second), nil
	for _, k := range []keptFile{over, none} {
		keep(t, e.cfg.Sessions, k)
		if _, err := e.Adopt(t.Context(), k.ID); !errors.Is(err, journal.ErrFenced) {
			t.Errorf("%s: %v", k.ID, err)
		}
		if _, err := e.Session(k.ID); !errors.Is(err, model.ErrNotFound) {
			t.Errorf("%s: it is called %v", k.ID, err)
		}
	}
}
