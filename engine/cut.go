package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// dialTimeout is how long a connection is tried to a node that is cut off, or from it.
const dialTimeout = 10 * time.Second

// A gate is the way between a node's kubelet and the API server. They speak in process:
// a node that is cut off has its gate shut. What goes through it then is lost, as on
// a wire that is pulled. It is safe for concurrent use; the zero gate is open.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // closed when the gate opens again; nil while it is open
	severs map[*func()]struct{}
}

// set shuts it, or opens it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	var severs []*func()
	switch {
	case shut && g.opened == nil:
		g.opened = make(chan struct{})
		severs = slices.Collect(maps.Keys(g.severs))
		clear(g.severs)
	case !shut && g.opened != nil:
		close(g.opened)
		g.opened = nil
	}
	g.mu.Unlock()
	for _, f := range severs {
		(*f)()
	}
}

// pass waits until something can pass; it fails as a connection does that nobody answers.
func (g *gate) pass(ctx context.Context, to net.Addr) error {
	patience := time.NewTimer(dialTimeout)
	defer patience.Stop()
	for {
		g.mu.Lock()
		opened := g.opened
		g.mu.Unlock()
		if opened == nil {
			return nil
		}
		select {
		case <-opened:
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			return &net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: os.ErrDeadlineExceeded}
		}
	}
}

// onShut has f called once when the gate is shut, until forget is called.
func (g *gate) onShut(f func()) (forget func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil { // meanwhile
		go f()
		return func() {}
	}
	if g.severs == nil {
		g.severs = map[*func()]struct{}{}
	}
	key := &f
	g.severs[key] = struct{}{}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.severs, key)
	}
}

// wrap has requests go through the gate: those that are under way when it is shut fail.
func (g *gate) wrap(next http.RoundTripper) http.RoundTripper { return gated{g, next} }

type gated struct {
	*gate
	next http.RoundTripper
}

func (g gated) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.pass(r.Context(), net.TCPAddrFromAddrPort(apiServer)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	forget := g.onShut(cancel)
	done := func() { forget(); cancel() }
	res, err := g.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		done()
		return nil, err
	}
	res.Body = &gatedBody{ReadCloser: res.Body, done: done}
	return res, nil
}

type gatedBody struct {
	io.ReadCloser
	done func()
}

func (b *gatedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// dial connects through the gate: the connection ends when that is shut.
func (g *gate) dial(ctx context.Context, to net.Addr, dial func() (net.Conn, error)) (net.Conn, error) {
	if err := g.pass(ctx, to); err != nil {
		return nil, err
	}
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return gatedConn{c, g.onShut(func() { c.Close() })}, nil
}

type gatedConn struct {
	net.Conn
	forget func()
}

func (c gatedConn) Close() error {
	c.forget()
	return c.Conn.Close()
}

// cutNode pulls a node's cable, or puts it back: its link to the underlay is down,
// its kubelet cannot reach the API server nor be reached, and its kube-proxy hears of
// nothing. What runs on it goes on running.
func (s *Session) cutNode(ctx context.Context, name string, cut bool) error {
	return s.change(ctx, func(ctx context.Context) error {
		m, err := s.node(name)
		if err != nil {
			return err
		}
		p := m.power.Load()
		if p == nil {
			return fmt.Errorf("%w: %s is switched off", model.ErrConflict, name)
		}
		if _, was := s.nodes.state(m); was == cut {
			return nil
		}
		m.gate.set(cut)
		s.nodes.cut(m, cut)
		err = s.pods.set(ctx, s.desired())
		// Rules stay when a kube-proxy ends; one that begins writes them anew.
		if cut && p.proxy != nil {
			p.proxy.Stop()
			p.proxy = nil
		} else if !cut && p.proxy == nil {
			var perr error
			p.proxy, perr = s.startProxy(ctx, m.Node)
			err = errors.Join(err, perr)
		}
		s.pods.changed()
		return err
	})
}
