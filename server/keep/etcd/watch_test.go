package etcd

import (
	"fmt"
	"testing"

	"github.com/podhop/podhop/internal/etcd/etcdtest"
	"github.com/podhop/podhop/server/keep"
)

// What a watch has seen before it was cut off is not shown again, and what has gone is.
func TestLook(t *testing.T) {
	s := New(etcdtest.Start(t).Client(t))
	put := func(key string, revision uint64) keep.Document {
		t.Helper()
		d, err := s.Put(t.Context(), key, nil, revision)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	same, changed, gone := put("same", 0), put("changed", 0), put("gone", 0)
	var shown []string
	w := &watch{store: s, known: map[string]uint64{}, see: func(e keep.Event) { shown = append(shown, fmt.Sprint(e.Key, e.Gone)) }}
	if _, err := w.look(t.Context()); err != nil || fmt.Sprint(shown) != "[changedfalse gonefalse samefalse]" {
		t.Errorf("at first: %v, %v", shown, err)
	}
	put("changed", changed.Revision)
	if err := s.Delete(t.Context(), "gone", gone.Revision); err != nil {
		t.Fatal(err)
	}
	shown = nil
	if _, err := w.look(t.Context()); err != nil || fmt.Sprint(shown) != "[changedfalse gonetrue]" || w.known["same"] != same.Revision {
		t.Errorf("then: %v, %v", shown, err)
	}
}
