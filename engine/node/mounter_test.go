package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/volume"
)

// recorded are Mounts that take note.
type recorded struct {
	calls []string
	fail  error
}

func (r *recorded) call(words ...string) error {
	r.calls = append(r.calls, strings.Join(words, " "))
	return r.fail
}

func (r *recorded) MountTmpfs(dir string, size int64) error {
	return r.call("tmpfs", filepath.Base(dir), map[bool]string{true: "limited"}[size == 1<<20])
}

func (r *recorded) MountBind(source, dir string, readonly bool) error {
	return r.call("bind", source, filepath.Base(dir), map[bool]string{true: "ro"}[readonly])
}

func (r *recorded) Unmount(dir string) error { return r.call("unmount", filepath.Base(dir)) }

func TestMounterMounts(t *testing.T) {
	dir := t.TempDir()
	path := func(plugin, name string) string {
		p := filepath.Join(dir, "pods/uid/volumes", plugin, name)
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
		return p
	}
	memory, token, one, two := path("kubernetes.io~empty-dir", "memory"), path("kubernetes.io~projected", "token"), path("kubernetes.io~local-volume", "one"), path("kubernetes.io~local-volume", "two")
	r := &recorded{}
	m := newMounter(dir, "/hostfs", r)
	for _, mount := range []struct {
		source, target, fstype string
		options                []string
	}{
		{"tmpfs", memory, "tmpfs", []string{"size=1048576"}}, {"tmpfs", token, "tmpfs", nil},
		{"/hostfs/data", one, "", []string{"bind"}}, {"/hostfs/data", two, "", []string{"bind", "ro"}},
	} {
		if err := m.Mount(mount.source, mount.target, mount.fstype, mount.options); err != nil {
			t.Fatal(err)
		}
		if is, err := m.IsMountPoint(mount.target); !is || err != nil {
			t.Errorf("%s: not seen as mounted, %v", mount.target, err)
		}
	}
	for name, want := range map[string][]string{"/hostfs/data": {one, two}, one: {two}, memory: nil, "/hostfs/other": nil} {
		got, err := m.GetMountRefs(name)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is also at %v, want %v", name, got, want)
		}
	}
	for _, target := range []string{memory, token, one} {
		if err := m.Unmount(target); err != nil {
			t.Error(err)
		}
	}
	r.fail = errors.New("busy")
	if err := m.Unmount(two); !errors.Is(err, r.fail) {
		t.Error("got", err)
	}
	if is, _ := m.IsMountPoint(two); !is {
		t.Error("forgotten, though it is mounted still")
	}
	if err := m.Mount("tmpfs", memory, "tmpfs", nil); !errors.Is(err, r.fail) {
		t.Error("got", err)
	}
	want := []string{"tmpfs memory limited", "bind /hostfs/data one ", "bind /hostfs/data two ro", "unmount memory", "unmount one", "unmount two", "tmpfs memory "}
	if !slices.Equal(r.calls, want) {
		t.Errorf("got %q\nwant %q", r.calls, want)
	}
	for _, source := range []string{"/hostfs", "/hostfs/../etc", "/hostfsx"} {
		if err := m.Mount(source, one, "", []string{"bind"}); err == nil || errors.Is(err, r.fail) {
			t.Errorf("mounted %s: %v", source, err)
		}
	}
}

func TestLocalVolumeStaysInside(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(root, "etc"), 0o755), os.Symlink("/etc", filepath.Join(root, "abs")), os.Symlink("../../../etc", filepath.Join(root, "up"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/etc": "/etc", "/abs": "/etc", "/up": "/etc", "/../../new": "/new"} {
		pv := &v1.PersistentVolume{Spec: v1.PersistentVolumeSpec{PersistentVolumeSource: v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}}}}
		got, err := localVolume{root: root}.inside(volume.NewSpecFromPersistentVolume(pv, false))
		if err != nil || got.PersistentVolume.Spec.Local.Path != filepath.Join(root, want) {
			t.Errorf("%s: got %+v, %v", path, got, err)
		}
		if pv.Spec.Local.Path != path {
			t.Errorf("%s: the volume itself was changed", path)
		}
	}
	if _, err := (localVolume{root: root}).inside(volume.NewSpecFromVolume(&v1.Volume{})); err == nil {
		t.Error("another volume is taken for a local one")
	}
}

func TestErrorsNameTheNodesPaths(t *testing.T) {
	if got := asTold(errors.New("path /run/x/hostfs/data is bad"), "/run/x/hostfs"); got.Error() != "path /data is bad" {
		t.Error("got", got)
	}
	other := errors.New("other")
	if asTold(other, "/run/x") != other || asTold(nil, "/run/x") != nil {
		t.Error("an error that names no path was changed")
	}
}

func TestMounts(t *testing.T) {
	pod := &v1.Pod{}
	pod.Name = "web"
	for name, source := range map[string]v1.VolumeSource{
		"a": {ConfigMap: &v1.ConfigMapVolumeSource{LocalObjectReference: v1.LocalObjectReference{Name: "cm"}}},
		"b": {Secret: &v1.SecretVolumeSource{SecretName: "sec"}},
		"c": {PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}},
		"d": {Ephemeral: &v1.EphemeralVolumeSource{}},
		"e": {Projected: &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{
			{ConfigMap: &v1.ConfigMapProjection{LocalObjectReference: v1.LocalObjectReference{Name: "cm2"}}},
			{Secret: &v1.SecretProjection{LocalObjectReference: v1.LocalObjectReference{Name: "sec2"}}}}}},
	} {
		pod.Spec.Volumes = append(pod.Spec.Volumes, v1.Volume{Name: name, VolumeSource: source})
	}
	for _, test := range []struct {
		kind, name string
		want       bool
	}{
		{"ConfigMap", "cm", true}, {"ConfigMap", "cm2", true}, {"ConfigMap", "sec", false}, {"Secret", "sec", true}, {"Secret", "sec2", true}, {"Secret", "cm", false},
		{"PersistentVolumeClaim", "claim", true}, {"PersistentVolumeClaim", "web-d", true}, {"PersistentVolumeClaim", "web-a", false},
	} {
		if got := mounts(pod, test.kind, test.name); got != test.want {
			t.Errorf("%s %s: %v", test.kind, test.name, got)
		}
	}
}
