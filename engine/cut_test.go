package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func TestGate(t *testing.T) {
	var g gate
	var watching context.Context
	through := g.wrap(transport(func(r *http.Request) (*http.Response, error) {
		watching = r.Context()
		return &http.Response{Body: io.NopCloser(strings.NewReader("ok"))}, nil
	}))
	ask := func(ctx context.Context) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://api/", nil)
		if err != nil {
			t.Fatal(err)
		}
		return through.RoundTrip(r)
	}
	res, err := ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	defer b.Close()
	conn, err := g.dial(t.Context(), a.RemoteAddr(), func() (net.Conn, error) { return a, nil })
	if err != nil {
		t.Fatal(err)
	}
	g.set(true)
	g.set(true)
	if watching.Err() == nil {
		t.Error("a request goes on through a shut gate")
	}
	if _, err := conn.Write([]byte("x")); err == nil {
		t.Error("a connection goes on through a shut gate")
	}
	res.Body.Close()
	conn.Close()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a shut gate: %v", err)
	}
	passed := make(chan error)
	go func() {
		_, err := ask(t.Context())
		passed <- err
	}()
	g.set(false)
	if err := <-passed; err != nil {
		t.Errorf("who waited: %v", err)
	}
	if res, err := ask(t.Context()); err != nil {
		t.Error(err)
	} else {
		res.Body.Close()
	}
	if len(g.severs) > 1 { // that of who waited, which did not close
		t.Errorf("%d are remembered", len(g.severs))
	}
}
