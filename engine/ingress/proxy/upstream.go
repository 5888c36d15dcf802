package proxy

import (
	"context"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"sync/atomic"

	"github.com/podhop/podhop/engine/ingress/route"
)

// upstream asks the endpoints of backends. Each request has a connection of its own,
// so that a viewer sees whose packets they are.
type upstream struct {
	cfg   Config
	plain *http.Transport
	http2 *http.Transport
	next  atomic.Uint32 // endpoints get their turns
}

func newUpstream(cfg Config) *upstream {
	u := &upstream{cfg: cfg}
	u.next.Store(mathrand.Uint32())
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		return cfg.Namespace.DialContext(ctx, network, address)
	}
	transport := func() *http.Transport {
		return &http.Transport{
			DialContext:            dial,
			DisableKeepAlives:      true,
			DisableCompression:     true, // bodies pass as they are
			ResponseHeaderTimeout:  answerTimeout,
			MaxResponseHeaderBytes: maxHeader,
			Protocols:              new(http.Protocols),
		}
	}
	u.plain, u.http2 = transport(), transport()
	u.plain.Protocols.SetHTTP1(true)
	u.http2.Protocols.SetUnencryptedHTTP2(true)
	return u
}

func (u *upstream) close() {
	u.plain.CloseIdleConnections()
	u.http2.CloseIdleConnections()
}

// RoundTrip asks the exchange's backend: an endpoint, and if that refuses the
// connection the next one, until all have. A time-out is not tried again: the client
// has waited already.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	x := exchangeOf(r.Context())
	tell := func(s Socket) {
		if u.cfg.Relayed != nil {
			u.cfg.Relayed(Relay{Client: x.client, Backend: s, Method: r.Method, Host: route.Hostname(r.Host), Path: x.path, Rule: x.rule, To: x.backend})
		}
	}
	return u.ask(r, x, x.backend, tell)
}

func (u *upstream) ask(r *http.Request, x *exchange, to *route.Backend, tell func(Socket)) (*http.Response, error) {
	ctx, cancel := r.Context(), context.CancelFunc(func() {})
	if x.rule.BackendTimeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, x.rule.BackendTimeout)
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		tell(Socket{Local: addrPort(i.Conn.LocalAddr()), Remote: addrPort(i.Conn.RemoteAddr())})
	}})
	transport := u.plain
	if to.HTTP2 {
		transport = u.http2
	}
	n := len(to.Endpoints)
	first := int(u.next.Add(1) % uint32(n))
	var err error
	for i := range n {
		endpoint := to.Endpoints[(first+i)%n]
		x.endpoint = endpoint
		out := r.Clone(ctx)
		out.URL.Host = endpoint.String()
		if r.Body != nil && i < n-1 {
			out.Body = kept{r.Body} // nothing was read of it if the connection failed
		}
		var resp *http.Response
		if resp, err = transport.RoundTrip(out); err == nil {
			resp.Body = body(resp.Body, cancel)
			return resp, nil
		}
		if !refused(err) {
			break
		}
	}
	cancel()
	return nil, err
}

// refused tells whether a connection was not made, and at once.
func refused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && !op.Timeout() && !errors.Is(err, os.ErrDeadlineExceeded) &&
		!errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// kept is a body that a failed attempt does not close.
type kept struct{ io.Reader }

func (kept) Close() error { return nil }

// body calls done when the answer has been read. One of an upgraded connection is
// written to as well.
func body(b io.ReadCloser, done context.CancelFunc) io.ReadCloser {
	if rw, ok := b.(io.ReadWriteCloser); ok {
		return upgraded{rw, done}
	}
	return bounded{b, done}
}

type bounded struct {
	io.ReadCloser
	done context.CancelFunc
}

func (b bounded) Close() error { defer b.done(); return b.ReadCloser.Close() }

type upgraded struct {
	io.ReadWriteCloser
	done context.CancelFunc
}

func (u upgraded) Close() error { defer u.done(); return u.ReadWriteCloser.Close() }
