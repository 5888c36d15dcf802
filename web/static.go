package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
)

//go:embed dist
var dist embed.FS

// assets maps the names that pages use to what the bundle calls them.
var assets = sync.OnceValue(func() map[string]string {
	data, err := dist.ReadFile("dist/manifest.json")
	names := map[string]string{}
	if err == nil {
		err = json.Unmarshal(data, &names)
	}
	if err != nil {
		panic(fmt.Sprintf("web: the embedded bundle is broken: %v", err))
	}
	return names
})

// asset is the address of a part of the bundle. A name that the bundle lacks is a
// mistake in a page, which every test of that page finds.
func asset(ctx context.Context, name string) string {
	file, ok := assets()[name]
	if !ok {
		panic("web: the bundle has no " + name)
	}
	return at(ctx, "/static/"+file)
}

// hashed are the names that esbuild makes of what is inside: all but the licences.
var hashed = regexp.MustCompile(`-[A-Z0-9]{8}\.(js|css|woff2)$`)

// Static serves /static/: the bundle, under names that change with the content
// and so may be kept for ever.
func (web *Web) Static() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the path is a constant
	}
	zipped := gzipper(files)
	serve := http.StripPrefix("/static/", http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/static/")
		if name == "" || strings.HasSuffix(name, "/") || name == "manifest.json" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if hashed.MatchString(name) {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		w.Header().Set("Vary", "Accept-Encoding")
		if data := zipped(name); data != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
			return
		}
		serve.ServeHTTP(w, r)
	})
}

// gzipper compresses each script and style once, when it is first asked for.
func gzipper(files fs.FS) func(name string) []byte {
	var mu sync.Mutex
	done := map[string][]byte{}
	return func(name string) []byte {
		if ext := path.Ext(name); ext != ".js" && ext != ".css" {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if data, ok := done[name]; ok {
			return data
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil
		}
		var b bytes.Buffer
		zw, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one
		_, _ = zw.Write(data)
		_ = zw.Close()
		done[name] = b.Bytes()
		return done[name]
	}
}
