package cri_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/engine/cri"
	"github.com/podhop/podhop/engine/cri/critest"
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
	for _, ref := range []string{"nginx:1.25", "docker.io/library/nginx:1.25", id} {
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

// moving answers one image after the other, all by the same tag.
type moving struct{ images []image.Image }

func (m *moving) Pull(context.Context, string, image.Auth, image.Progress) (image.Image, string, error) {
	img := m.images[0]
	m.images = m.images[1:]
	return img, "", nil
}

// TestImageNames: what a node has goes by all names that it was pulled by, and a
// tag is the last image's that was pulled by it. All of that outlasts a reboot.
func TestImageNames(t *testing.T) {
	const repository = "docker.io/library/web"
	img := func(id, digest string, tags ...string) image.Image {
		i := image.Image{ID: "sha256:" + strings.Repeat(id, 64), RepoDigests: []string{repository + "@sha256:" + strings.Repeat(digest, 64)}, Size: 10}
		for _, tag := range tags {
			i.RepoTags = append(i.RepoTags, repository+":"+tag)
		}
		return i
	}
	ctx, disk := t.Context(), new(cri.Disk)
	images := &moving{}
	boot := func() *cri.Runtime {
		r, err := cri.New(cri.Config{Root: t.TempDir(), Images: images, Containers: &critest.Containers{}, Network: &critest.Network{}, Disk: disk})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close(context.Background()) })
		return r
	}
	pull := func(r *cri.Runtime, ref string, i image.Image) {
		t.Helper()
		images.images = append(images.images, i)
		if _, err := r.Images().PullImage(ctx, &runtimeapi.ImageSpec{Image: ref}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	list := func(r *cri.Runtime) (out []string) {
		t.Helper()
		all, err := r.Images().ListImages(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			names := strings.Join(append(slices.Clone(i.RepoTags), i.RepoDigests...), " ")
			out = append(out, i.Id[7:8]+": "+strings.NewReplacer(repository, "", "sha256:", "").Replace(names))
		}
		return out
	}
	digest := func(d string) string { return "@" + strings.Repeat(d, 64) }
	r := boot()
	pull(r, "web:1", img("a", "1", "1"))
	pull(r, "web:2", img("a", "1", "2"))
	if got, want := list(r), []string{"a: :1 :2 " + digest("1")}; !reflect.DeepEqual(got, want) {
		t.Errorf("two tags: %q, want %q", got, want)
	}
	pull(r, "web:1", img("b", "2", "1"))
	pull(r, "web@sha256:"+strings.Repeat("3", 64), img("c", "3"))
	want := []string{"a: :2 " + digest("1"), "b: :1 " + digest("2"), "c: " + digest("3")}
	if got := list(r); !reflect.DeepEqual(got, want) {
		t.Errorf("a moved tag: %q, want %q", got, want)
	}
	if err := r.Close(ctx); err != nil {
		t.Fatal(err)
	}
	r = boot()
	if got := list(r); !reflect.DeepEqual(got, want) {
		t.Errorf("after a reboot: %q, want %q", got, want)
	}
	for ref, id := range map[string]string{
		"web:1": "b", repository + ":2": "a", "web@sha256:" + strings.Repeat("1", 64): "a", "web@sha256:" + strings.Repeat("2", 64): "b", "sha256:" + strings.Repeat("c", 64): "c",
		"web": "", "web:3": "", "other/web:1": "", "web@sha256:" + strings.Repeat("4", 64): "",
	} {
		st, err := r.Images().ImageStatus(ctx, &runtimeapi.ImageSpec{Image: ref}, false)
		if got := strings.TrimPrefix(st.Image.GetId(), "sha256:"); err != nil || got != strings.Repeat(id, 64*min(len(id), 1)) {
			t.Errorf("%s: %q, %v; want %s", ref, got, err, id)
		}
	}
	if err := r.Images().RemoveImage(ctx, &runtimeapi.ImageSpec{Image: "sha256:" + strings.Repeat("a", 64)}); err != nil {
		t.Fatal(err)
	}
	if got := list(r); !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("after a was removed: %q", got)
	}
}

// TestImageServed: each pod is told who served its images, whoever pulled them.
func TestImageServed(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.create(t, "first") // pulls
	second, err := f.RunPodSandbox(ctx, podConfig("second"), "")
	if err != nil {
		t.Fatal(err)
	}
	for attempt := range uint32(2) {
		config := containerConfig()
		config.Metadata.Attempt = attempt
		id, err := f.CreateContainer(ctx, second, config, podConfig("second"))
		if err != nil {
			t.Fatal(err)
		}
		if st, err := f.ContainerStatus(ctx, id, false); err != nil || st.Status.Image.Image != "docker.io/library/busybox:latest" {
			t.Errorf("%v %v", st, err)
		}
	}
	want := []string{`default/first Normal ImageServed Image "busybox" was served by the built-in catalogue`,
		`default/second Normal ImageServed Image "busybox" was served by the built-in catalogue`}
	if !reflect.DeepEqual(f.events, want) {
		t.Errorf("events %q", f.events)
	}
}

func TestPullReports(t *testing.T) {
	told := make(chan string, 1000)
	at := make(chan [2]int64)
	images := &critest.Images{OnPull: func(ctx context.Context, _ string, progress image.Progress) error {
		for {
			select {
			case a := <-at:
				progress(a[0], a[1])
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}}
	r, err := cri.New(cri.Config{Root: t.TempDir(), Images: images, Containers: &critest.Containers{}, Network: &critest.Network{}, PullReport: time.Millisecond,
		Event: func(_, _, _, _, reason, message string) { told <- reason + " " + message }})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(context.Background())
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := r.Images().PullImage(ctx, &runtimeapi.ImageSpec{Image: "big"}, nil, podConfig("web"))
		ended <- err
	}()
	// The next report takes twice as long as the last: so there are few.
	expect := func(want string) {
		t.Helper()
		for timeout := time.After(60 * time.Second); ; {
			select {
			case got := <-told:
				if got == "PullProgress Still pulling image \"big\": "+want {
					return
				}
			case <-timeout:
				t.Fatalf("nobody said %q", want)
			}
		}
	}
	expect("the registry has not answered yet")
	at <- [2]int64{1_500_000, 6_000_000}
	expect("1.5 of 6.0 MB are here (25%)")
	at <- [2]int64{6_000_000, 6_000_000}
	expect("all of 6.0 MB are here and being unpacked")
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestPullWithoutRoom: an image for which there is no room is not on the node.
func TestPullWithoutRoom(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.containers.UnpackErr = container.ErrNoRoom
	_, err := f.Images().PullImage(ctx, &runtimeapi.ImageSpec{Image: "busybox"}, nil, podConfig("web"))
	if want := `failed to pull and unpack image "docker.io/library/busybox:latest": no space left on device`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if st, err := f.Images().ImageStatus(ctx, &runtimeapi.ImageSpec{Image: "busybox"}, false); err != nil || st.Image != nil {
		t.Errorf("%v %v", st, err)
	}
}
