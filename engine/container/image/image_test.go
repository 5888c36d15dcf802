package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/container/image/catalog"
)

// catalogue builds one image, under nginx's name, without packages.
func catalogue(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	r := catalog.Recipe{Name: "nginx", Version: "1.22.1", Files: []catalog.File{{Path: "/etc/motd", Text: "hello"}, {Path: "/data", Mode: fs.ModeDir | 0o755, UID: 33, GID: 33}},
		Config: v1.Config{Cmd: []string{"nginx"}},
		Names:  []catalog.Names{{Repositories: []string{"docker.io/library/nginx"}, Oldest: "1.7", Newest: "1.31"}}}
	if _, err := Build(t.Context(), BuildConfig{Dir: dir, Cache: t.TempDir(), Recipes: []catalog.Recipe{r}}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestResolve(t *testing.T) {
	s, err := Open(catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	byName, err := s.Resolve("nginx")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		reference, full string
		err             error
	}{
		{"nginx", "docker.io/library/nginx:latest", nil},
		{"nginx:1.25", "docker.io/library/nginx:1.25", nil},
		{"docker.io/library/nginx:1.14.2", "docker.io/library/nginx:1.14.2", nil},
		{"docker.io/nginx", "docker.io/library/nginx:latest", nil},
		{"index.docker.io/library/nginx", "docker.io/library/nginx:latest", nil},
		{"nginx@" + byName.Digest, "docker.io/library/nginx@" + byName.Digest, nil},
		{"nginx@sha256:" + strings.Repeat("0", 64), "", ErrNotFound},
		{"nginx:does-not-exist", "", ErrNotFound},
		{"nginx:1.161", "", ErrNotFound},
		{"quay.io/library/nginx", "", ErrNotFound},
		{"someone/nginx", "", ErrNotFound},
		{"sha256:" + strings.Repeat("0", 64), "", ErrNotFound},
		{"Nginx", "", ErrInvalidReference},
		{"nginx:a b", "", ErrInvalidReference},
		{"", "", ErrInvalidReference},
	} {
		img, err := s.Resolve(tt.reference)
		if !errors.Is(err, tt.err) || img.Reference != tt.full {
			t.Errorf("Resolve(%q) = %q, %v; want %q, %v", tt.reference, img.Reference, err, tt.full, tt.err)
		}
	}
	byID, err := s.Resolve(byName.ID)
	if err != nil || byID.Digest != byName.Digest {
		t.Errorf("Resolve(ID) = %v, %v", byID.Digest, err)
	}
	if want := "the built-in catalogue (nginx 1.22.1)"; byName.Source != want {
		t.Errorf("source %q, want %q", byName.Source, want)
	}
}

func TestNormalize(t *testing.T) {
	for _, tt := range []struct{ reference, full string }{
		{"nginx", "docker.io/library/nginx:latest"},
		{"docker.io/nginx:1.25", "docker.io/library/nginx:1.25"},
		{"registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"},
	} {
		if got, err := Normalize(tt.reference); got != tt.full || err != nil {
			t.Errorf("%s: %q, %v", tt.reference, got, err)
		}
	}
	if _, err := Normalize("nginx:a b"); !errors.Is(err, ErrInvalidReference) {
		t.Error(err)
	}
}

func TestPullErrorsOfTheCatalogueAlone(t *testing.T) {
	s, err := Open(catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	for reference, want := range map[string]string{
		"nginx:does-not-exist": `failed to pull and unpack image "docker.io/library/nginx:does-not-exist": failed to resolve reference "docker.io/library/nginx:does-not-exist": docker.io/library/nginx:does-not-exist: not found (this server pulls from no registries, and its built-in catalogue stands in for this repository with the tags 1.7 to 1.31, latest)`,
		"quay.io/a/b:1":        `failed to pull and unpack image "quay.io/a/b:1": failed to resolve reference "quay.io/a/b:1": quay.io/a/b:1: not found (this server pulls from no registries, and its built-in catalogue has no such image, but nginx)`,
	} {
		_, _, err := s.Pull(t.Context(), reference, Auth{}, nil)
		if err == nil || err.Error() != want {
			t.Errorf("Pull(%q):\n got %v\nwant %s", reference, err, want)
		}
	}
}

func TestPullGivesUpSoon(t *testing.T) {
	dials := 0
	s, err := New(Config{Dir: catalogue(t), Registries: &Registries{Dir: t.TempDir(), DialTimeout: 20 * time.Millisecond,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dials++
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		}}})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Pull(t.Context(), "quay.io/a/b:1", Auth{}, nil)
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
	if dials > 1 {
		t.Errorf("%d tries", dials)
	}
}

// layer makes a layer of an archive.
func layer(t *testing.T, headers ...tar.Header) Layer {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, h := range headers {
		text := ""
		if h.Typeflag == tar.TypeReg && h.Size == 0 {
			text = "text of " + h.Name
			h.Size = int64(len(text))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(tw, text)
	}
	tw.Close()
	sum := sha256.Sum256(buf.Bytes())
	return Layer{DiffID: "sha256:" + hex.EncodeToString(sum[:]), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }}
}

func TestUnpackStaysInside(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "layer")
	for _, hostile := range []Layer{
		layer(t, tar.Header{Name: "../evil", Typeflag: tar.TypeReg}),
		layer(t, tar.Header{Name: "link", Linkname: "..", Typeflag: tar.TypeSymlink}, tar.Header{Name: "link/evil", Typeflag: tar.TypeReg}),
		layer(t, tar.Header{Name: "link", Linkname: top, Typeflag: tar.TypeSymlink}, tar.Header{Name: "link/evil", Typeflag: tar.TypeReg}),
		layer(t, tar.Header{Name: "hard", Linkname: "../secret", Typeflag: tar.TypeLink}),
		layer(t, tar.Header{Name: "link", Linkname: "../secret", Typeflag: tar.TypeSymlink}, tar.Header{Name: "link", Typeflag: tar.TypeReg}),
	} {
		os.RemoveAll(dir)
		os.Mkdir(dir, 0o755)
		os.WriteFile(filepath.Join(top, "secret"), []byte("secret"), 0o600)
		hostile.Unpack(dir, UnpackOptions{SingleID: true}) // may fail or not, but
		entries, _ := os.ReadDir(top)
		secret, _ := os.ReadFile(filepath.Join(top, "secret"))
		if len(entries) != 2 || string(secret) != "secret" {
			t.Errorf("a layer reached outside of its folder: %v, %q", entries, secret)
		}
	}
}

func TestUnpackWhiteouts(t *testing.T) {
	dir := t.TempDir()
	l := layer(t, tar.Header{Name: "bin/.wh.wget", Typeflag: tar.TypeReg}, tar.Header{Name: "etc/.wh..wh..opq", Typeflag: tar.TypeReg},
		tar.Header{Name: "etc/only", Typeflag: tar.TypeReg, Mode: 0o640}, tar.Header{Name: "dev/null", Typeflag: tar.TypeChar})
	err := l.Unpack(dir, UnpackOptions{SingleID: true})
	if errors.Is(err, unix.ENOTSUP) {
		t.Skip("this file system has no user attributes; engine/container tests them on its tmpfs")
	}
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(dir, "bin/wget"), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0 {
		t.Errorf("bin/wget: %v, mode %o, device %d", err, st.Mode, st.Rdev)
	}
	value := make([]byte, 8)
	if n, err := unix.Getxattr(filepath.Join(dir, "etc"), "user.overlay.opaque", value); err != nil || string(value[:n]) != "y" {
		t.Errorf("etc: opaque is %q, %v", value[:max(n, 0)], err)
	}
	if info, err := os.Stat(filepath.Join(dir, "etc/only")); err != nil || info.Mode() != 0o640 {
		t.Errorf("etc/only: %v %v", info, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "dev/null")); err == nil {
		t.Error("a device was made")
	}
}

func TestUnpackChecks(t *testing.T) {
	l := layer(t, tar.Header{Name: "a", Typeflag: tar.TypeReg})
	if err := l.Unpack(t.TempDir(), UnpackOptions{SingleID: true, MaxBytes: 3}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("9 bytes where 3 are allowed: %v", err)
	}
	l = layer(t, tar.Header{Name: "a", Typeflag: tar.TypeReg}, tar.Header{Name: "b", Typeflag: tar.TypeReg}, tar.Header{Name: "c", Typeflag: tar.TypeReg})
	if err := l.Unpack(t.TempDir(), UnpackOptions{SingleID: true, MaxFiles: 2}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("3 files where 2 are allowed: %v", err)
	}
	l.DiffID = "sha256:" + strings.Repeat("0", 64)
	if err := l.Unpack(t.TempDir(), UnpackOptions{SingleID: true}); err == nil || !strings.Contains(err.Error(), "its content has digest") {
		t.Errorf("a wrong digest: %v", err)
	}
}
