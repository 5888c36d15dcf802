package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A model is what a journal should say: the writer's own view.
type model struct {
	mu    sync.Mutex
	state State
	keys  map[string]Change
}

func newModel() *model {
	return &model{state: State{Revision: 7, Written: map[string]uint64{"pods": 0}}, keys: map[string]Change{}}
}

// put appends a change and makes it under one lock, as the store does.
func (m *model) put(j *Journal, c Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.Revision = m.state.Revision + 1
	err := j.Append(c, c.Revision%3 == 0)
	if err != nil {
		return err
	}
	m.state.Revision, m.state.Written[c.Resource] = c.Revision, c.Revision
	if c.Value == nil {
		delete(m.keys, c.Key)
	} else {
		m.keys[c.Key] = c
	}
	return nil
}

// change is the i'th one: of ten keys, now and then a deletion, now and then one that expires.
func (m *model) change(i int) Change {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := Change{Resource: "pods", Prefix: "/pods/", Key: fmt.Sprintf("/pods/default/web-%d", i%10),
		Value: bytes.Repeat([]byte{byte(i)}, i%97)}
	if _, there := m.keys[c.Key]; there && i%7 == 0 {
		c.Value = nil
	}
	if i%5 == 0 {
		c.Expires = time.Unix(1_800_000_000, int64(i))
	}
	return c
}

func (m *model) now() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := replay{state: State{Revision: m.state.Revision, Written: maps.Clone(m.state.Written)}, objects: maps.Clone(m.keys)}
	return r.end()
}

func (m *model) write(t *testing.T, j *Journal, n int) {
	t.Helper()
	for i := range n {
		if err := m.put(j, m.change(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *model) check(t *testing.T, dir, when string) Report {
	t.Helper()
	got, report, err := Read(dir)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if want := m.now(); !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: read %d objects at revision %d (%v), want %d at %d (%v)", when, len(got.Objects), got.Revision, got.Written, len(want.Objects), want.Revision, want.Written)
	}
	return report
}

func create(t *testing.T, m *model, cfg Config) *Journal {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.State = m.now
	j, err := Create(cfg, m.now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestWhatIsAcknowledgedIsThere(t *testing.T) {
	m := newModel()
	j := create(t, m, Config{Syncer: &Syncer{Every: time.Millisecond}})
	m.check(t, j.cfg.Dir, "at the beginning")
	m.write(t, j, 300)
	m.check(t, j.cfg.Dir, "while it is open, as after kill -9") // nothing was closed or synced for it
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(m.change(0), false); !errors.Is(err, ErrClosed) {
		t.Errorf("a change after Close: %v", err)
	}
	m.check(t, j.cfg.Dir, "closed")
	// A new one goes on where that ended, in the same folder, and again.
	for range 3 {
		next := create(t, m, Config{Dir: j.cfg.Dir})
		m.write(t, next, 20)
		m.check(t, j.cfg.Dir, "gone on with")
		if all, err := generations(j.cfg.Dir); err != nil || len(all) != 1 {
			t.Errorf("logs %v, %v; want one", all, err)
		}
		next.Close()
	}
	if info, err := os.Stat(filepath.Join(j.cfg.Dir, snapshotName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
}

func TestNothingThere(t *testing.T) {
	if _, _, err := Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A log that ends anywhere is read up to the last record that is whole, and the reader told.
func TestTornTails(t *testing.T) {
	m := newModel()
	j := create(t, m, Config{})
	name := logName(j.cfg.Dir, 1)
	var ends []int // of records
	var states []State
	note := func() {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		ends, states = append(ends, len(text)), append(states, m.now())
	}
	note()
	for i := range 12 {
		if err := m.put(j, m.change(i+20)); err != nil {
			t.Fatal(err)
		}
		note()
	}
	j.Close()
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, tail := range []struct {
		what string
		of   func(n int) []byte // what is behind n bytes that are as they were
	}{
		{"nothing", func(int) []byte { return nil }},
		{"zeros", func(n int) []byte { return make([]byte, len(whole)-n) }},
		{"noise", func(n int) []byte { return bytes.Repeat([]byte{0xA5}, min(9, len(whole)-n)) }},
	} {
		for n := range whole {
			text := append(bytes.Clone(whole[:n]), tail.of(n)...)
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
			got, report, err := Read(j.cfg.Dir)
			if n < len(logMagic) && tail.what == "noise" {
				if !errors.Is(err, ErrDamaged) {
					t.Fatalf("%s behind %d bytes: %v", tail.what, n, err)
				}
				continue
			}
			if n < len(logMagic) && n > 0 && tail.what == "zeros" {
				continue // either is well: such a log has never been written to
			}
			if err != nil {
				t.Fatalf("%s behind %d bytes: %v", tail.what, n, err)
			}
			last := 0
			for i, end := range ends {
				if end <= n {
					last = i
				}
			}
			if !reflect.DeepEqual(got, states[last]) {
				t.Fatalf("%s behind %d bytes: revision %d, want %d", tail.what, n, got.Revision, states[last].Revision)
			}
			if want := len(text) - ends[last]; n >= ends[0] && report.Cut != want {
				t.Fatalf("%s behind %d bytes: %d were cut off, want %d", tail.what, n, report.Cut, want)
			}
		}
	}
}

// A byte that is not what was written is found, wherever it is: no state is read, or none
// of what is behind it.
func TestDamage(t *testing.T) {
	m := newModel()
	dir := t.TempDir()
	j := create(t, m, Config{Dir: dir})
	m.write(t, j, 40)
	j.Close()
	j = create(t, m, Config{Dir: dir}) // a snapshot that has something
	before := m.now()
	m.write(t, j, 12)
	j.Close()
	log, last := logName(dir, 2), 0
	for _, name := range []string{filepath.Join(dir, snapshotName), log} {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == log { // where the last record begins: damage from there on is a torn tail
			for rest := whole[len(logMagic):]; len(rest) > 0; {
				last = len(whole) - len(rest)
				_, rest, _ = frame(rest)
			}
		}
		for i := range whole {
			for _, flip := range []byte{0x01, 0x80, 0xFF} {
				text := bytes.Clone(whole)
				text[i] ^= flip
				if err := os.WriteFile(name, text, 0o600); err != nil {
					t.Fatal(err)
				}
				got, report, err := Read(dir)
				switch {
				case errors.Is(err, ErrDamaged):
				case err != nil:
					t.Fatalf("%s, byte %d: %v", filepath.Base(name), i, err)
				case name == log && i >= last && report.Cut > 0 && got.Revision == m.now().Revision-1:
				default:
					t.Fatalf("%s, byte %d: read revision %d as if it were whole (from %d to %d)", filepath.Base(name), i, got.Revision, before.Revision, m.now().Revision)
				}
			}
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.check(t, dir, "made whole again")
	// A log in the middle that is missing, or one of another time.
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(logName(dir, 3), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(dir); !errors.Is(err, ErrDamaged) {
		t.Errorf("the same log twice: %v", err)
	}
}

// failing is a disk that does nothing any more from some operation on, as after kill -9,
// the write then under way being done by half.
type failing struct {
	system
	mu   sync.Mutex
	left int
	err  error
	once bool // the one operation alone fails
}

func (f *failing) fails() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	return f.left == 0 || f.left < 0 && !f.once
}

// now tells whether it is this operation that fails first.
func (f *failing) now() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left == 0
}

func (f *failing) create(name string) (file, error) {
	if f.fails() {
		return nil, f.err
	}
	made, err := f.system.create(name)
	return failingFile{made, f}, err
}

func (f *failing) rename(from, to string) error {
	if f.fails() {
		return f.err
	}
	return f.system.rename(from, to)
}

func (f *failing) remove(name string) error {
	if f.fails() {
		return f.err
	}
	return f.system.remove(name)
}

func (f *failing) syncDir(string) error {
	if f.fails() {
		return f.err
	}
	return nil
}

type failingFile struct {
	file
	disk *failing
}

func (f failingFile) Write(b []byte) (int, error) {
	if f.disk.fails() {
		n := 0
		if f.disk.now() { // nothing is written when it is over
			n, _ = f.file.Write(b[:len(b)/2])
		}
		return n, f.disk.err
	}
	return f.file.Write(b)
}

func (f failingFile) Truncate(n int64) error {
	if f.disk.fails() {
		return f.disk.err
	}
	return f.file.Truncate(n)
}

func (f failingFile) Sync() error {
	if f.disk.fails() {
		return f.disk.err
	}
	return nil
}

// Whenever the server ends, what it acknowledged is there: in the middle of a write, and at
// each step of a compaction.
func TestEveryEnd(t *testing.T) {
	killed := errors.New("killed")
	compactions := 0
	for at := 1; ; at++ {
		m := newModel()
		d := &failing{left: at, err: killed}
		cfg := Config{Dir: t.TempDir(), State: m.now, Least: 700, disk: d}
		// The first one was made by a server that ended well.
		first := create(t, m, Config{Dir: cfg.Dir})
		m.write(t, first, 9)
		first.Close()
		j, err := Create(cfg, m.now())
		if err != nil {
			if !errors.Is(err, killed) {
				t.Fatal(err)
			}
			m.check(t, cfg.Dir, fmt.Sprintf("ended at operation %d, while it began", at))
			continue
		}
		for i := range 60 {
			_ = m.put(j, m.change(i)) // what is refused is not there
			j.work.Wait()             // compactions are whole operations here
		}
		m.check(t, cfg.Dir, fmt.Sprintf("ended at operation %d", at))
		if d.left > 0 { // it was never reached
			compactions = int(j.generation) - 2
			break
		}
	}
	if compactions < 3 {
		t.Errorf("there were %d compactions: too few to tell", compactions)
	}
}

// A disk that is full refuses writes; none of those that were acknowledged is lost, and when
// there is room again, it goes on.
func TestFullDisk(t *testing.T) {
	for at := 1; at < 150; at++ {
		m := newModel()
		d := &failing{left: -1, err: syscall.ENOSPC, once: true}
		cfg := Config{Dir: t.TempDir(), State: m.now, Least: 700, disk: d}
		j, err := Create(cfg, m.now())
		if err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.left = at
		d.mu.Unlock()
		refused := 0
		for i := range 60 {
			if err := m.put(j, m.change(i)); err == nil {
			} else if refused++; !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			j.work.Wait()
		}
		if refused > 1 {
			t.Fatalf("operation %d: %d were refused, though there was room again", at, refused)
		}
		m.check(t, cfg.Dir, fmt.Sprintf("operation %d failed", at))
		j.Close()
	}
}

func TestLimit(t *testing.T) {
	m := newModel()
	j := create(t, m, Config{Least: 1 << 10, Limit: 64 << 10})
	put := func(key int, size int) error {
		c := Change{Resource: "pods", Prefix: "/pods/", Key: fmt.Sprint("/pods/", key), Value: make([]byte, size)}
		if size == 0 {
			c.Value = nil
		}
		err := m.put(j, c)
		j.work.Wait()
		return err
	}
	// Written over and over, one object takes no more than one does.
	for range 200 {
		if err := put(0, 4<<10); err != nil {
			t.Fatal(err)
		}
	}
	n := 1
	for ; n < 100; n++ {
		if err := put(n, 4<<10); err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			break
		}
	}
	if n < 8 || n > 16 {
		t.Errorf("%d objects of 4 KiB are within 64 KiB", n)
	}
	size := 0
	entries, err := os.ReadDir(j.cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += int(info.Size())
	}
	if size > 64<<10 {
		t.Errorf("it takes %d bytes", size)
	}
	for k := range n { // deletions make room
		if err := put(k, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(0, 4<<10); err != nil {
		t.Errorf("when all was deleted: %v", err)
	}
	m.check(t, j.cfg.Dir, "at last")
}

// Writers do not wait for compactions, and these take what they find.
func TestConcurrent(t *testing.T) {
	m := newModel()
	j := create(t, m, Config{Least: 2 << 10, Syncer: &Syncer{Every: time.Microsecond}})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 500 {
				if err := m.put(j, Change{Resource: "pods", Prefix: "/pods/", Key: fmt.Sprint("/pods/", rand.IntN(20)), Value: make([]byte, 50)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if j.generation < 2 {
		t.Error("there was no compaction")
	}
	j.Close()
	m.check(t, j.cfg.Dir, "written by four")
}

func TestDiscard(t *testing.T) {
	m := newModel()
	j := create(t, m, Config{})
	m.write(t, j, 5)
	j.Discard()
	if err := os.RemoveAll(j.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(m.change(1), false); err != nil {
		t.Errorf("a change of a session that is not wanted: %v", err)
	}
	if _, err := os.Stat(j.cfg.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder is there again")
	}
}

func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "session.json")
	for _, text := range []string{"one", "two"} {
		if err := os.WriteFile(name+newSuffix, []byte("a server ended here"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(name, []byte(text), true); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	err := WriteFile(filepath.Join(filepath.Dir(name), "no", "folder"), nil, false)
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(fmt.Sprint(err), "remove") {
		t.Errorf("without a folder: %v", err)
	}
}

// Whatever is in the files, reading ends, and says so.
func FuzzRead(f *testing.F) {
	m := newModel()
	dir := f.TempDir()
	j, err := Create(Config{Dir: dir, State: m.now}, m.now())
	if err != nil {
		f.Fatal(err)
	}
	for i := range 8 {
		if err := m.put(j, m.change(i)); err != nil {
			f.Fatal(err)
		}
	}
	j.Close()
	snapshot, err := os.ReadFile(filepath.Join(dir, snapshotName))
	if err != nil {
		f.Fatal(err)
	}
	log, err := os.ReadFile(logName(dir, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(snapshot, log)
	f.Add(snapshot, log[:len(log)-3])
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, snapshot, log []byte) {
		s, next, err := parseSnapshot(snapshot)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("an error of another kind: %v", err)
			}
			s = State{Revision: 7, Written: map[string]uint64{}}
		} else {
			var again bytes.Buffer
			if err := writeSnapshot(&again, s, next); err != nil {
				t.Error(err)
			} else if s2, _, err := parseSnapshot(again.Bytes()); err != nil || !reflect.DeepEqual(s, s2) {
				t.Errorf("written again it is another: %v", err)
			}
		}
		r := replay{state: s, objects: map[string]Change{}}
		if err := r.log(log, true); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("an error of another kind: %v", err)
		}
		r.end()
	})
}
