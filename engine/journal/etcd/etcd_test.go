package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/internal/etcd/etcdtest"
)

const id = "one00000000000000000000000"

// A world is an etcd, and hosts that have sessions by keys.
type world struct {
	client *clientv3.Client
	server *etcdtest.Server
}

func newWorld(t testing.TB) world {
	s := etcdtest.Start(t)
	return world{s.Client(t), s}
}

// has gives the session to a host, whoever had it, and returns that host's keeper.
func (w world) has(t testing.TB, id string, change ...func(*Config)) *Keeper {
	t.Helper()
	if _, err := w.client.Delete(t.Context(), "places/"+id); err != nil {
		t.Fatal(err)
	}
	put, err := w.client.Put(t.Context(), "places/"+id, "host")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Client: w.client, Fence: func(context.Context, string) (Fence, error) {
		return Fence{Key: "places/" + id, Created: put.Header.Revision}, nil
	}}
	for _, c := range change {
		c(&cfg)
	}
	return New(cfg)
}

// A model is a tenant: what a journal has to know.
type model struct {
	mu    sync.Mutex
	state journal.State
	by    map[string]journal.Change
}

func newModel() *model {
	m := &model{state: journal.State{Revision: 10, Written: map[string]uint64{}}, by: map[string]journal.Change{}}
	for i := range 20 {
		c := journal.Change{Revision: uint64(i%10 + 1), Resource: "things", Prefix: "/things/", Key: fmt.Sprintf("/things/%03d", i), Value: fmt.Append(nil, "thing ", i)}
		m.by[c.Key] = c
	}
	return m
}

func (m *model) now() journal.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.state
	s.Written = maps.Clone(s.Written)
	s.Objects = nil
	for _, key := range slices.Sorted(maps.Keys(m.by)) {
		s.Objects = append(s.Objects, m.by[key])
	}
	return s
}

// next are changes that follow each other.
func (m *model) next(values ...[]byte) (all []journal.Change) {
	for i, v := range values {
		all = append(all, journal.Change{Revision: m.state.Revision + uint64(i) + 1, Resource: "things", Prefix: "/things/",
			Key: fmt.Sprintf("/things/%03d", rand.IntN(30)), Value: v})
	}
	return all
}

func (m *model) apply(all []journal.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range all {
		m.state.Revision, m.state.Written[c.Resource] = c.Revision, c.Revision
		if c.Value == nil {
			delete(m.by, c.Key)
		} else {
			m.by[c.Key] = c
		}
	}
}

// append tells a writer, and notes what it acknowledged.
func (m *model) append(t testing.TB, w journal.Writer, lazy bool, values ...[]byte) {
	t.Helper()
	all := m.next(values...)
	if err := w.(journal.BatchWriter).AppendAll(all, lazy); err != nil {
		t.Fatal(err)
	}
	m.apply(all)
}

func (m *model) check(t testing.TB, k *Keeper, what string) {
	t.Helper()
	got, _, err := k.Read(t.Context(), id)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if want := m.now(); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: revision %d with %d objects, %v; want %d with %d, %v", what, got.Revision, len(got.Objects), got.Written, want.Revision, len(want.Objects), want.Written)
	}
}

func create(t testing.TB, k *Keeper, m *model) *writer {
	t.Helper()
	w, err := k.Create(t.Context(), id, m.now(), m.now, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w.(*writer)
}

func TestSession(t *testing.T) {
	world := newWorld(t)
	k, m := world.has(t, id), newModel()
	if _, err := k.File(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no session: %v", err)
	}
	if _, _, err := k.Read(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no journal: %v", err)
	}
	w := create(t, k, m)
	m.check(t, k, "at first")
	if err := w.Save([]byte("one")); err != nil {
		t.Fatal(err)
	}
	m.append(t, w, false, []byte("a"))
	m.append(t, w, false, []byte("b"), nil, []byte{}, []byte("c"))
	m.check(t, k, "after two appends")
	if err := w.Save([]byte("two")); err != nil {
		t.Fatal(err)
	}
	if text, err := k.File(t.Context(), id); err != nil || string(text) != "two" {
		t.Errorf("its file is %q, %v", text, err)
	}
	if ids, err := k.List(t.Context()); err != nil || !slices.Equal(ids, []string{id}) {
		t.Errorf("there are %v, %v", ids, err)
	}
	before := k.Last(t.Context(), id)
	m.append(t, w, false, []byte("e"))
	if after := k.Last(t.Context(), id); before <= 0 || after <= before || k.Last(t.Context(), "none") != 0 {
		t.Errorf("last written at %d, then %d", before, after)
	}
	if n := len(etcdtest.All(t, world.client)); n != 7 { // place, file, head, snapshot, three pieces of a log
		t.Errorf("there are %d keys", n)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Append(m.next(nil)[0], false); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	// Another host goes on, and ends it.
	k = world.has(t, id)
	w = create(t, k, m)
	m.check(t, k, "in another host")
	m.append(t, w, false, []byte("d"))
	m.check(t, k, "and on")
	if err := w.Remove(); err != nil {
		t.Error(err)
	}
	if err := w.Append(m.next(nil)[0], false); err != nil {
		t.Errorf("of a session that is not wanted: %v", err)
	}
	if all := etcdtest.All(t, world.client); len(all) != 1 {
		t.Errorf("left: %v", slices.Collect(maps.Keys(all)))
	}
}

// What need not be written is not, until something is, or the end.
func TestLazy(t *testing.T) {
	world := newWorld(t)
	k, m := world.has(t, id), newModel()
	w := create(t, k, m)
	before := m.now()
	m.append(t, w, true, []byte("lease"))
	m.append(t, w, true, []byte("lease"))
	if got, _, err := k.Read(t.Context(), id); err != nil || got.Revision != before.Revision {
		t.Errorf("revision %d is kept, %v", got.Revision, err)
	}
	m.append(t, w, false, []byte("pod"))
	m.check(t, k, "what follows takes it along")
	m.append(t, w, true, []byte("lease"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m.check(t, k, "so does the end")

	k = world.has(t, id, func(c *Config) { c.Lazily = time.Millisecond })
	w = create(t, k, m)
	m.append(t, w, true, []byte("lease"))
	want := m.now().Revision
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		got, _, err := k.Read(t.Context(), id)
		if err == nil && got.Revision == want {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("time does not: %d, %v", got.Revision, err)
		}
	}
	large := world.has(t, id)
	w = create(t, large, m)
	m.append(t, w, true, bytes.Repeat([]byte("x"), mostLazy))
	m.check(t, large, "so does its size")
}

// Who no longer has the session writes nothing, whatever it was about to write.
func TestFenced(t *testing.T) {
	world := newWorld(t)
	k, m := world.has(t, id, func(c *Config) { c.Least = 1 }), newModel()
	w := create(t, k, m)
	m.append(t, w, false, []byte("a"))
	if err := w.Save([]byte("file")); err != nil {
		t.Fatal(err)
	}
	m.append(t, w, true, []byte("lease")) // acknowledged, and worth nothing
	second := world.has(t, id)
	next := create(t, second, m)
	want := etcdtest.All(t, world.client)
	for what, err := range map[string]error{
		"append": w.AppendAll(m.next([]byte("x")), false),
		"save":   w.Save([]byte("old")),
		"create": func() error {
			_, err := k.Create(t.Context(), id, m.now(), m.now, nil)
			return err
		}(),
		"remove":             w.Remove(),
		"remove it unopened": k.Remove(t.Context(), id),
		"set aside": func() error {
			_, err := k.SetAside(t.Context(), id)
			return err
		}(),
	} {
		if !errors.Is(err, journal.ErrFenced) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if now := etcdtest.All(t, world.client); !reflect.DeepEqual(now, want) {
		t.Error("it has written")
	}
	m.append(t, next, false, []byte("b"))
	m.check(t, second, "of the second host")

	// A host whose lease is over has nothing to compare with.
	if _, err := world.client.Delete(t.Context(), "places/"+id); err != nil {
		t.Fatal(err)
	}
	if err := next.AppendAll(m.next([]byte("x")), false); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("without a place: %v", err)
	}
	none := New(Config{Client: world.client, Fence: func(context.Context, string) (Fence, error) { return Fence{}, journal.ErrFenced }})
	if _, err := none.Create(t.Context(), id, m.now(), m.now, nil); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("without a fence: %v", err)
	}
}

// Values that no request can have take several, and a journal that grows is made shorter.
func TestLarge(t *testing.T) {
	world := newWorld(t)
	k, m := world.has(t, id), newModel()
	w := create(t, k, m)
	m.append(t, w, false, random(3<<20), random(10))
	m.check(t, k, "3 MiB in one change")
	m.append(t, w, false, []byte("small"))
	m.check(t, k, "and behind it")
	m.append(t, w, false, []byte("and another"))
	w.work.Wait()
	m.append(t, w, false, []byte("and one more"))
	m.check(t, k, "in a snapshot of several pieces")
	if w.generation != 2 {
		t.Errorf("it is in log %d", w.generation)
	}
	for key := range etcdtest.All(t, world.client) {
		if strings.Contains(key, "/log/0000000000000001/") || strings.Contains(key, "/snapshot/0000000000000001/") {
			t.Errorf("%s is still there", key)
		}
	}
}

// random is what cannot be made smaller.
func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

func TestCompaction(t *testing.T) {
	world := newWorld(t)
	k, m := world.has(t, id, func(c *Config) { c.Least = 2000 }), newModel()
	w := create(t, k, m)
	for i := range 300 {
		m.append(t, w, i%5 == 4, random(50+i%7))
		if i%40 == 0 {
			w.work.Wait()
		}
	}
	m.append(t, w, false, []byte("end"))
	w.work.Wait()
	m.check(t, k, "after compactions")
	if w.generation < 4 {
		t.Errorf("there were %d compactions", w.generation-1)
	}
	bytes := 0
	for key, value := range etcdtest.All(t, world.client) {
		bytes += len(key) + len(value)
	}
	if bytes > 20_000 {
		t.Errorf("%d bytes are kept", bytes)
	}
}

func TestLimit(t *testing.T) {
	world := newWorld(t)
	k, m := world.has(t, id, func(c *Config) { c.Limit, c.Least = 64<<10, 1<<10 }), newModel()
	w := create(t, k, m)
	full := 0
	for range 60 {
		all := m.next(random(4 << 10))
		if err := w.AppendAll(all, false); err == nil {
			m.apply(all)
		} else if full++; !errors.Is(err, journal.ErrFull) {
			t.Fatal(err)
		}
		w.work.Wait()
	}
	if full == 0 {
		t.Error("there is room for everything")
	}
	m.check(t, k, "of as much as there is room for")
	for key := range m.now().Objects {
		all := m.next(nil)
		all[0].Key = m.now().Objects[0].Key
		if err := w.AppendAll(all, false); err != nil {
			t.Fatalf("deletion %d: %v", key, err)
		}
		m.apply(all)
		w.work.Wait()
	}
	m.append(t, w, false, random(4<<10))
	m.check(t, k, "when there is room again")
}

// A writer that ends in the middle of what takes several requests leaves an end that is cut off.
func TestTorn(t *testing.T) {
	world := newWorld(t)
	k, m := world.has(t, id), newModel()
	w := create(t, k, m)
	m.append(t, w, false, []byte("a"))
	if _, err := world.client.Put(t.Context(), piece(of(id), "log", 1, 1), string(journal.AppendRecord(nil, m.next(random(900))[0])[:700])); err != nil {
		t.Fatal(err)
	}
	_, report, err := k.Read(t.Context(), id)
	if err != nil || report.Cut != 700 {
		t.Errorf("cut off %d, %v", report.Cut, err)
	}
	m.check(t, k, "without its end")
	// One that goes on begins a new log.
	w.torn = true
	if _, err := world.client.Put(t.Context(), piece(of(id), "log", 1, 2), "more"); err != nil {
		t.Fatal(err)
	}
	m.append(t, w, false, []byte("b"))
	m.append(t, w, false, []byte("c"))
	m.check(t, k, "in a new log")
}

// late is an etcd of which the first transaction with a key arrives twice: once without a word, and
// once more when it is let go.
type late struct {
	clientv3.KV
	key   string
	once  sync.Once
	again func() (*clientv3.TxnResponse, error)
}

type lateTxn struct {
	clientv3.Txn
	late *late
	ifs  []clientv3.Cmp
	then []clientv3.Op
	or   []clientv3.Op
}

func (l *late) Txn(ctx context.Context) clientv3.Txn { return &lateTxn{Txn: l.KV.Txn(ctx), late: l} }

func (t *lateTxn) If(c ...clientv3.Cmp) clientv3.Txn {
	t.ifs = c
	return t
}

func (t *lateTxn) Then(o ...clientv3.Op) clientv3.Txn {
	t.then = o
	return t
}

func (t *lateTxn) Else(o ...clientv3.Op) clientv3.Txn {
	t.or = o
	return t
}

func (t *lateTxn) Commit() (*clientv3.TxnResponse, error) {
	again := func() (*clientv3.TxnResponse, error) {
		return t.late.KV.Txn(context.Background()).If(t.ifs...).Then(t.then...).Else(t.or...).Commit()
	}
	lost := false
	if slices.ContainsFunc(t.then, func(o clientv3.Op) bool { return o.IsPut() && string(o.KeyBytes()) == t.late.key }) {
		t.late.once.Do(func() {
			lost = true
			t.late.again = again
		})
	}
	if lost {
		return nil, rpctypes.ErrTimeout
	}
	return again()
}

// A request whose answer never came is made again; the first may arrive after others that were
// acknowledged since, and changes nothing then.
func TestLate(t *testing.T) {
	for what, c := range map[string]struct {
		key string
		use func(t *testing.T, w *writer, m *model)
	}{
		"save": {keptPrefix + id, func(t *testing.T, w *writer, _ *model) {
			for _, text := range []string{"one", "two"} {
				if err := w.Save([]byte(text)); err != nil {
					t.Fatal(err)
				}
			}
		}},
		"log": {piece(of(id), "log", 1, 0), func(t *testing.T, w *writer, m *model) {
			m.append(t, w, false, []byte("a"))
			m.append(t, w, false, []byte("b"))
		}},
		"snapshot": {of(id) + "head", func(t *testing.T, w *writer, m *model) {
			m.append(t, w, false, random(900))
			w.compactAt = 1 // the first snapshot is written anew, as what was late was the first
			m.append(t, w, false, []byte("b"))
			w.work.Wait()
			m.append(t, w, false, []byte("c"))
		}},
		"torn": {piece(of(id), "log", 1, 0), func(t *testing.T, w *writer, m *model) {
			m.append(t, w, false, []byte("a"))
			w.torn = true // the rest of something larger was refused
			m.append(t, w, false, []byte("b"))
		}},
	} {
		t.Run(what, func(t *testing.T) {
			world := newWorld(t)
			l := &late{KV: world.client.KV, key: c.key}
			k, m := world.has(t, id, func(c *Config) { c.Client = &clientv3.Client{KV: l} }), newModel()
			w := create(t, k, m)
			c.use(t, w, m)
			want := etcdtest.All(t, world.client)
			if l.again == nil {
				t.Fatal("nothing was late")
			}
			if _, err := l.again(); err != nil {
				t.Fatal(err)
			}
			now := etcdtest.All(t, world.client)
			if what == "torn" {
				delete(now, c.key) // of a log that nobody reads any more
			}
			if !reflect.DeepEqual(now, want) {
				t.Error("it has changed something")
			}
			m.check(t, k, "after what was late")
		})
	}
}

func TestDamaged(t *testing.T) {
	world := newWorld(t)
	for what, damage := range map[string]func(keys map[string]string) (key, value string){
		"snapshot": func(keys map[string]string) (string, string) {
			key := piece(of(id), "snapshot", 1, 0)
			return key, keys[key][:len(keys[key])-9]
		},
		"log": func(keys map[string]string) (string, string) {
			key := piece(of(id), "log", 1, 0)
			return key, strings.Replace(keys[key], "value", "VALUE", 1)
		},
		"head": func(map[string]string) (string, string) { return of(id) + "head", "{" },
		"format": func(map[string]string) (string, string) {
			return of(id) + "head", `{"format":9,"generation":1,"pieces":1}`
		},
		"missing": func(map[string]string) (string, string) { return piece(of(id), "log", 1, 5), "more" },
	} {
		k, m := world.has(t, id), newModel()
		w := create(t, k, m)
		w.generation = 1
		for key := range etcdtest.All(t, world.client) {
			if strings.HasPrefix(key, of(id)) {
				if _, err := world.client.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
		}
		w = create(t, k, m)
		m.append(t, w, false, []byte("a value"))
		m.append(t, w, false, []byte("another"))
		if err := w.Save([]byte("file")); err != nil {
			t.Fatal(err)
		}
		key, value := damage(etcdtest.All(t, world.client))
		if _, err := world.client.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
		if _, _, err := k.Read(t.Context(), id); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		where, err := k.SetAside(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		all := etcdtest.All(t, world.client)
		if all[where+key] != value || all[where+"kept/"+id] != "file" || all[key] != "" || all["kept/"+id] != "" {
			t.Errorf("%s: it is not set aside at %s, but there are %v", what, where, slices.Sorted(maps.Keys(all)))
		}
		if _, err := world.client.Delete(t.Context(), damagedPrefix, clientv3.WithPrefix()); err != nil {
			t.Fatal(err)
		}
	}
}

// An etcd that is away is waited for: what it is asked meanwhile is written once it is back,
// or told to be unknown at the end.
func TestAway(t *testing.T) {
	world := newWorld(t)
	k, m := world.has(t, id), newModel()
	w := create(t, k, m)
	world.server.Pause(t)
	all := m.next([]byte("a"))
	done := make(chan error, 1)
	go func() { done <- w.AppendAll(all, false) }()
	select {
	case err := <-done:
		t.Fatalf("acknowledged without etcd: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	world.server.Resume(t)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	m.apply(all)
	m.check(t, k, "when it is back")

	world.server.Pause(t)
	go func() { done <- w.AppendAll(m.next([]byte("b")), false) }()
	if err := w.Remove(); err == nil {
		t.Error("removed without etcd")
	}
	if err := <-done; err != nil && !errors.Is(err, journal.ErrClosed) {
		t.Errorf("when the writer ends: %v", err)
	}
	world.server.Resume(t)
}

// Both keepers pass the same: what is appended is read, of hosts that follow each other.
func TestHandOver(t *testing.T) {
	world := newWorld(t)
	m := newModel()
	var old []*writer
	for host := range 5 {
		k := world.has(t, id, func(c *Config) { c.Least = 3000 })
		if host > 0 {
			m.check(t, k, fmt.Sprint("taken over by host ", host))
		}
		w := create(t, k, m)
		var wg sync.WaitGroup
		for _, o := range old { // who thinks that it has it still
			wg.Go(func() {
				for range 5 {
					if err := o.AppendAll(m.next([]byte("stale")), false); !errors.Is(err, journal.ErrFenced) {
						t.Errorf("a host before is told %v", err)
					}
				}
			})
		}
		wg.Wait()
		for i := range 20 {
			m.append(t, w, false, random(100+i), random(10))
		}
		old = append(old, w)
	}
}
