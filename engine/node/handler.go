package node

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"

	"k8s.io/kubernetes/pkg/kubelet"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/server"
	"k8s.io/kubernetes/pkg/kubelet/server/stats"
)

// processWide are paths at which a kubelet tells of its whole process: of the
// other sessions, here.
var processWide = []string{"/metrics", "/metrics/cadvisor", "/metrics/probes", "/metrics/slis", "/configz", "/debug", "/logs"}

func newHandler(ctx context.Context, n *Node, conf *kubeletconfig.KubeletConfiguration) http.Handler {
	s := server.NewServer(ctx, host{n.kubelet, n.streams()}, stats.NewResourceAnalyzer(ctx, n.kubelet, conf.VolumeStatsAggPeriod.Duration, n.recorder),
		nil, nil, nil, conf)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimSuffix(r.URL.Path, "/")
		for _, p := range processWide {
			if path == p || (p == "/debug" || p == "/logs") && strings.HasPrefix(path, p+"/") {
				http.NotFound(w, r)
				return
			}
		}
		s.ServeHTTP(w, r)
	})
}

// host is the kubelet, whose runtime's streams are reached in process.
type host struct {
	*kubelet.Kubelet
	streams http.RoundTripper
}

// StreamTransport is what our edit of the kubelet's server asks for.
func (h host) StreamTransport() http.RoundTripper { return h.streams }

func (n *Node) streams() http.RoundTripper {
	if n.cfg.Streams == nil {
		return nil
	}
	return &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return Pipe(n.ctx, n.cfg.Streams), nil
	}}
}

// Dial opens a connection to Handler in process, for an http.Transport. It ends
// with the node.
func (n *Node) Dial(context.Context, string, string) (net.Conn, error) {
	return Pipe(n.ctx, n.Handler()), nil
}

// Pipe answers the client's end of a connection that h serves until it is closed
// or ctx ends.
func Pipe(ctx context.Context, h http.Handler) net.Conn {
	client, conn := net.Pipe()
	closed := make(chan struct{})
	served := &pipeConn{Conn: conn, closed: closed}
	l := &pipeListener{conn: served}
	go func() {
		stop := context.AfterFunc(ctx, func() { client.Close(); conn.Close() })
		defer stop()
		_ = (&http.Server{Handler: h}).Serve(l)
		<-closed
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

// A pipeConn tells when it is closed.
type pipeConn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *pipeConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
