package server

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/podhop/podhop/internal/qr"
)

// Pages of classes are there for who has the key, and a session's page knows whose it is by
// the session's own address alone.
func TestClassPages(t *testing.T) {
	s := newSchool(t, nil)
	page := func(path string, status int, want string) {
		t.Helper()
		response := ask(s.server.Handler(), "GET "+path, "", "Accept: text/html")
		if text := textOf(response); response.StatusCode != status || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %d %s", path, response.StatusCode, text, status, want)
		}
	}
	page("/classes", http.StatusOK, "classes")
	page("/join", http.StatusOK, "join")
	page("/join/ABC-DEF", http.StatusOK, "join ABC-DEF")
	page("/classes/"+s.class.Key, http.StatusOK, "class Networking")
	picture := ask(s.server.Handler(), "GET /classes/"+s.class.Key+"/join.svg", "")
	if svg := textOf(picture); picture.StatusCode != http.StatusOK || picture.Header.Get("Content-Type") != "image/svg+xml" || picture.Header.Get("Cache-Control") != "no-store" ||
		!bytes.Equal([]byte(svg), qrOf(t, "http://localhost:8080/join/"+s.class.Code)) {
		t.Errorf("the way in as a picture: %s %v %s", picture.Status, picture.Header, svg)
	}
	page("/m/"+s.ann.Key, http.StatusOK, "member "+s.ann.Key+" Ann")
	for _, path := range []string{"/classes/class-abc", "/m/member-abc", "/m/" + s.class.Key, "/classes/" + s.ann.Key} {
		page(path, http.StatusNotFound, "No such class")
	}
	page("/s/"+s.one, http.StatusOK, "of Networking by "+s.ann.Key)
	s.do("POST "+s.in("/members/"+s.ann.ID+"/look"), "", http.StatusOK, nil)
	if text := textOf(ask(s.server.Handler(), "GET /s/"+s.viewOf(s.ann), "")); !strings.Contains(text, "learn") || strings.Contains(text, s.ann.Key) {
		t.Errorf("by a view the page says %s", text)
	}
	s.do("DELETE "+s.in(""), "", http.StatusOK, nil)
	page("/classes/"+s.class.Key, http.StatusOK, "class Networking")
	page("/classes/"+s.class.Key+"/join.svg", http.StatusNotFound, typeNoClass)
	page("/classes/class-abc/join.svg", http.StatusNotFound, typeNoClass)
}

// qrOf is what leads to an address, which package qr reads back in its tests.
func qrOf(t *testing.T, address string) []byte {
	t.Helper()
	svg, err := qr.SVG(address)
	if err != nil {
		t.Fatal(err)
	}
	return svg
}
