package store

import (
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
)

func TestAge(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		name  string
		looks []time.Duration // the revision is 10 at the first, 20 at the second, ...
		want  uint64
	}{
		{"nothing is old at first", []time.Duration{0}, 0},
		{"nor a moment later", []time.Duration{0, oldest - 1}, 0},
		{"what was there at the last mark is", []time.Duration{0, oldest - 1, oldest}, 10},
		{"what came since is not yet", []time.Duration{0, oldest, 2*oldest - 1}, 10},
		{"but in time", []time.Duration{0, oldest, 2 * oldest}, 20},
		{"everything is when nobody looked", []time.Duration{0, 2 * oldest}, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a age
			var got uint64
			for i, at := range c.looks {
				got = a.look(start.Add(at), uint64(10*(i+1)))
			}
			if got != c.want {
				t.Errorf("lists from before %d are expired, want %d", got, c.want)
			}
		})
	}
}

func TestPagedListExpires(t *testing.T) {
	_, s := setup(t)
	now := time.Now()
	s.tenant.clock = func() time.Time { return now }
	create(t, s, "a", 0)
	create(t, s, "b", 0)
	page := func(token string) (*example.PodList, error) {
		list := &example.PodList{}
		p := storage.Everything
		p.Limit, p.Continue = 1, token
		return list, s.GetList(t.Context(), "/pods/", storage.ListOptions{Recursive: true, Predicate: p}, list)
	}
	first, err := page("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := page(first.Continue); err != nil {
		t.Errorf("at once: %v", err)
	}
	create(t, s, "c", 0)
	now = now.Add(2 * oldest)
	_, err = page(first.Continue)
	if !apierrors.IsResourceExpired(err) {
		t.Fatalf("after %v: %v, want expired", 2*oldest, err)
	}
	rest, err := page(err.(apierrors.APIStatus).Status().Continue)
	if err != nil || len(rest.Items) != 1 || rest.Continue == "" || rest.Items[0].Name != "b" {
		t.Errorf("with the token that it gave: %v, %v", err, rest.Items)
	}
}
