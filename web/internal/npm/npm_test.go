package npm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for name, text := range files {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		_, _ = tw.Write([]byte(text))
	}
	if tw.Close() != nil || zw.Close() != nil {
		t.Fatal("the tarball could not be written")
	}
	return b.Bytes()
}

func integrity(data []byte) string {
	sum := sha512.Sum512(data)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestInstall(t *testing.T) {
	good := tarball(t, map[string]string{"package/lib/a.js": "a"})
	evil := tarball(t, map[string]string{"package/../../../etc/x": "x"})
	asked := 0
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/@s/good/-/good-1.0.0.tgz", "/@s/changed/-/changed-1.0.0.tgz":
			_, _ = w.Write(good)
		case "/evil/-/evil-1.0.0.tgz":
			_, _ = w.Write(evil)
		default:
			http.NotFound(w, r)
		}
	}))
	defer registry.Close()
	t.Setenv("NPM_CONFIG_REGISTRY", registry.URL+"/")
	cases := []struct{ name, lock, err string }{
		{"good", "# a comment\n@s/good 1.0.0 MIT " + integrity(good), ""},
		{"changed", "@s/changed 1.0.0 MIT " + integrity([]byte("other")), "packages.lock wants"},
		{"evil", "evil 1.0.0 MIT " + integrity(evil), "unsafe path"},
		{"missing", "none 1.0.0 MIT " + integrity(good), "404"},
		{"bad line", "x 1.0.0 MIT", "line 1:"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			lock := filepath.Join(dir, "lock")
			if err := os.WriteFile(lock, []byte(c.lock), 0o644); err != nil {
				t.Fatal(err)
			}
			packages, err := Install(t.Context(), lock, dir, nil)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("the error is %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(filepath.Join(packages[0].Dir, "lib/a.js")); err != nil || string(data) != "a" {
				t.Errorf("the package holds %q, %v", data, err)
			}
			before := asked
			if _, err := Install(t.Context(), lock, dir, nil); err != nil || asked != before {
				t.Errorf("a package that is there was asked for again (%v)", err)
			}
		})
	}
}
