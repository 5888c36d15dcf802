package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
)

// batching is a Batcher that waits for its test, which says what becomes of each batch.
type batching struct {
	told    chan []Entry
	answers chan error
}

func newBatching(s *suite) *batching {
	b := &batching{make(chan []Entry), make(chan error)}
	s.tenant.SetJournal(b)
	return b
}

func (b *batching) Append(Entry) error { panic("one at a time") }

func (b *batching) AppendAll(all []Entry) error {
	b.told <- all
	return <-b.answers
}

func keysOf(all []Entry) (keys []string) {
	for _, e := range all {
		keys = append(keys, e.Key)
	}
	return keys
}

// write creates a pod behind the test's back.
func write(s *suite, name string) <-chan error {
	done := make(chan error, 1)
	go func() {
		pod := &example.Pod{}
		pod.Name, pod.Namespace = name, "ns"
		done <- s.Create(context.Background(), "/pods/ns/"+name, pod, nil, 0)
	}()
	return done
}

// staged waits until so many writes wait.
func (s *suite) staged(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		s.tenant.mu.RLock()
		have := len(s.tenant.staging.keys)
		s.tenant.mu.RUnlock()
		if have == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d writes wait, not %d", have, n)
		}
	}
}

// Writes that wait together are appended together, in order, and are nowhere to be seen before.
func TestBatches(t *testing.T) {
	ctx, s := setup(t)
	b := newBatching(s)
	w, err := s.Watch(ctx, "/pods/", storage.ListOptions{Predicate: storage.Everything, Recursive: true, ResourceVersion: "1"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	first := write(s, "a")
	if got := keysOf(<-b.told); !slices.Equal(got, []string{"/pods/ns/a"}) {
		t.Fatalf("told %v", got)
	}
	var rest []<-chan error
	for i, name := range []string{"b", "c", "d"} {
		rest = append(rest, write(s, name))
		s.staged(t, i+2)
	}
	if err := s.Get(ctx, "/pods/ns/a", storage.GetOptions{}, &example.Pod{}); !storage.IsNotFound(err) {
		t.Errorf("there before it is kept: %v", err)
	}
	b.answers <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	all := <-b.told
	if got := keysOf(all); !slices.Equal(got, []string{"/pods/ns/b", "/pods/ns/c", "/pods/ns/d"}) {
		t.Errorf("told %v", got)
	}
	for i, e := range all {
		if e.Revision != uint64(3+i) {
			t.Errorf("%s has revision %d", e.Key, e.Revision)
		}
	}
	b.answers <- nil
	for _, done := range rest {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		if e := <-w.ResultChan(); e.Object.(*example.Pod).Name != name {
			t.Errorf("seen %v, want %s", e.Object, name)
		}
	}
	s.staged(t, 0)
}

// What is refused takes with it what came behind it, and the next begin where there is nothing.
func TestBatchRefused(t *testing.T) {
	ctx, s := setup(t)
	b := newBatching(s)
	no := errors.New("mvcc: database space exceeded")
	first := write(s, "a")
	<-b.told
	second := write(s, "b")
	s.staged(t, 2)
	b.answers <- no
	for _, done := range []<-chan error{first, second} {
		if err := <-done; !errors.Is(err, no) {
			t.Errorf("refused: %v", err)
		}
	}
	third := write(s, "b")
	if all := <-b.told; all[0].Revision != 2 {
		t.Errorf("it has revision %d", all[0].Revision)
	}
	b.answers <- nil
	if err := <-third; err != nil {
		t.Error(err)
	}
	if err := s.Get(ctx, "/pods/ns/a", storage.GetOptions{}, &example.Pod{}); !storage.IsNotFound(err) {
		t.Errorf("what was refused is there: %v", err)
	}
}

// A second write of a key waits for the first, and then finds it.
func TestBatchConflict(t *testing.T) {
	_, s := setup(t)
	b := newBatching(s)
	first := write(s, "a")
	<-b.told
	second := write(s, "a")
	select {
	case err := <-second:
		t.Errorf("it has not waited: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	b.answers <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := <-second; !storage.IsExist(err) {
		t.Errorf("made twice: %v", err)
	}
}

// Who waits too long is told so, in etcd's words; the write may be there later. There is
// no end to waiting, but to how much does.
func TestBatchLate(t *testing.T) {
	ctx, s := setup(t)
	b := newBatching(s)
	s.tenant.staging.keys, s.tenant.staging.patience, s.tenant.staging.mostStaged = map[string]*staged{}, 20*time.Millisecond, 1000
	first := write(s, "a")
	<-b.told
	if err := <-first; !errors.Is(err, errLate) {
		t.Errorf("told %v", err)
	}
	if err := <-write(s, "a"); !errors.Is(err, errLate) {
		t.Errorf("behind one that is late: %v", err)
	}
	busy := 0
	for i := range 20 {
		if err := <-write(s, fmt.Sprint("b", i)); errors.Is(err, errBusy) {
			busy++
		} else if !errors.Is(err, errLate) {
			t.Error(err)
		}
	}
	if busy < 10 {
		t.Errorf("%d were refused", busy)
	}
	b.answers <- nil
	<-b.told // all the others
	if err := s.Get(ctx, "/pods/ns/a", storage.GetOptions{}, &example.Pod{}); err != nil {
		t.Errorf("it is not there: %v", err)
	}
	b.answers <- nil
	s.staged(t, 0)
}

// prompt keeps everything, each batch when it is told.
type prompt struct {
	batching
	mu      sync.Mutex
	entries []Entry
	batches int
}

func (p *prompt) AppendAll(all []Entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = append(p.entries, all...)
	p.batches++
	return nil
}

// Many write at once: what the journal has is what the tenant has.
func TestBatchWriters(t *testing.T) {
	ctx, s := setup(t)
	p := &prompt{}
	s.tenant.SetJournal(p)
	for i := range 4 {
		create(t, s, fmt.Sprint("p", i), 0)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 25 {
				err := s.GuaranteedUpdate(ctx, fmt.Sprint("/pods/ns/p", (w+i)%4), &example.Pod{}, false, nil,
					func(obj runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
						pod := obj.DeepCopyObject().(*example.Pod)
						pod.Labels = map[string]string{"n": fmt.Sprint(len(pod.Labels["n"])), "by": fmt.Sprint(w, i)}
						return pod, nil, nil
					}, nil)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	last := map[string][]byte{}
	for i, e := range p.entries {
		if e.Revision != uint64(i+2) {
			t.Fatalf("entry %d has revision %d", i, e.Revision)
		}
		last[e.Key] = e.Value
	}
	for _, e := range s.tenant.State().Objects {
		if string(last[e.Key]) != string(e.Value) {
			t.Errorf("%s is not what the journal has", e.Key)
		}
	}
	if n := len(p.entries); n != 4+8*25 {
		t.Errorf("%d entries", n)
	}
}
