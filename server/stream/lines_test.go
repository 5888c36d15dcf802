package stream

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// What is gone is said once: browsers take a second close frame for a broken line, and then do not
// tell the page why it was closed.
func TestLinesCloseOnce(t *testing.T) {
	s := New(Config{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ServeLines(s, w, r, func(context.Context) ([]int, error) { return nil, fmt.Errorf("class: %w", model.ErrNotFound) })
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", server.Listener.Addr())
	closed := "\x88\x0c\x11\x34it is gone"
	var told []byte
	for p := make([]byte, 1); !strings.HasSuffix(string(told), closed); told = append(told, p...) {
		if _, err := io.ReadFull(conn, p); err != nil {
			t.Fatalf("told %q: %v", told, err)
		}
	}
	if _, err := conn.Write([]byte("\x88\x82\x00\x00\x00\x00\x11\x34")); err != nil { // the answer, masked with zeros
		t.Fatal(err)
	}
	if more, err := io.ReadAll(conn); len(more) > 0 || err != nil {
		t.Errorf("then it is told %q, %v", more, err)
	}
}
