package node

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// Pipe answers the client's end of a connection that h serves until it is closed
// or ctx ends. The contexts of its requests end with the client's end, also those
// of upgraded ones, which net/http itself leaves alone: an exec that waits for its
// process, which may never write, learns in no other way that nobody reads any more.
func Pipe(ctx context.Context, h http.Handler) net.Conn {
	a, b := net.Pipe()
	connected, gone := context.WithCancel(ctx)
	client, served := &pipeConn{Conn: a, onClose: gone}, &pipeConn{Conn: b, onClose: gone}
	context.AfterFunc(ctx, func() { client.Close() })
	server := http.Server{Handler: h, ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		context.AfterFunc(connected, cancel)
		return ctx
	}}
	go func() {
		_ = server.Serve(&pipeListener{conn: served})
		<-connected.Done()
		served.Close()
	}()
	return client
}

// A pipeListener accepts one connection.
type pipeListener struct {
	mu   sync.Mutex
	conn net.Conn
}

var errAccepted = errors.New("the only connection was accepted")

func (l *pipeListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil, errAccepted
	}
	c := l.conn
	l.conn = nil
	return c, nil
}

func (l *pipeListener) Close() error   { return nil }
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// A pipeConn says when it is closed, and says it as sockets do: upstream's
// proxies know the end of a connection by net.ErrClosed and take all else for a fault.
type pipeConn struct {
	net.Conn
	onClose func() // may be called more than once
}

func (c *pipeConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, asSocket(err)
}

func (c *pipeConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, asSocket(err)
}

func (c *pipeConn) Close() error {
	defer c.onClose()
	return c.Conn.Close()
}

func asSocket(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return net.ErrClosed
	}
	return err
}
