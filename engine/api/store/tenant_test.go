package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
)

func create(t *testing.T, s *suite, name string, ttl uint64) *example.Pod {
	t.Helper()
	out := &example.Pod{}
	in := &example.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns"}}
	if err := s.Create(t.Context(), "/pods/ns/"+name, in, out, ttl); err != nil {
		t.Fatal(err)
	}
	return out
}

func next(t *testing.T, w watch.Interface) (watch.Event, bool) {
	t.Helper()
	select {
	case e, ok := <-w.ResultChan():
		return e, ok
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
		return watch.Event{}, false
	}
}

func all(s *suite, t *testing.T, rv string) watch.Interface {
	t.Helper()
	w, err := s.Watch(t.Context(), "/pods/", storage.ListOptions{ResourceVersion: rv, Recursive: true, Predicate: storage.Everything})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

func TestExpiryDeletesAndTellsWatchers(t *testing.T) {
	_, s := setup(t)
	kept, brief := create(t, s, "kept", 0), create(t, s, "brief", 1)
	w := all(s, t, brief.ResourceVersion)
	e, _ := next(t, w)
	if e.Type != watch.Deleted || e.Object.(*example.Pod).Name != "brief" {
		t.Fatalf("got %v of %v", e.Type, e.Object)
	}
	if err := s.Get(t.Context(), "/pods/ns/kept", storage.GetOptions{}, kept); err != nil {
		t.Error(err)
	}
}

func TestRenewedTTLOutlivesTheOld(t *testing.T) {
	_, s := setup(t)
	now := time.Now()
	s.tenant.clock = func() time.Time { return now }
	create(t, s, "lease", 3600)
	hours := uint64(7200)
	err := s.GuaranteedUpdate(t.Context(), "/pods/ns/lease", &example.Pod{}, false, nil,
		func(o runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
			o.(*example.Pod).Labels = map[string]string{"renewed": "yes"}
			return o, &hours, nil
		}, nil)
	if err != nil {
		t.Fatal(err)
	}
	exists := func() bool { it, _ := s.tenant.get("/pods/", "/pods/ns/lease"); return it.rev != 0 }
	now = now.Add(5000 * time.Second)
	if s.tenant.expire(); !exists() {
		t.Fatal("expired by the first deadline")
	}
	now = now.Add(5000 * time.Second)
	if s.tenant.expire(); exists() {
		t.Fatal("did not expire by the second deadline")
	}
}

func TestSlowWatcherIsEndedAndWritersNeverWait(t *testing.T) {
	_, s := setup(t)
	w := all(s, t, "1")
	for i := range watchQueue + 2*watchBuffer + 2 {
		create(t, s, fmt.Sprint("p", i), 0)
	}
	n := 0
	for range w.ResultChan() {
		n++
	}
	if n > watchQueue {
		t.Errorf("%d events", n)
	}
}

func TestCloneSharesBytesAndThenPartsWays(t *testing.T) {
	_, s := setup(t)
	pod := create(t, s, "a", 0)
	gold := s.tenant
	clone := gold.Clone()
	it, _ := gold.get("/pods/", "/pods/ns/a")
	other, rev := clone.get("/pods/", "/pods/ns/a")
	if &it.data[0] != &other.data[0] {
		t.Error("the bytes were copied")
	}
	if fmt.Sprint(rev) != pod.ResourceVersion {
		t.Errorf("clone stands at %d, want %s", rev, pod.ResourceVersion)
	}
	create(t, s, "b", 0)
	if it, _ := clone.get("/pods/", "/pods/ns/b"); it.rev != 0 {
		t.Error("a write to the original is in the clone")
	}
	s.tenant = clone
	s.resolve = func(context.Context) (*Tenant, error) { return clone, nil }
	e, _ := next(t, all(s, t, "1"))
	if st, ok := e.Object.(*metav1.Status); e.Type != watch.Error || !ok || st.Reason != metav1.StatusReasonExpired {
		t.Errorf("a watch from before the clone got %v %v", e.Type, e.Object)
	}
}

type refusing struct{ err error }

func (r refusing) Append(Entry) error { return r.err }

func TestJournalComesFirst(t *testing.T) {
	_, s := setup(t)
	full := errors.New("disk full")
	s.tenant.SetJournal(refusing{full})
	err := s.Create(t.Context(), "/pods/ns/a", &example.Pod{}, nil, 0)
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if it, rev := s.tenant.get("/pods/", "/pods/ns/a"); it.rev != 0 || rev != 1 {
		t.Error("written all the same")
	}
}

func TestNoTenantIsAnError(t *testing.T) {
	_, s := setup(t)
	lost := errors.New("no session")
	s.resolve = func(context.Context) (*Tenant, error) { return nil, lost }
	if err := s.Get(t.Context(), "/pods/ns/a", storage.GetOptions{}, &example.Pod{}); !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Watch(t.Context(), "/pods/", storage.ListOptions{Recursive: true, Predicate: storage.Everything}); !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
}

func TestHasAndMore(t *testing.T) {
	_, s := setup(t)
	pods := schema.GroupResource{Resource: "pods"}
	more := s.tenant.More()
	if s.tenant.Has(pods) {
		t.Error("has pods before the first")
	}
	create(t, s, "a", 0)
	<-more
	if last := s.tenant.LastWrite(pods); last != s.tenant.rev {
		t.Errorf("the last write to pods is %d, and the tenant at %d", last, s.tenant.rev)
	}
	if clone := s.tenant.Clone(); !s.tenant.Has(pods) || !s.tenant.Written(pods) || !clone.Has(pods) || clone.Written(pods) {
		t.Error("has no pods after the first, or the clone's are new")
	}
}
