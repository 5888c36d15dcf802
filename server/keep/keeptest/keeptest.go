// Package keeptest is what every keep.Store must pass.
package keeptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/server/keep"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// Run tests Stores that make answers. Each call of it must return two that are of the same
// documents, which are none at first; they may be one and the same.
func Run(t *testing.T, open func(t *testing.T) (a, b keep.Store)) {
	for name, test := range map[string]func(*testing.T, keep.Store, keep.Store){
		"Documents": documents, "Invalid": invalid, "List": list, "Born again": bornAgain, "Own bytes": ownBytes,
		"Writers": writers, "One of many": oneOfMany, "Watch": watch, "Slow watcher": slowWatcher, "Watch amid writes": watchAmidWrites,
		"Change that fails": changeThatFails, "Readers": readers,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			test(t, a, b)
		})
	}
}

func documents(t *testing.T, a, b keep.Store) {
	ctx := t.Context()
	if _, err := a.Get(ctx, "classes/one"); !errors.Is(err, keep.ErrNotFound) {
		t.Errorf("a document that there is not: %v", err)
	}
	if err := a.Delete(ctx, "classes/one", 1); !errors.Is(err, keep.ErrNotFound) {
		t.Errorf("deleting a document that there is not: %v", err)
	}
	if _, err := a.Put(ctx, "classes/one", []byte("x"), 7); !errors.Is(err, keep.ErrConflict) {
		t.Errorf("changing a document that there is not: %v", err)
	}
	first := put(t, a, "classes/one", "first", 0)
	if _, err := b.Put(ctx, "classes/one", []byte("x"), 0); !errors.Is(err, keep.ErrConflict) {
		t.Errorf("making a document that there is: %v", err)
	}
	second := put(t, b, "classes/one", "second", first.Revision)
	if second.Revision <= first.Revision {
		t.Errorf("revision %d comes after %d", second.Revision, first.Revision)
	}
	if _, err := a.Put(ctx, "classes/one", []byte("x"), first.Revision); !errors.Is(err, keep.ErrConflict) {
		t.Errorf("changing what somebody has changed: %v", err)
	}
	if err := a.Delete(ctx, "classes/one", first.Revision); !errors.Is(err, keep.ErrConflict) {
		t.Errorf("deleting what somebody has changed: %v", err)
	}
	for _, s := range []keep.Store{a, b} {
		if got, err := s.Get(ctx, "classes/one"); err != nil || !same(got, second) {
			t.Errorf("%+v, %v; want %+v", got, err, second)
		}
	}
	put(t, a, "classes/one/members/two", "", 0) // a key may go on where another ends
	if got, err := b.Get(ctx, "classes/one/members/two"); err != nil || len(got.Value) != 0 {
		t.Errorf("an empty document: %+v, %v", got, err)
	}
	if err := b.Delete(ctx, "classes/one", second.Revision); err != nil {
		t.Error(err)
	}
	if _, err := a.Get(ctx, "classes/one"); !errors.Is(err, keep.ErrNotFound) {
		t.Errorf("a deleted document: %v", err)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), keep.MaxValue/16)
	put(t, a, "large", string(large), 0)
	if got, err := b.Get(ctx, "large"); err != nil || !bytes.Equal(got.Value, large) {
		t.Errorf("a large document has %d bytes, %v", len(got.Value), err)
	}
}

func invalid(t *testing.T, a, _ keep.Store) {
	for _, key := range []string{"", "/", "a//b", "/a", "a/", "A", "ä", "a b", "a+b", "a\x00", "..", "../a", ".", "a/../../b", "a/.b", string(bytes.Repeat([]byte("a"), keep.MaxKey+1))} {
		if _, err := a.Put(t.Context(), key, nil, 0); !errors.Is(err, keep.ErrInvalid) {
			t.Errorf("key %q: %v", key, err)
		}
	}
	if _, err := a.Put(t.Context(), "a", make([]byte, keep.MaxValue+1), 0); !errors.Is(err, keep.ErrInvalid) {
		t.Errorf("a document that is too large: %v", err)
	}
	for _, key := range []string{"-", "a..", "lock", "new", "damaged/new", "a/-/_", string(bytes.Repeat([]byte("a"), keep.MaxKey))} {
		put(t, a, key, key, 0)
		if got, err := a.Get(t.Context(), key); err != nil || string(got.Value) != key {
			t.Errorf("%q: %q, %v", key, got.Value, err)
		}
	}
}

func list(t *testing.T, a, b keep.Store) {
	var all []keep.Document
	for i := range 40 {
		all = append(all, put(t, a, fmt.Sprintf("many/%02d", i), strconv.Itoa(i), 0))
	}
	put(t, a, "man", "", 0)
	put(t, a, "manz", "", 0)
	got, err := b.List(t.Context(), "many/")
	if err != nil || !slices.EqualFunc(got, all, same) {
		t.Errorf("%v, %v", keys(got), err)
	}
	if got, err := b.List(t.Context(), "many/1"); err != nil || len(got) != 10 {
		t.Errorf("a prefix within a segment: %v, %v", keys(got), err)
	}
	if got, err := b.List(t.Context(), ""); err != nil || len(got) != 42 {
		t.Errorf("all: %v, %v", keys(got), err)
	}
	if got, err := b.List(t.Context(), "none/"); err != nil || len(got) != 0 {
		t.Errorf("none: %v, %v", keys(got), err)
	}
}

// Who knows a document that was deleted must not change the next one of that key.
func bornAgain(t *testing.T, a, b keep.Store) {
	first := put(t, a, "k", "1", 0)
	if err := a.Delete(t.Context(), "k", first.Revision); err != nil {
		t.Fatal(err)
	}
	second := put(t, b, "k", "2", 0)
	if second.Revision <= first.Revision {
		t.Errorf("revision %d comes after %d", second.Revision, first.Revision)
	}
	if _, err := a.Put(t.Context(), "k", nil, first.Revision); !errors.Is(err, keep.ErrConflict) {
		t.Errorf("changed by its revision before: %v", err)
	}
}

func ownBytes(t *testing.T, a, _ keep.Store) {
	value := []byte("abc")
	d, err := a.Put(t.Context(), "k", value, 0)
	if err != nil {
		t.Fatal(err)
	}
	value[0], d.Value[1] = 'X', 'X'
	got, err := a.Get(t.Context(), "k")
	if err != nil || string(got.Value) != "abc" {
		t.Fatalf("%q, %v", got.Value, err)
	}
	got.Value[2] = 'X'
	if all, err := a.List(t.Context(), ""); err != nil || len(all) != 1 || string(all[0].Value) != "abc" {
		t.Errorf("%v, %v", all, err)
	}
}

// Many change one document, and no change is lost.
func writers(t *testing.T, a, b keep.Store) {
	const each = 25
	var wg sync.WaitGroup
	for _, s := range []keep.Store{a, b, a, b} {
		wg.Go(func() {
			for range each {
				if err := keep.Change(t.Context(), s, "counter", func(old []byte) ([]byte, error) {
					n, _ := strconv.Atoi(string(old))
					return strconv.AppendInt(nil, int64(n+1), 10), nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, err := a.Get(t.Context(), "counter"); err != nil || string(got.Value) != strconv.Itoa(4*each) {
		t.Errorf("counted %s, %v", got.Value, err)
	}
}

// Who reads at the same time gets what they asked for, each their own bytes.
func readers(t *testing.T, a, b keep.Store) {
	for i := range 5 {
		put(t, a, fmt.Sprint("read/", i), strconv.Itoa(i), 0)
	}
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			i := n % 10 // of which the half is there
			got, err := b.Get(t.Context(), fmt.Sprint("read/", i))
			if i < 5 && (err != nil || string(got.Value) != strconv.Itoa(i)) || i >= 5 && !errors.Is(err, keep.ErrNotFound) {
				t.Errorf("document %d: %q, %v", i, got.Value, err)
			}
			for j := range got.Value {
				got.Value[j] = 'x'
			}
		})
	}
	all.Wait()
}

func oneOfMany(t *testing.T, a, b keep.Store) {
	for round := range 10 {
		var mu sync.Mutex
		won := 0
		var wg sync.WaitGroup
		for _, s := range []keep.Store{a, b, a, b, a, b} {
			wg.Go(func() {
				_, err := s.Put(t.Context(), fmt.Sprint("place/", round), nil, 0)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, keep.ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d made the same document", won)
		}
	}
}

func watch(t *testing.T, a, b keep.Store) {
	first := put(t, a, "w/1", "1", 0)
	put(t, a, "x", "", 0)
	w := watching(t, b, "w/")
	w.until(t, "synced", func() bool { return w.synced })
	if got := w.texts(); !slices.Equal(got, []string{"w/1=1"}) {
		t.Errorf("at first: %v", got)
	}
	second := put(t, a, "w/2", "2", 0)
	w.until(t, "w/2=2", func() bool { return w.value("w/2") == "2" })
	put(t, b, "w/1", "3", first.Revision)
	w.until(t, "w/1=3", func() bool { return w.value("w/1") == "3" })
	put(t, a, "x2", "", 0)
	if err := a.Delete(t.Context(), "w/2", second.Revision); err != nil {
		t.Fatal(err)
	}
	w.until(t, "w/2 gone", func() bool { _, ok := w.now["w/2"]; return !ok })
	put(t, a, "w/2", "4", 0)
	w.until(t, "w/2=4", func() bool { return w.value("w/2") == "4" })
	if got, want := w.texts(), []string{"w/1=1", "w/2=2", "w/1=3", "w/2 is gone", "w/2=4"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	w.stop()
	if err := <-w.ended; err != nil {
		t.Errorf("a watch that nobody wants any more: %v", err)
	}
}

// Who does not listen sees the end of it, in order, and holds nobody up.
func slowWatcher(t *testing.T, a, b keep.Store) {
	release := make(chan struct{})
	w := watching(t, b, "", func() { <-release })
	d := put(t, a, "k", "0", 0)
	for i := range 50 {
		d = put(t, a, "k", strconv.Itoa(i+1), d.Revision)
	}
	put(t, a, "z", "end", 0)
	close(release)
	w.until(t, "the end", func() bool { return w.value("z") == "end" })
	if got := w.value("k"); got != "50" {
		t.Errorf("before the end, k was %q", got)
	}
}

// Nothing falls between what there is and what changes.
func watchAmidWrites(t *testing.T, a, b keep.Store) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for _, key := range []string{"m/1", "m/2", "m/3"} {
		wg.Go(func() {
			var d keep.Document
			for i := 1; ctx.Err() == nil; i++ {
				next, err := a.Put(t.Context(), key, []byte(strconv.Itoa(i)), d.Revision)
				if err != nil {
					t.Error(err)
					return
				}
				d = next
			}
		})
	}
	var all []*watched
	for range 5 {
		w := watching(t, b, "m/")
		w.until(t, "three documents", func() bool { return w.synced && len(w.now) == 3 })
		all = append(all, w)
	}
	stop()
	wg.Wait()
	at, err := a.List(t.Context(), "m/")
	if err != nil || len(at) != 3 {
		t.Fatalf("%v, %v", at, err)
	}
	for _, w := range all {
		w.until(t, "the last values", func() bool {
			return !slices.ContainsFunc(at, func(d keep.Document) bool { return w.value(d.Key) != string(d.Value) })
		})
		last := map[string]uint64{}
		for _, e := range w.events {
			if e.Revision <= last[e.Key] {
				t.Errorf("%s: revision %d after %d", e.Key, e.Revision, last[e.Key])
			}
			last[e.Key] = e.Revision
		}
	}
}

func changeThatFails(t *testing.T, a, _ keep.Store) {
	no := errors.New("no")
	if err := keep.Change(t.Context(), a, "k", func(old []byte) ([]byte, error) {
		if old != nil {
			t.Errorf("there is %q", old)
		}
		return nil, no
	}); !errors.Is(err, no) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Put(ctx, "k", nil, 0); err == nil {
		t.Error("written for somebody who has gone")
	}
}

func put(t *testing.T, s keep.Store, key, value string, revision uint64) keep.Document {
	t.Helper()
	d, err := s.Put(t.Context(), key, []byte(value), revision)
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	if d.Key != key || string(d.Value) != value || d.Revision == 0 {
		t.Errorf("put %s answers %+v", key, d)
	}
	return d
}

func same(a, b keep.Document) bool {
	return a.Key == b.Key && bytes.Equal(a.Value, b.Value) && a.Revision == b.Revision
}

func keys(all []keep.Document) (k []string) {
	for _, d := range all {
		k = append(k, d.Key)
	}
	return k
}

// watched is what a watcher was told.
type watched struct {
	mu     sync.Mutex
	events []keep.Event
	now    map[string]string
	synced bool
	stop   context.CancelFunc
	ended  chan error
	wake   chan struct{}
}

// watching watches until the test is over; each event waits for slow.
func watching(t *testing.T, s keep.Store, prefix string, slow ...func()) *watched {
	ctx, stop := context.WithCancel(t.Context())
	w := &watched{now: map[string]string{}, stop: stop, ended: make(chan error, 1), wake: make(chan struct{}, 1)}
	see := func(fn func()) {
		for _, wait := range slow {
			wait()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		fn()
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	go func() {
		w.ended <- s.Watch(ctx, prefix, func(e keep.Event) {
			see(func() {
				w.events = append(w.events, e)
				if e.Gone {
					delete(w.now, e.Key)
				} else {
					w.now[e.Key] = string(e.Value)
				}
			})
		}, func() { see(func() { w.synced = true }) })
	}()
	return w
}

// until waits for a condition, which may look at the fields, or at value.
func (w *watched) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		w.mu.Lock()
		ok := is()
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-w.wake:
		case err := <-w.ended:
			t.Fatalf("no %s; the watch has ended: %v", what, err)
		case <-late:
			t.Fatalf("no %s, but %v", what, w.texts())
		}
	}
}

func (w *watched) value(key string) string { return w.now[key] }

func (w *watched) texts() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Gone {
			all = append(all, e.Key+" is gone")
		} else {
			all = append(all, e.Key+"="+string(e.Value))
		}
	}
	return all
}
