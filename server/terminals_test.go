package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/server/stream"
)

func TestTerminals(t *testing.T) {
	e := newEngine("a")
	defer e.sessions["a"].terms.Close()
	h := newServer(t, e, nil).Handler()
	const all = "/api/sessions/a/terminals"
	for _, test := range []struct {
		request, body string
		status        int
		want          string
	}{
		{"GET " + all, "", http.StatusOK, "[]"},
		{"POST " + all, `{"place":"client"}`, http.StatusCreated, `{"id":"1","place":"client"}`},
		{"POST " + all, `{"place":"pod/default/gone"}`, http.StatusNotFound, typeNoTarget},
		{"POST " + all, `{"place":"moon"}`, http.StatusUnprocessableEntity, "place must be client"},
		{"POST " + all, `{"at":"client"}`, http.StatusBadRequest, typeInvalid},
		{"POST " + all, `{"place":"client"}`, http.StatusCreated, `{"id":"2","place":"client"}`},
		{"POST " + all, `{"place":"client"}`, http.StatusConflict, "2 terminals are open"},
		{"GET " + all, "", http.StatusOK, `[{"id":"1","place":"client"},{"id":"2","place":"client"}]`},
		{"GET " + all + "/1/stream", "", http.StatusUpgradeRequired, "is a websocket"},
		{"GET " + all + "/9/stream", "", http.StatusNotFound, typeNoTerminal},
		{"DELETE " + all + "/9", "", http.StatusNotFound, typeNoTerminal},
		{"DELETE " + all + "/1", "", http.StatusNoContent, ""},
	} {
		response := ask(h, test.request, test.body)
		if text := textOf(response); response.StatusCode != test.status || !strings.Contains(text, test.want) {
			t.Errorf("%s %s: %d %s, want %d with %s", test.request, test.body, response.StatusCode, text, test.status, test.want)
		}
	}

	server := httptest.NewServer(h)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := stream.DialTerminal(ctx, server.URL+all+"/2/stream")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Type(ctx, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	for got := ""; got != "hello"; {
		seen, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got += string(seen.Data)
	}
	if response := ask(h, "DELETE "+all+"/2", ""); response.StatusCode != http.StatusNoContent {
		t.Errorf("close: %d", response.StatusCode)
	}
	if _, err := r.Next(ctx); err != stream.ErrGone {
		t.Errorf("a terminal that was closed: %v", err)
	}
}
