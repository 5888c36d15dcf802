package store

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
)

type noting struct{ entries []Entry }

func (n *noting) Append(e Entry) error {
	n.entries = append(n.entries, e)
	return nil
}

func TestRestore(t *testing.T) {
	_, s := setup(t)
	pods := schema.GroupResource{Resource: "pods"}
	journal := &noting{}
	s.tenant.SetJournal(journal)
	create(t, s, "kept", 0)
	create(t, s, "brief", 3600)
	create(t, s, "gone", 0)
	if err := s.Delete(t.Context(), "/pods/ns/gone", &example.Pod{}, nil, storage.ValidateAllObjectFunc, nil, storage.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := len(journal.entries); n != 4 || journal.entries[3].Value != nil || journal.entries[0].Resource != pods || journal.entries[1].Expires.IsZero() {
		t.Errorf("the journal was told %+v", journal.entries)
	}
	was := s.tenant.State()
	s.tenant.Close() // and expires nothing any more
	same := Restore(was)
	t.Cleanup(same.Close)
	if got := same.State(); !reflect.DeepEqual(got, was) {
		t.Errorf("restored it is\n%+v, was\n%+v", got, was)
	}
	if !same.Has(pods) || same.LastWrite(pods) != s.tenant.LastWrite(pods) {
		t.Error("it does not know what was written")
	}
	for i := range was.Objects { // and an hour later
		if !was.Objects[i].Expires.IsZero() {
			was.Objects[i].Expires = time.Now().Add(-time.Second)
		}
	}
	again := Restore(was)
	t.Cleanup(again.Close)
	s.tenant = again
	s.resolve = func(context.Context) (*Tenant, error) { return again, nil }
	// Watches go on from where it stands, and not from before.
	e, _ := next(t, all(s, t, "2"))
	if st, ok := e.Object.(*metav1.Status); e.Type != watch.Error || !ok || st.Reason != metav1.StatusReasonExpired {
		t.Errorf("a watch from before got %v %v", e.Type, e.Object)
	}
	until := time.Now().Add(10 * time.Second)
	for it, _ := again.get("/pods/", "/pods/ns/brief"); it.rev != 0; it, _ = again.get("/pods/", "/pods/ns/brief") {
		if time.Now().After(until) {
			t.Fatal("the one whose time was up is still there")
		}
		time.Sleep(time.Millisecond)
	}
	kept := &example.Pod{}
	if err := s.Get(t.Context(), "/pods/ns/kept", storage.GetOptions{}, kept); err != nil || kept.ResourceVersion != fmt.Sprint(was.Objects[len(was.Objects)-1].Revision) {
		t.Errorf("got %v %v", kept.ResourceVersion, err)
	}
}
