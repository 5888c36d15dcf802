package engine

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podhop/podhop/engine/api/store"
	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/engine/model"
)

// keptID is a session's: 26 letters and digits.
func keptID(name string) string { return name + strings.Repeat("0", 26-len(name)) }

func keep(t *testing.T, dir string, k keptFile) {
	t.Helper()
	text, err := json.Marshal(k)
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, k.ID), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, k.ID, keptName), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func good(name string) keptFile {
	return keptFile{Version: keptVersion, ID: keptID(name), Born: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour),
		Options: model.SessionOptions{Nodes: 2, CNI: "vxlan"}, Nodes: []keptNode{{Name: "node-1"}, {Name: "node-3", Off: true}}}
}

func keeping(t *testing.T, dir string) *Engine {
	t.Helper()
	slots, err := newSlots(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	return &Engine{cfg: Config{Sessions: dir}, keeper: journal.Folder{Dir: dir}, log: slog.New(slog.DiscardHandler), slots: slots,
		sessions: map[string]*Session{}, parked: map[string]*parked{}, lost: map[string]error{}}
}

// What is in the folder at the start is parked, removed, set aside or left, and each of
// those who ask for what is not there any more is told why.
func TestPark(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		keep(t, dir, good(name))
	}
	over := good("over")
	over.Until = time.Now().Add(-time.Second)
	keep(t, dir, over)
	newer := good("newer")
	newer.Version = keptVersion + 1
	keep(t, dir, newer)
	for name, change := range map[string]func(*keptFile){
		"old":     func(k *keptFile) { k.Version = 0 },
		"nodes":   func(k *keptFile) { k.Nodes = nil },
		"node":    func(k *keptFile) { k.Nodes[0].Name = "../../etc" },
		"cni":     func(k *keptFile) { k.Options.CNI = "calico" },
		"amany":   func(k *keptFile) { k.Nodes = make([]keptNode, 60) },
		"renamed": func(k *keptFile) {},
	} {
		k := good(name)
		change(&k)
		keep(t, dir, k)
		if name == "renamed" {
			if err := os.Rename(filepath.Join(dir, k.ID), filepath.Join(dir, keptID("other"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{keptID("unfinished"), keptID("text"), "something else"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, keptID("text"), keptName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := keeping(t, dir)
	if err := e.park(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, p := range e.parked {
		t.Cleanup(func() { p.life.stop() })
		if id != keptID("one") && id != keptID("two") {
			t.Errorf("%s is parked", id)
		}
	}
	if e.Sessions() != 2 || e.slots.used != 2 { // though there may be one only: they are there
		t.Errorf("%d sessions, of %d places", e.Sessions(), e.slots.used)
	}
	if _, ok := e.slots.take(); ok {
		t.Error("there is a place for another")
	}
	for name, want := range map[string]struct {
		error
		text string
		at   string
	}{
		"over":       {model.ErrNotFound, "", ""},
		"unfinished": {model.ErrNotFound, "", ""},
		"newer":      {model.ErrLost, "a newer Podhop has written it, in format 2; this one reads formats up to 1", keptID("newer")},
		"old":        {model.ErrLost, "there is no format 0", "damaged/" + keptID("old")},
		"nodes":      {model.ErrLost, "0 nodes", "damaged/" + keptID("nodes")},
		"amany":      {model.ErrLost, "60 nodes", "damaged/" + keptID("amany")},
		"node":       {model.ErrLost, `no node "../../etc"`, "damaged/" + keptID("node")},
		"cni":        {model.ErrLost, "calico", "damaged/" + keptID("cni")},
		"other":      {model.ErrLost, "it is of session", "damaged/" + keptID("other")},
		"text":       {model.ErrLost, "unexpected end of JSON", "damaged/" + keptID("text")},
	} {
		_, err := e.Session(keptID(name))
		if !errors.Is(err, want.error) || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%s: %v; want %v, and %q", name, err, want.error, want.text)
		}
		_, err = os.Stat(filepath.Join(dir, want.at))
		if want.at != "" && err != nil {
			t.Errorf("%s is not kept: %v", name, err)
		}
		if want.at != keptID(name) {
			if _, err := os.Stat(filepath.Join(dir, keptID(name))); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is still there: %v", name, err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "something else")); err != nil {
		t.Errorf("what is none of ours: %v", err)
	}
	k := e.parked[keptID("one")].kept
	if names := k.machines().names(); names != "node-1, node-3" || len(k.machines().on()) != 1 {
		t.Errorf("its machines are %s, and %d are on", names, len(k.machines().on()))
	}
}

// The time of a session that nobody asks for ends, too.
func TestParkedEnds(t *testing.T) {
	dir := t.TempDir()
	k := good("brief")
	k.Until = time.Now().Add(50 * time.Millisecond)
	keep(t, dir, k)
	e := keeping(t, dir)
	if err := e.park(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); e.Sessions() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is still there")
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, k.ID)); errors.Is(err, fs.ErrNotExist) {
			break
		} else if time.Now().After(end) {
			t.Fatal("its folder is still there")
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.slots.take(); !ok {
		t.Error("its place is not free")
	}
}

// One that has no journal cannot be opened, and is set aside when somebody asks.
func TestParkedDamage(t *testing.T) {
	dir := t.TempDir()
	keep(t, dir, good("one"))
	b := birth{id: keptID("one"), keeper: journal.Folder{Dir: dir}, kept: &keptFile{}}
	if _, err := b.restored(t.Context(), nil); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("without a snapshot: %v", err)
	}
}

func TestTwoServers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	first, err := lockSessions(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	// Patience ends with the context as with its time.
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lockSessions(impatient, dir); err == nil || !strings.Contains(err.Error(), "another server keeps its sessions in "+dir+": choose another folder with --data") {
		t.Errorf("a second server: %v", err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		second, err := lockSessions(t.Context(), dir)
		if err != nil {
			t.Errorf("when the first ends meanwhile: %v", err)
			return
		}
		second.Close()
	})
	first.Close()
	wait.Wait()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lockSessions(t.Context(), filepath.Join(file, "sessions")); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("where there can be no folder: %v", err)
	}
}

// writerOf is as much of a journal.Writer as the store needs.
type writerOf struct{ *journal.Journal }

func (writerOf) Save([]byte) error { return nil }
func (writerOf) Remove() error     { return nil }

// What the store says comes back as it was, and its clients are told in the API's way what
// cannot be kept.
func TestKeeper(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	things := schema.GroupResource{Group: "example.org", Resource: "things"}
	state := store.State{Revision: 9, Written: map[schema.GroupResource]uint64{pods: 0, things: 9}, Objects: []store.Entry{
		{Revision: 3, Resource: pods, Prefix: "/pods/", Key: "/pods/default/a", Value: []byte("a"), Expires: time.Unix(0, 12)},
		{Revision: 9, Resource: things, Prefix: "/example.org/things/", Key: "/example.org/things/b", Value: []byte{}},
	}}
	dir := t.TempDir()
	j, err := journal.Create(journal.Config{Dir: dir, State: func() journal.State { return toJournal(state) }}, toJournal(state))
	if err != nil {
		t.Fatal(err)
	}
	read, _, err := journal.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := fromJournal(read); got.Revision != 9 || !reflect.DeepEqual(got.Written, state.Written) || len(got.Objects) != 2 {
		t.Errorf("got %+v", got)
	}
	k := keeper{journal: writerOf{j}}
	if err := k.Append(store.Entry{Revision: 10, Resource: leases, Prefix: "/leases/", Key: "/leases/x"}); err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if err := k.Append(store.Entry{Revision: 11}); !apierrors.IsServiceUnavailable(err) {
		t.Errorf("when the server stops: %v", err)
	}
	k.unkept = new(atomic.Uint64)
	if err := k.told(&fs.PathError{Op: "write", Path: "/srv/secret", Err: syscall.ENOSPC}); apierrors.ReasonForError(err) != "InsufficientStorage" || k.unkept.Load() != 1 {
		t.Errorf("when the disk is full: %v; %d are counted", err, k.unkept.Load())
	}
	if err := withoutPath(&fs.PathError{Op: "write", Path: "/srv/secret", Err: syscall.ENOSPC}); strings.Contains(err.Error(), "secret") || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("learners read %v", err)
	}
}

// What servers wrote whose format was another is read; internal/e2e opens it.
func TestFormats(t *testing.T) {
	for version := 1; version <= keptVersion; version++ {
		f, err := os.Open(fmt.Sprintf("../internal/e2e/testdata/kept-%d.tar.gz", version))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		id, dir := "0kept0in0format0one0000000", t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, id), 0o700); err != nil {
			t.Fatal(err)
		}
		for files := tar.NewReader(z); ; {
			h, err := files.Next()
			if err == io.EOF {
				break
			}
			text, rerr := io.ReadAll(files)
			if err = errors.Join(err, rerr); err == nil && h.Typeflag == tar.TypeReg {
				err = os.WriteFile(filepath.Join(dir, id, filepath.Base(h.Name)), text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		from := journal.Folder{Dir: dir}
		if k, err := readKept(t.Context(), from, id); err != nil || k.Version != version || len(k.machines().list()) == 0 {
			t.Errorf("format %d: %+v, %v", version, k, err)
		}
		if s, report, err := from.Read(t.Context(), id); err != nil || report.Cut > 0 || len(s.Objects) < 100 {
			t.Errorf("format %d: %d objects, %+v, %v", version, len(s.Objects), report, err)
		}
	}
}
