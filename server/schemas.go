package server

import (
	"net/http"
	"slices"

	"github.com/klauspost/compress/gzhttp"
)

// schemas is where the API has its OpenAPI documents.
const schemas = "/openapi/v3/"

// compressed serves an API's OpenAPI documents as gzip or zstd to whoever takes it. They are the
// largest answers that the page asks for, a megabyte and more, and upstream
// compresses only objects and lists. Browsers keep them, by the hash in their addresses.
func compressed(api http.Handler) http.Handler {
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeHTTP(varied{w}, r)
	}))
}

// varied says that answers differ by Accept-Encoding, which upstream's handler
// (k8s.io/kube-openapi/pkg/handler3) overwrites with its own Vary.
type varied struct{ http.ResponseWriter }

func (w varied) WriteHeader(code int) {
	if h := w.Header(); !slices.Contains(h.Values("Vary"), "Accept-Encoding") {
		h.Add("Vary", "Accept-Encoding")
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w varied) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is what upstream asks of every writer.
func (w varied) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }
