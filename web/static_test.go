package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBundleAsksNobodyElse(t *testing.T) {
	for name, data := range distFiles(t) {
		if strings.HasSuffix(name, ".css") && bytes.Contains(data, []byte("url(http")) {
			t.Errorf("%s loads something from elsewhere", name)
		}
	}
}

func TestLicencesAreShipped(t *testing.T) {
	text := string(distFiles(t)["licenses.txt"])
	for _, want := range []string{"@fontsource-variable/inter ", "@fontsource-variable/jetbrains-mono ", "SIL OPEN FONT LICENSE", "codemirror 6.0.2 (MIT)", "lit-html ", "@xterm/xterm 6.0.0 (MIT)"} {
		if !strings.Contains(text, want) {
			t.Errorf("licenses.txt lacks %q", want)
		}
	}
}

func distFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := fs.ReadDir(dist, "dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := dist.ReadFile("dist/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = data
	}
	return files
}

func TestStatic(t *testing.T) {
	web := New(Config{})
	cases := []struct {
		path, kind string
		status     int
		forEver    bool
	}{
		{asset(t.Context(), "page.js"), "text/javascript", 200, true},
		{asset(t.Context(), "page.css"), "text/css", 200, true},
		{asset(t.Context(), "inter-latin-wght-normal.woff2"), "font/woff2", 200, true},
		{"/static/licenses.txt", "text/plain", 200, false},
		{"/static/manifest.json", "", 404, false},
		{"/static/", "", 404, false},
		{"/static/../web.go", "", 404, false},
		{"/static/page.js", "", 404, false},
	}
	for name := range distFiles(t) { // what is loaded later, too
		if strings.HasSuffix(name, ".js") {
			cases = append(cases, struct {
				path, kind string
				status     int
				forEver    bool
			}{"/static/" + name, "text/javascript", 200, true})
		}
	}
	for _, c := range cases {
		rec := httptest.NewRecorder()
		web.Static().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, c.path, nil))
		if rec.Code != c.status || c.status == 200 && !strings.HasPrefix(rec.Header().Get("Content-Type"), c.kind) {
			t.Errorf("%s: %d %s, want %d %s", c.path, rec.Code, rec.Header().Get("Content-Type"), c.status, c.kind)
		}
		if forEver := strings.Contains(rec.Header().Get("Cache-Control"), "immutable"); forEver != c.forEver {
			t.Errorf("%s: kept for ever: %v, want %v", c.path, forEver, c.forEver)
		}
	}
}

func TestStaticIsCompressed(t *testing.T) {
	req := httptest.NewRequest(http.MethodGet, asset(t.Context(), "page.js"), nil)
	req.Header.Set("Accept-Encoding", "gzip, br")
	rec := httptest.NewRecorder()
	New(Config{}).Static().ServeHTTP(rec, req)
	if rec.Header().Get("Content-Encoding") != "gzip" || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/javascript") {
		t.Fatalf("headers are %v", rec.Header())
	}
	zr, err := gzip.NewReader(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	if want := distFiles(t)[strings.TrimPrefix(asset(t.Context(), "page.js"), "/static/")]; !bytes.Equal(got, want) {
		t.Error("the compressed script is another one")
	}
}
