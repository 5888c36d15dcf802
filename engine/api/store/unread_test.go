package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/apis/example"
)

// createLarge writes an object of a megabyte.
func createLarge(t *testing.T, s *suite, name string) {
	t.Helper()
	in := &example.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", Annotations: map[string]string{"large": strings.Repeat("x", 1<<20)}}}
	if err := s.Create(t.Context(), "/pods/ns/"+name, in, &example.Pod{}, 0); err != nil {
		t.Fatal(err)
	}
}

func TestSlowWatcherOfLargeObjectsIsEnded(t *testing.T) {
	_, s := setup(t)
	w := all(s, t, "1")
	for i := range watchBytes>>20 + 2*watchBuffer + 4 {
		createLarge(t, s, fmt.Sprint("p", i))
	}
	n := 0
	for {
		if _, ok := next(t, w); !ok {
			break
		}
		n++
	}
	if n > watchBytes>>20+watchBuffer {
		t.Errorf("%d events", n)
	}
	drains(t, s.tenant)
}

func TestSlowWatchersTogether(t *testing.T) {
	_, s := setup(t)
	var watches []watch.Interface
	for range 40 {
		watches = append(watches, all(s, t, "1"))
	}
	const writes = watchBuffer + 8 // of which no watch alone has too many
	for i := range writes {
		createLarge(t, s, fmt.Sprint("p", i))
	}
	if n, most := s.tenant.unread.Load(), int64(unreadMost+len(watches)*(unreadEach+2<<20)); n > most {
		t.Errorf("%d MiB are unread, of %d", n>>20, most>>20)
	}
	ended := 0
	for _, w := range watches {
		for n := 0; n < writes; n++ {
			if _, ok := next(t, w); !ok {
				ended++
				break
			}
		}
	}
	if ended == 0 {
		t.Error("all were told all of it")
	}
	drains(t, s.tenant)
}

// With too much unread, no watch begins that would be told everything there is.
func TestTooMuchUnread(t *testing.T) {
	_, s := setup(t)
	createLarge(t, s, "p")
	s.tenant.unread.Add(unreadMost)
	defer s.tenant.unread.Add(-unreadMost)
	if e, _ := next(t, all(s, t, "0")); e.Type != watch.Added {
		t.Errorf("at the limit: %v", e)
	}
	s.tenant.unread.Add(1)
	defer s.tenant.unread.Add(-1)
	if e, _ := next(t, all(s, t, "0")); e.Type != watch.Error || !apierrors.IsTooManyRequests(apierrors.FromObject(e.Object)) {
		t.Errorf("beyond: %v", e)
	}
}

// drains waits until nothing is counted as unread any more.
func drains(t *testing.T, tenant *Tenant) {
	t.Helper()
	for end := time.Now().Add(time.Minute); tenant.unread.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d bytes are unread of watches that have ended, or were told all", tenant.unread.Load())
		}
	}
}
