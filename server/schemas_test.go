package server

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSchemasAreCompressed(t *testing.T) {
	document := []byte(strings.Repeat(`{"description": "a field"}`, 10_000))
	// As upstream's handler of OpenAPI answers.
	h := compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"a"`)
		w.Header().Set("Vary", "Accept")
		w.Header().Set("Cache-Control", "public, immutable")
		http.ServeContent(w, r, "x.json", time.Time{}, bytes.NewReader(document))
	}))
	serve := func(header, value string) *http.Response {
		r := httptest.NewRequest("GET", "/openapi/v3/api/v1?hash=a", nil)
		r.Header.Set(header, value)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}

	zipped := serve("Accept-Encoding", "gzip")
	zr, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatalf("not gzip: %v, %v", err, zipped.Header)
	}
	if got, err := io.ReadAll(zr); err != nil || !bytes.Equal(got, document) {
		t.Errorf("unpacked %d bytes, %v; want the %d of the document", len(got), err, len(document))
	}
	if n := zipped.Header.Get("Content-Length"); zipped.Header.Get("Content-Encoding") != "gzip" || n == strconv.Itoa(len(document)) {
		t.Errorf("the headers are %v", zipped.Header)
	}
	if vary := zipped.Header.Values("Vary"); !slices.Contains(vary, "Accept") || !slices.Contains(vary, "Accept-Encoding") {
		t.Errorf("it varies by %q", vary)
	}
	if c := zipped.Header.Get("Cache-Control"); c != "public, immutable" {
		t.Errorf("it is kept %q", c)
	}

	plain := serve("Accept-Encoding", "identity")
	if got, _ := io.ReadAll(plain.Body); !bytes.Equal(got, document) || !slices.Contains(plain.Header.Values("Vary"), "Accept-Encoding") {
		t.Errorf("without gzip: %d bytes, %v", len(got), plain.Header)
	}
	if same := serve("If-None-Match", `"a"`); same.StatusCode != http.StatusNotModified {
		t.Errorf("what is known already: %d", same.StatusCode)
	}
}
