package node

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/volume"
	"k8s.io/kubernetes/pkg/volume/util/subpath"
)

func TestHostPathStaysInside(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"data", "etc"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"data/up": "../../../../etc", "data/abs": "/etc"} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	create := v1.HostPathDirectoryOrCreate
	tests := []struct {
		path string
		kind *v1.HostPathType
		want string
		made bool
	}{
		{"/", nil, "", true},
		{"/data", nil, "/data", true},
		{"/new/folder", nil, "/new/folder", true},
		{"/checked/by/upstream", &create, "/checked/by/upstream", false},
		{"/data/../../../etc", nil, "/etc", true},
		{"/data/up", nil, "/etc", true},
		{"/data/abs", nil, "/etc", true},
		{"/data/abs/new", nil, "/etc/new", true},
	}
	for _, test := range tests {
		source := &v1.HostPathVolumeSource{Path: test.path, Type: test.kind}
		for what, spec := range map[string]*volume.Spec{
			"volume":            volume.NewSpecFromVolume(&v1.Volume{VolumeSource: v1.VolumeSource{HostPath: source}}),
			"persistent volume": volume.NewSpecFromPersistentVolume(&v1.PersistentVolume{Spec: v1.PersistentVolumeSpec{PersistentVolumeSource: v1.PersistentVolumeSource{HostPath: source}}}, false),
		} {
			got, err := hostPath{root: root}.inside(spec)
			if err != nil {
				t.Errorf("%s %s: %v", what, test.path, err)
				continue
			}
			var path string
			if got.Volume != nil {
				path = got.Volume.HostPath.Path
			} else {
				path = got.PersistentVolume.Spec.HostPath.Path
			}
			if path != filepath.Join(root, test.want) {
				t.Errorf("%s %s: got %s", what, test.path, path)
			}
			if _, err := os.Stat(path); (err == nil) != test.made {
				t.Errorf("%s %s: %v", what, test.path, err)
			}
		}
		if source.Path != test.path {
			t.Errorf("%s: the pod's own volume was changed to %s", test.path, source.Path)
		}
	}
}

func TestSubPathStaysInside(t *testing.T) {
	base := t.TempDir()
	volume := filepath.Join(base, "volume")
	for _, dir := range []string{"volume/..2026/", "volume/dir", "secret"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(volume, "..2026/key"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"..data": "..2026", "key": "..data/key", "out": "../secret", "abs": "/etc", "dir/in": "../..2026"} {
		if err := os.Symlink(to, filepath.Join(volume, name)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ path, want string }{
		{"", ""}, {"/key", "/..2026/key"}, {"/dir/in/key", "/..2026/key"}, // what config maps look like
		{"/out", "error"}, {"/abs", "error"}, {"/dir/../../secret", "error"}, {"/missing", "error"}, {"-other", "error"},
	}
	for _, test := range tests {
		got, _, err := subpather{}.PrepareSafeSubpath(subpath.Subpath{Path: volume + test.path, VolumePath: volume})
		if test.want == "error" {
			if err == nil {
				t.Errorf("%s: got %s", test.path, got)
			}
			continue
		}
		if err != nil || got != volume+test.want {
			t.Errorf("%s: got %s, %v", test.path, got, err)
		}
	}
	for dir, ok := range map[string]bool{"a/b/c": true, "a/b": true, "dir/in/made": true, "out/made": false, "abs/made": false, "../made": false, "key/made": false} {
		if err := (subpather{}).SafeMakeDir(dir, volume, 0o777|os.ModeSetgid); (err == nil) != ok {
			t.Errorf("%s: %v", dir, err)
		}
	}
	// A user of the volume may be one of the subPath, too.
	if st, err := os.Stat(filepath.Join(volume, "a/b")); err != nil || st.Mode() != 0o777|os.ModeSetgid|os.ModeDir {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	for path, there := range map[string]bool{"volume/a/b/c": true, "volume/..2026/made": true, "secret/made": false, "made": false} {
		if _, err := os.Stat(filepath.Join(base, path)); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestMounter(t *testing.T) {
	dir := t.TempDir()
	m := newMounter(filepath.Dir(dir), "/hostfs", nil)
	if err := m.Mount("tmpfs", dir, "tmpfs", nil); err != nil {
		t.Fatal(err)
	}
	if not, err := m.IsLikelyNotMountPoint(dir); not || err != nil {
		t.Error("not seen as mounted", err)
	}
	if err := m.Unmount(dir); err != nil {
		t.Fatal(err)
	}
	if is, err := m.IsMountPoint(dir); is || err != nil {
		t.Error("seen as mounted still", err)
	}
	if _, err := m.IsMountPoint(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Error("got", err)
	}
	for _, bad := range [][3]string{{"/dev/sda", dir, "ext4"}, {"tmpfs", "/etc", "tmpfs"}, {"server:/x", dir, "nfs"}, {"/hostfs/x", dir, "bind"}} {
		if err := m.Mount(bad[0], bad[1], bad[2], []string{"bind"}); err == nil {
			t.Errorf("mounted %v", bad)
		}
	}
}

func TestLegacyLogsAreLeftAlone(t *testing.T) {
	o := osInterface{}
	if err := o.Symlink("/x", legacyLogs+"/pod.log"); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(legacyLogs + "/pod.log"); err == nil {
		t.Error("a link was made in the server's own folder")
	}
	if got, err := o.Glob(legacyLogs + "/*.log"); len(got) != 0 || err != nil {
		t.Errorf("got %v %v", got, err)
	}
	if got, err := o.Glob("/et[c]"); len(got) != 1 || err != nil {
		t.Errorf("got %v %v", got, err)
	}
}

func TestConfiguration(t *testing.T) {
	dir := t.TempDir()
	c, err := configuration(Config{
		Root: dir, ClusterDNS: []netip.Addr{netip.MustParseAddr("10.96.0.10")}, Nameservers: []netip.Addr{netip.MustParseAddr("172.18.0.1")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(c.ResolverConfig); err != nil || string(b) != "nameserver 172.18.0.1\n" {
		t.Errorf("got %q, %v", b, err)
	}
	if strings.Join(c.ClusterDNS, " ") != "10.96.0.10" || c.ClusterDomain != "cluster.local" {
		t.Errorf("got %v %s", c.ClusterDNS, c.ClusterDomain)
	}
	if c.EnableSystemLogHandler || c.EnableProfilingHandler || c.EnableServer || c.StaticPodPath != filepath.Join(dir, "hostfs/etc/kubernetes/manifests") {
		t.Error("something is served, or read, that is the server's own")
	}
}
