package etcd

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/podhop/podhop/internal/etcd/etcdtest"
	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/keep/keeptest"
)

// Two servers have the same documents.
func TestEtcd(t *testing.T) {
	server := etcdtest.Start(t)
	keeptest.Run(t, func(t *testing.T) (a, b keep.Store) { return New(server.Client(t)), New(server.Client(t)) })
}

// seen is what a watch has shown.
type seen struct {
	mu  sync.Mutex
	now map[string]string
}

func (s *seen) see(e keep.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Gone {
		delete(s.now, e.Key)
	} else {
		s.now[e.Key] = string(e.Value)
	}
}

func (s *seen) until(t *testing.T, want string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		got := fmt.Sprint(s.now)
		s.mu.Unlock()
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("seen %s, want %s", got, want)
		}
	}
}

// An etcd that is away is told of, and what a watch has missed comes when it is back: though
// etcd has forgotten how it came to be.
func TestAway(t *testing.T) {
	server := etcdtest.Start(t)
	a, b := New(server.Client(t)), New(server.Client(t))
	one, err := a.Put(t.Context(), "one", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Put(t.Context(), "two", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	s := &seen{now: map[string]string{}}
	go func() { _ = b.Watch(t.Context(), "", s.see, func() {}) }()
	s.until(t, "map[one:1 two:1]")

	server.Pause(t)
	if _, err := a.Get(t.Context(), "one"); !errors.Is(err, rpctypes.ErrTimeout) {
		t.Errorf("without etcd: %v", err)
	}
	if _, err := a.Put(t.Context(), "three", nil, 0); !errors.Is(err, rpctypes.ErrTimeout) {
		t.Errorf("without etcd: %v", err)
	}
	server.Resume(t)

	if err := a.Delete(t.Context(), "one", one.Revision); err != nil {
		t.Fatal(err)
	}
	d, err := a.Put(t.Context(), "four", []byte("4"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.client.Compact(t.Context(), int64(d.Revision)); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Get(t.Context(), "three"); err == nil { // nobody knew whether it would be
		if err := a.Delete(t.Context(), "three", got.Revision); err != nil {
			t.Fatal(err)
		}
	}
	s.until(t, "map[four:4 two:1]")
}
