package proxy

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// maxIdle is how many connections of one port may wait for their next request. The one
// that has waited longest makes room, as in nginx: clients that leave theirs open do
// not lock others out.
const maxIdle = 128

// idlers are the idle connections of a port, those that wait longest first.
type idlers struct {
	mu    sync.Mutex
	conns []net.Conn
}

// state is an http.Server's ConnState.
func (i *idlers) state(c net.Conn, s http.ConnState) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if n := slices.Index(i.conns, c); n >= 0 {
		i.conns = slices.Delete(i.conns, n, n+1)
	}
	if s != http.StateIdle && s != http.StateNew {
		return
	}
	i.conns = append(i.conns, c)
	if len(i.conns) > maxIdle {
		i.conns[0].Close() // its own state changes on its own goroutine
		i.conns = slices.Delete(i.conns, 0, 1)
	}
}
