package inproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	client := http.Client{Transport: &Transport{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.WriteHeader(http.StatusTeapot)
			fmt.Fprint(w, r.Method, " ", r.URL.Path, " ", r.Header.Get("X"), " ", string(body))
		}),
		Prepare: func(r *http.Request) *http.Request {
			r = r.Clone(r.Context())
			r.Header.Set("X", "prepared")
			return r
		},
	}}
	resp, err := client.Post("http://in-process/path", "text/plain", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusTeapot || string(body) != "POST /path prepared " {
		t.Errorf("%s %q", resp.Status, body)
	}
}

// What streams is read while it is written, and ends when its reader goes.
func TestStreaming(t *testing.T) {
	ended := make(chan struct{})
	client := http.Client{Transport: &Transport{
		Streaming: func(*http.Request) bool { return true },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			fmt.Fprint(w, "first")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}),
	}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://in-process/", nil)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != "first" {
		t.Errorf("%q %v", b, err)
	}
	cancel()
	<-ended
}

// Upstream's time-out filter gives a request up by a panic, in the caller's goroutine.
func TestAborted(t *testing.T) {
	abort := &Transport{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })}
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://in-process/", nil)
	if _, err := abort.RoundTrip(req); !errors.Is(err, http.ErrAbortHandler) {
		t.Errorf("got %v", err)
	}
	abort.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel(); panic(http.ErrAbortHandler) })
	if _, err := abort.RoundTrip(req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	defer func() {
		if recover() != "a bug" {
			t.Error("a real panic was swallowed")
		}
	}()
	other := &Transport{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") })}
	req, _ = http.NewRequest("GET", "http://in-process/", nil)
	_, _ = other.RoundTrip(req)
}
