package cri_test

import (
	"errors"
	"reflect"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container/image"
)

func TestImages(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.images.Config = v1.Config{User: "101:101"}
	s, spec := f.Images(), &runtimeapi.ImageSpec{Image: "nginx:1.25"}
	if st, err := s.ImageStatus(ctx, spec, false); err != nil || st.Image != nil {
		t.Errorf("before the pull: %v %v", st, err)
	}
	id, err := s.PullImage(ctx, spec, nil, podConfig("web"))
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"nginx:1.25", id} {
		st, err := s.ImageStatus(ctx, &runtimeapi.ImageSpec{Image: ref}, false)
		if err != nil || st.Image.GetId() != id || st.Image.GetUid().GetValue() != 101 {
			t.Errorf("%s: %v %v", ref, st, err)
		}
	}
	if want := []string{`default/web Normal ImageServed Image "nginx:1.25" was served by the built-in catalogue`}; !reflect.DeepEqual(f.events, want) {
		t.Errorf("events %q", f.events)
	}
	if list, _ := s.ListImages(ctx, nil); len(list) != 1 {
		t.Errorf("got %v", list)
	}
	if _, err := s.PullImage(ctx, &runtimeapi.ImageSpec{Image: "nope"}, nil, podConfig("web")); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if err := s.RemoveImage(ctx, spec); err != nil {
		t.Fatal(err)
	}
	if list, _ := s.ListImages(ctx, nil); len(list) != 0 {
		t.Errorf("got %v", list)
	}
}
