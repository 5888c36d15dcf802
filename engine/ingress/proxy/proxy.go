package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/podhop/podhop/engine/ingress/route"
)

const (
	// maxConns bounds the clients' connections on one port; more wait.
	maxConns = 512
	// maxHeader is how large a request's header may be, in bytes.
	maxHeader = 64 << 10
	// headerTimeout is how long a client may take to send it.
	headerTimeout = 10 * time.Second
	// idleTimeout is how long a client's connection may say nothing.
	idleTimeout = 60 * time.Second
)

// A Namespace is where a proxy listens and connects: that of a pod.
type Namespace interface {
	Listen(network, address string) (net.Listener, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Config is what New needs.
type Config struct {
	Namespace Namespace
	// Relayed, if set, is told of each connection to a backend, and of each answer
	// of the proxy's own. It is called while the client waits.
	Relayed func(Relay)
	Log     *slog.Logger
}

// A Proxy serves one table in one namespace. It is safe for concurrent use.
type Proxy struct {
	cfg       Config
	table     atomic.Pointer[route.Table]
	exchanges *exchanges

	// ctx is over when the proxy is closed: connections that were taken over by an
	// upgrade end with it.
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	servers map[uint16]*server
	closed  bool
	serving sync.WaitGroup // requests; joined under mu, and only while not closed
}

// A server listens on one port.
type server struct {
	http     *http.Server
	listener net.Listener
	tls      bool
	done     chan struct{}
}

// New makes a proxy that listens nowhere yet. Close it: its sockets keep the
// namespace.
func New(cfg Config) *Proxy {
	p := &Proxy{cfg: cfg, servers: map[uint16]*server{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.table.Store(&route.Table{})
	p.exchanges = newExchanges(p.ctx, cfg)
	return p
}

// Set makes the table the one that requests go by from now on; those underway are
// not touched. It fails for ports that cannot be listened on; the others are served.
func (p *Proxy) Set(t *route.Table) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table.Store(t)
	var errs []error
	for number, s := range p.servers {
		if port := t.Ports[number]; port == nil || port.TLS != s.tls {
			delete(p.servers, number)
			errs = append(errs, s.close())
		}
	}
	for number, port := range t.Ports {
		if p.servers[number] != nil {
			continue
		}
		s, err := p.listen(number, port.TLS)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.servers[number] = s
	}
	return errors.Join(errs...)
}

// Close ends the proxy, with every connection, and waits for it.
func (p *Proxy) Close() error {
	err := p.Set(&route.Table{})
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.serving.Wait()
	p.exchanges.close()
	return err
}

func (p *Proxy) listen(number uint16, secure bool) (*server, error) {
	l, err := p.cfg.Namespace.Listen("tcp", fmt.Sprintf(":%d", number))
	if err != nil {
		return nil, err
	}
	s := &server{listener: netutil.LimitListener(l, maxConns), tls: secure, done: make(chan struct{})}
	s.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if p.enter() {
				defer p.serving.Done()
				p.serve(number, w, r)
			}
		}),
		BaseContext:       func(net.Listener) context.Context { return p.ctx },
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ConnState:         new(idlers).state,
		MaxHeaderBytes:    maxHeader,
		Protocols:         new(http.Protocols),
		// What clients do wrong is theirs to know.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s.http.Protocols.SetHTTP1(true)
	serve := func() error { return s.http.Serve(s.listener) }
	if secure {
		s.http.Protocols.SetHTTP2(true)
		s.http.TLSConfig = &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return p.certificate(number, hello)
		}}
		serve = func() error { return s.http.ServeTLS(s.listener, "", "") }
	} else {
		s.http.Protocols.SetUnencryptedHTTP2(true) // gRPC's clients know that they may
	}
	go func() {
		defer close(s.done)
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			p.cfg.Log.Warn("proxy", "port", number, "err", err)
		}
	}()
	return s, nil
}

// enter counts a request, unless the proxy is closed.
func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.serving.Add(1)
	}
	return !p.closed
}

func (s *server) close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// errNoName is what a client is told in the log, and by an alert: it asked for a
// name that there is no certificate for.
var errNoName = errors.New("no certificate for this name")

func (p *Proxy) certificate(number uint16, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if port := p.table.Load().Ports[number]; port != nil {
		name := route.Hostname(hello.ServerName)
		if l := port.Listener(name); l != nil {
			if c := l.Certificate(name); c != nil {
				return c.Certificate, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %q", errNoName, hello.ServerName)
}
