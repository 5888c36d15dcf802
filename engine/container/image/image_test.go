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
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
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

func TestPullErrorsOfTheCatalogueAlone(t *testing.T) {
	s, err := Open(catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	for reference, want := range map[string]string{
		"nginx:does-not-exist": `failed to pull and unpack image "docker.io/library/nginx:does-not-exist": failed to resolve reference "docker.io/library/nginx:does-not-exist": docker.io/library/nginx:does-not-exist: not found (no such tag in the built-in catalogue, which stands in for this repository)`,
		"quay.io/a/b:1":        `failed to pull and unpack image "quay.io/a/b:1": failed to resolve reference "quay.io/a/b:1": quay.io/a/b:1: not found (this server pulls from no registries, and its catalogue has no such image)`,
	} {
		_, _, err := s.Pull(t.Context(), reference, Auth{})
		if err == nil || err.Error() != want {
			t.Errorf("Pull(%q):\n got %v\nwant %s", reference, err, want)
		}
	}
}

// withRegistry is a store that may pull from a registry on loopback.
func withRegistry(t *testing.T, h http.Handler) (*Store, string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	s, err := New(Config{Dir: catalogue(t), Registries: &Registries{Dir: t.TempDir(), MaxImageBytes: 1 << 20, DialTimeout: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	return s, strings.TrimPrefix(srv.URL, "http://")
}

func push(t *testing.T, reference string, size int64) v1.Image {
	t.Helper()
	img, err := random.Image(size, 2)
	if err != nil {
		t.Fatal(err)
	}
	to, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(to, img); err != nil {
		t.Fatal(err)
	}
	return img
}

func TestPullFromRegistry(t *testing.T) {
	var blobs int
	reg := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s, host := withRegistry(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			blobs++
		}
		reg.ServeHTTP(w, r)
	}))
	pushed := push(t, host+"/team/app:1", 1000)
	img, source, err := s.Pull(t.Context(), host+"/team/app:1", Auth{})
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := pushed.Digest(); img.Digest != want.String() {
		t.Errorf("digest %s, want %s", img.Digest, want)
	}
	if source != "the registry "+host {
		t.Errorf("source %q", source)
	}
	for _, l := range img.Layers {
		dir := t.TempDir()
		if err := l.Unpack(dir, UnpackOptions{SingleID: true}); err != nil {
			t.Error(err)
		}
		if files, _ := os.ReadDir(dir); len(files) == 0 {
			t.Error("an empty layer")
		}
	}
	before := blobs
	if _, _, err := s.Pull(t.Context(), host+"/team/app:1", Auth{}); err != nil {
		t.Error(err)
	}
	if blobs > before+1 { // the configuration
		t.Errorf("pulled again: %d blobs fetched anew", blobs-before)
	}
}

func TestPullErrors(t *testing.T) {
	reg := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s, host := withRegistry(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/secret/") {
			http.Error(w, `{"errors":[{"code":"DENIED","message":"no"}]}`, http.StatusForbidden)
			return
		}
		reg.ServeHTTP(w, r)
	}))
	push(t, host+"/team/app:1", 1000)
	push(t, host+"/team/big:1", 2<<20)
	closed := httptest.NewServer(nil)
	gone := strings.TrimPrefix(closed.URL, "http://")
	closed.Close()
	for _, tt := range []struct {
		reference string
		is        error
		text      string
	}{
		{host + "/team/app:2", ErrNotFound, `failed to pull and unpack image "HOST/team/app:2": failed to resolve reference "HOST/team/app:2": HOST/team/app:2: not found`},
		{host + "/nope/app:1", ErrNotFound, `failed to pull and unpack image "HOST/nope/app:1": failed to resolve reference "HOST/nope/app:1": HOST/nope/app:1: not found`},
		{host + "/secret/app:1", ErrDenied, `failed to pull and unpack image "HOST/secret/app:1": failed to resolve reference "HOST/secret/app:1": pull access denied, repository does not exist or may require authorization: server message: DENIED: no`},
		{host + "/team/big:1", ErrTooLarge, `failed to pull and unpack image "HOST/team/big:1": image too large: 4 MB compressed, and this server takes 1 MB at most`},
		{gone + "/team/app:1", ErrUnreachable, `connect: connection refused`},
	} {
		_, _, err := s.Pull(t.Context(), tt.reference, Auth{})
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), strings.ReplaceAll(tt.text, "HOST", host)) {
			t.Errorf("Pull(%q):\n got %v\nwant %s", tt.reference, err, tt.text)
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
	start := time.Now()
	_, _, err = s.Pull(t.Context(), "quay.io/a/b:1", Auth{})
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v, want ErrUnreachable", err)
	}
	if d := time.Since(start); d > 2*time.Second || dials > 1 {
		t.Errorf("took %v and %d tries", d, dials)
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
	l.DiffID = "sha256:" + strings.Repeat("0", 64)
	if err := l.Unpack(t.TempDir(), UnpackOptions{SingleID: true}); err == nil || !strings.Contains(err.Error(), "its content has digest") {
		t.Errorf("a wrong digest: %v", err)
	}
}
