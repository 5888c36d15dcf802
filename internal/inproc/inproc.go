// Package inproc connects an HTTP client to a handler of the same process, by a
// function call. What takes over the connection (an upgrade) needs a real one
// and does not work over it.
//
// It knows nothing of Kubernetes.
package inproc

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Transport is an http.RoundTripper that calls Handler.
type Transport struct {
	Handler http.Handler
	// Prepare may replace the request that the handler sees, to put something
	// into its context. It must not change the one it is given.
	Prepare func(*http.Request) *http.Request
	// Streaming says whether the handler answers over time, as a watch does.
	// Such a handler gets a goroutine of its own; the others run on the caller's.
	Streaming func(*http.Request) bool
}

func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	in.RequestURI = req.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:1"
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/2.0", 2, 0
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if t.Prepare != nil {
		in = t.Prepare(in)
	}
	if t.Streaming != nil && t.Streaming(req) {
		return t.stream(req, in)
	}
	w := &recorder{header: http.Header{}}
	if err := t.serve(w, in); err != nil {
		return nil, err
	}
	if err := req.Context().Err(); err != nil && w.code == 0 {
		return nil, err
	}
	return w.response(req), nil
}

// serve calls the handler, and turns the panic by which one gives a request up
// into an error, as net/http's server would: upstream's time-out filter panics so
// when the request's context ends, as all do when a session closes.
func (t *Transport) serve(w http.ResponseWriter, in *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			if err = in.Context().Err(); err == nil {
				err = fmt.Errorf("%s %s: %w", in.Method, in.URL.Path, http.ErrAbortHandler)
			}
		default:
			panic(p)
		}
	}()
	t.Handler.ServeHTTP(w, in)
	return nil
}

func (t *Transport) stream(req, in *http.Request) (*http.Response, error) {
	pr, pw := io.Pipe()
	w := &streamer{header: http.Header{}, body: pw, ready: make(chan struct{})}
	go func() {
		defer func() {
			w.WriteHeader(http.StatusOK)
			if r := recover(); r != nil { // http.ErrAbortHandler, as net/http's server takes it
				_ = pw.CloseWithError(io.ErrUnexpectedEOF)
				return
			}
			_ = pw.Close()
		}()
		t.Handler.ServeHTTP(w, in)
	}()
	select {
	case <-w.ready:
		return answer(req, w.code, w.sent, pr), nil
	case <-req.Context().Done():
		_ = pr.CloseWithError(req.Context().Err())
		return nil, req.Context().Err()
	}
}

func answer(req *http.Request, code int, h http.Header, body io.ReadCloser) *http.Response {
	return &http.Response{
		StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: h, Body: body, ContentLength: -1, Request: req,
	}
}

// recorder keeps a whole answer.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }
func (w *recorder) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
	}
}
func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
func (w *recorder) Flush() {}

// CloseNotify is there because k8s.io/apiserver's response writers pass Flush
// on only to a writer that has both.
func (w *recorder) CloseNotify() <-chan bool { return nil }

func (w *recorder) response(req *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	return answer(req, w.code, w.header, io.NopCloser(&w.body))
}

// streamer passes an answer on while it is written.
type streamer struct {
	header http.Header
	body   *io.PipeWriter
	once   sync.Once
	ready  chan struct{}
	code   int
	sent   http.Header
}

func (w *streamer) Header() http.Header { return w.header }
func (w *streamer) WriteHeader(code int) {
	w.once.Do(func() {
		w.code, w.sent = code, w.header.Clone()
		close(w.ready)
	})
}
func (w *streamer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
func (w *streamer) Flush()                   { w.WriteHeader(http.StatusOK) }
func (w *streamer) CloseNotify() <-chan bool { return nil }
