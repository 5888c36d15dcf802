package container

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refused runs a command that has to fail with a reason.
func refused(t *testing.T, c *Container, reason string, args ...string) {
	t.Helper()
	_, errs, code, err := c.ExecSync(t.Context(), args, 0)
	if err != nil || code == 0 || !strings.Contains(string(errs), reason) {
		t.Errorf("%q: code %d, %v, %q, want %q", args, code, err, errs, reason)
	}
}

func TestVolumes(t *testing.T) { hosts(t, testVolumes) }

func testVolumes(t *testing.T, h *Host) {
	s := testSession(t, h, 1, nil)
	in := func(name string) string { return filepath.Join(s.Dir(), name) }
	for _, dir := range []string{"memory", "disk/deep", "bound", "shown"} {
		if err := os.MkdirAll(in(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.MountTmpfs(in("memory"), 1<<20), s.MountBind(in("disk"), in("bound"), false), s.MountBind(in("disk"), in("shown"), true)); err != nil {
		t.Fatal(err)
	}
	// What the server writes there is what containers see, and the other way about.
	if err := os.WriteFile(in("memory/a"), []byte("from the server\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := run(t, s, func(sp *Spec) {
		sp.Mounts = []Mount{{Source: in("memory"), Destination: "/memory"}, {Source: in("bound"), Destination: "/bound"},
			{Source: in("bound/deep"), Destination: "/deep"}, {Source: in("shown"), Destination: "/shown"},
			{Source: in("disk"), Destination: "/recursive", Readonly: true, RecursiveReadonly: true}, {Source: in("disk"), Destination: "/slave", Slave: true}}
	}, "sleep", "1000")
	if got := execOutput(t, c, "sh", "-c", "cat /memory/a; df -k /memory | tail -1 | awk '{print $2}'; stat -c '%u:%g %a' /memory"); got != "from the server\n1024\n0:0 1777\n" {
		t.Errorf("got %q", got)
	}
	refused(t, c, "No space left", "dd", "if=/dev/zero", "of=/memory/b", "bs=1M", "count=2")
	execOutput(t, c, "sh", "-c", "echo b >/bound/b; echo c >/deep/c; cat /shown/b /slave/b")
	refused(t, c, "Read-only", "touch", "/shown/x")
	refused(t, c, "Read-only", "touch", "/recursive/x")
	for file, want := range map[string]string{"disk/b": "b\n", "disk/deep/c": "c\n"} {
		if got, err := os.ReadFile(in(file)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	if err := c.Remove(); err != nil {
		t.Error(err)
	}
	if err := errors.Join(s.Unmount(in("memory")), s.Unmount(in("bound")), s.Unmount(in("bound"))); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{"memory", "bound"} {
		if err := os.Remove(in(dir)); err != nil {
			t.Errorf("something is mounted still, or was written below: %v", err)
		}
	}
	if err := s.UnmountBelow(s.Dir()); err != nil {
		t.Error(err)
	}
	if left := append(mountsBelow(s.path("fs")), mountsBelow(s.path("id"))...); len(left) > 0 {
		t.Errorf("left mounted: %v", left)
	}
	if err := os.Remove(in("shown")); err != nil {
		t.Error(err)
	}
}

// TestVolumesStayInside: who can write a link where a mount is to come from gets
// an error.
func TestVolumesStayInside(t *testing.T) {
	s := testSession(t, testHost(t), 1, nil)
	at := filepath.Join(s.Dir(), "at")
	if err := errors.Join(os.Mkdir(at, 0o755), os.Symlink("/etc", filepath.Join(s.Dir(), "out")), os.Symlink("at", filepath.Join(s.Dir(), "in"))); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"/etc", filepath.Join(s.Dir(), "out"), filepath.Join(s.Dir(), "in"), s.Dir(), filepath.Join(s.Dir(), "../c")} {
		if err := s.MountBind(source, at, false); err == nil {
			t.Errorf("mounted %s", source)
		}
	}
	for _, dir := range []string{"/etc", filepath.Join(s.Dir(), "in"), s.Dir(), filepath.Join(s.Dir(), "missing")} {
		if err := s.MountTmpfs(dir, 1<<20); err == nil {
			t.Errorf("mounted on %s", dir)
		}
	}
	if left := mountsBelow(s.dir); len(left) > 2 { // the file system itself, and with the session's ids
		t.Errorf("left mounted: %v", left)
	}
}

func TestImageVolumes(t *testing.T) { hosts(t, testImageVolumes) }

func testImageVolumes(t *testing.T, h *Host) {
	s := testSession(t, h, 1, nil)
	busybox, nginx := testImage(t, "busybox"), testImage(t, "nginx")
	empty := busybox
	empty.Layers = nil
	c := run(t, s, func(sp *Spec) {
		sp.Mounts = []Mount{{Image: &busybox, Destination: "/one"}, {Image: &nginx, Destination: "/many"}, {Image: &empty, Destination: "/none"},
			{Image: &nginx, SubPath: "etc/nginx", Destination: "/conf"}, {Image: &nginx, SubPath: "etc/nginx/nginx.conf", Destination: "/nginx.conf"}}
	}, "sleep", "1000")
	if len(busybox.Layers) != 1 || len(nginx.Layers) < 2 {
		t.Fatalf("%d and %d layers: one of each kind is wanted", len(busybox.Layers), len(nginx.Layers))
	}
	execOutput(t, c, "sh", "-c", "test -e /one/bin/busybox && cmp /many/etc/nginx/nginx.conf /conf/nginx.conf && cmp /conf/nginx.conf /nginx.conf && test -z \"$(ls -A /none)\"")
	if got := execOutput(t, c, "stat", "-c", "%u:%g", "/one/bin", "/many/etc"); got != "0:0\n0:0\n" {
		t.Errorf("owners %q", got)
	}
	for _, dir := range []string{"/one", "/many/etc", "/none", "/conf"} {
		refused(t, c, "Read-only file system", "touch", dir+"/x")
	}
	refused(t, c, "ermission denied", "sh", "-c", "/one/bin/busybox true")
	if err := c.Remove(); err != nil {
		t.Error(err)
	}
	if left := mountsBelow(s.path("fs")); len(left) > 0 {
		t.Errorf("left mounted: %v", left)
	}
	for _, subPath := range []string{"nope", "../nope"} {
		_, err := s.Create(t.Context(), Spec{ID: "bad", Image: busybox, Mounts: []Mount{{Image: &nginx, SubPath: subPath, Destination: "/x"}}})
		if err == nil || !strings.Contains(err.Error(), `has no "`+subPath+`"`) {
			t.Errorf("subPath %s: %v", subPath, err)
		}
	}
	if left := mountsBelow(s.path("fs")); len(left) > 0 {
		t.Errorf("left mounted after a refusal: %v", left)
	}
}
