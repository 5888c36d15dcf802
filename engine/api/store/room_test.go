package store

import (
	"errors"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestRoom(t *testing.T) {
	tenant, things := NewTenant(), schema.GroupResource{Resource: "things"}
	tenant.room.most = 10 * (each + 100)
	put := func(tenant *Tenant, key string, size int) error {
		t.Helper()
		var data []byte
		if size > 0 {
			data = make([]byte, size)
		}
		it, _ := tenant.get("/things/", key)
		_, ok, err := tenant.put(t.Context(), "/things/", things, it.rev, item{key: key, data: data})
		if err == nil && !ok {
			t.Fatalf("%s: another wrote", key)
		}
		return err
	}
	counted := func(tenant *Tenant) {
		t.Helper()
		var sum int64
		for _, b := range tenant.buckets {
			for _, it := range b.items {
				sum += cost(it)
			}
		}
		if sum != tenant.room.used {
			t.Errorf("counted %d, there are %d", tenant.room.used, sum)
		}
	}
	for i := range 10 {
		if err := put(tenant, fmt.Sprint("/things/", i), 100); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		what, key string
		size      int
		want      error
	}{
		{"one more", "/things/a", 1, errSpace},
		{"one that grows", "/things/1", 101, errSpace},
		{"one that is as it was", "/things/1", 100, nil},
		{"one that shrinks", "/things/1", 50, nil},
		{"one that grows as much", "/things/2", 150, nil},
		{"and one more", "/things/2", 151, errSpace},
		{"one that is deleted", "/things/3", 0, nil},
		{"one in its place", "/things/a", 100, nil},
	} {
		if err := put(tenant, tt.key, tt.size); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, err, tt.want)
		}
		counted(tenant)
	}
	clone, restored := tenant.Clone(), Restore(tenant.State())
	counted(clone)
	counted(restored)
	if err := put(clone, "/things/b", 100); !errors.Is(err, errSpace) {
		t.Errorf("a clone has room: %v", err)
	}
	if err := clone.Rewrite("/things/", func(data []byte) ([]byte, error) { return append(data, 0), nil }); err != nil {
		t.Fatal(err)
	}
	counted(clone)
}
