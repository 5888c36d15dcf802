package proxy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/podhop/podhop/engine/ingress/route"
)

// A Relay is a connection that a proxy made for a client, or an answer that it
// gave on its own.
type Relay struct {
	// Client is the proxy's end of the client's connection.
	Client Socket
	// Backend is its end of the connection that it made; not valid for an answer
	// of its own, of which Refusal tells.
	Backend Socket
	Refusal route.Refusal
	// Method, Host and Path are what the client asked for.
	Method, Host, Path string
	// Rule and To are what was chosen; nil if nothing was.
	Rule *route.Rule
	To   *route.Backend
}

// An exchange is one request on its way.
type exchange struct {
	port          uint16
	client        Socket
	path, rawPath string // as route.Clean gives them
	rule          *route.Rule
	backend       *route.Backend
	endpoint      netip.AddrPort // the one that was asked last
}

type exchangeKey struct{}

func contextWith(ctx context.Context, x *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

// exchanges carries requests to backends and answers back.
type exchanges struct {
	cfg     Config
	reverse *httputil.ReverseProxy
	up      *upstream
	mirrors sync.WaitGroup
	ctx     context.Context // of the proxy: mirrors end with it
}

func newExchanges(ctx context.Context, cfg Config) *exchanges {
	e := &exchanges{cfg: cfg, up: newUpstream(cfg), ctx: ctx}
	e.reverse = &httputil.ReverseProxy{
		Rewrite:        e.rewrite,
		Transport:      e.up,
		ModifyResponse: respond,
		ErrorHandler:   e.failed,
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	return e
}

func (e *exchanges) close() {
	e.mirrors.Wait()
	e.up.close()
}

// serve answers a request whose rule is known.
func (e *exchanges) serve(w http.ResponseWriter, r *http.Request, x *exchange) {
	rule := x.rule
	if d := rule.Filters.Redirect; d != nil {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		rule.Filters.Response.Apply(w.Header())
		w.Header().Set("Location", d.Location(scheme, r.Host, x.port, x.path, r.URL.RawQuery, rule.Path))
		e.tell(r, x, Socket{}, route.Refusal{Status: d.Status, Reason: "the rule redirects"})
		w.WriteHeader(d.Status)
		return
	}
	if rule.Refusal.Status != 0 {
		e.refuse(w, r, x, rule.Refusal)
		return
	}
	if x.backend = rule.Pick(mathrand.Float64()); x.backend == nil {
		e.refuse(w, r, x, route.Refusal{Status: http.StatusInternalServerError, Reason: "the rule has no backend"})
		return
	}
	if x.backend.Refusal.Status != 0 {
		e.refuse(w, r, x, x.backend.Refusal)
		return
	}
	ctx := contextWith(r.Context(), x)
	if rule.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, rule.Timeout)
		defer cancel()
	}
	r = r.WithContext(ctx)
	for i := range rule.Filters.Mirrors {
		e.mirror(r, x, &rule.Filters.Mirrors[i])
	}
	for i := range x.backend.Filters.Mirrors {
		e.mirror(r, x, &x.backend.Filters.Mirrors[i])
	}
	e.reverse.ServeHTTP(w, r)
}

// rewrite makes the request that the backend gets.
func (e *exchanges) rewrite(p *httputil.ProxyRequest) {
	x := exchangeOf(p.In.Context())
	out := p.Out
	out.URL.Scheme = "http"
	out.URL.Host = "backend" // upstream.RoundTrip puts an endpoint there
	out.Host = p.In.Host
	out.URL.Path, out.URL.RawPath = decode(x.rawPath)
	// Names that some backends take for others, as nginx drops them: X_Forwarded_For.
	for name := range out.Header {
		if strings.Contains(name, "_") {
			delete(out.Header, name)
		}
	}
	p.SetXForwarded() // the client's own are gone
	out.Header.Set("X-Forwarded-Port", strconv.Itoa(int(x.port)))
	out.Header.Set("X-Real-Ip", x.client.Remote.Addr().String())
	if out.Header.Get("X-Request-Id") == "" {
		out.Header.Set("X-Request-Id", strings.ToLower(rand.Text()))
	}
	for _, f := range []*route.Filters{&x.rule.Filters, &x.backend.Filters} {
		if f.Rewrite != nil {
			if f.Rewrite.Host != "" {
				out.Host = f.Rewrite.Host
			}
			if f.Rewrite.Path != nil {
				out.URL.Path, out.URL.RawPath = f.Rewrite.Path.Rewritten(x.path, x.rule.Path), ""
			}
		}
		setHost(out, &f.Request)
		f.Request.Apply(out.Header)
	}
}

// setHost is for filters that set Host: net/http keeps it apart from the header.
func setHost(out *http.Request, h *route.Headers) {
	for _, f := range h.Set {
		if strings.EqualFold(f.Name, "host") {
			out.Host = f.Value
		}
	}
}

// decode splits an encoded path the way net/url keeps one.
func decode(raw string) (path, rawPath string) {
	u, err := url.ParseRequestURI(raw)
	if err != nil {
		return raw, ""
	}
	return u.Path, u.RawPath
}

func respond(r *http.Response) error {
	x := exchangeOf(r.Request.Context())
	x.backend.Filters.Response.Apply(r.Header)
	x.rule.Filters.Response.Apply(r.Header)
	return nil
}

// failed answers for a backend that did not.
func (e *exchanges) failed(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r.Context())
	who := fmt.Sprintf("endpoint %s of Service %s/%s", x.endpoint, x.backend.Namespace, x.backend.Name)
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled): // the client has gone
		panic(http.ErrAbortHandler)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		e.refuse(w, r, x, route.Refusal{Status: http.StatusGatewayTimeout, Reason: who + " did not answer in time"})
	case errors.Is(err, syscall.ECONNREFUSED):
		e.refuse(w, r, x, route.Refusal{Status: http.StatusBadGateway, Reason: who + " refused the connection"})
	default:
		e.refuse(w, r, x, route.Refusal{Status: http.StatusBadGateway, Reason: who + ": " + reason(err)})
	}
}

// reason is an error without what a Go programmer would want to read of it.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// refuse answers on the proxy's own account.
func (e *exchanges) refuse(w http.ResponseWriter, r *http.Request, x *exchange, why route.Refusal) {
	e.tell(r, x, Socket{}, why)
	h := w.Header()
	if x.rule != nil {
		x.rule.Filters.Response.Apply(h)
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(why.Status)
	fmt.Fprintf(w, "%d %s: %s\n", why.Status, http.StatusText(why.Status), why.Reason)
}

func (e *exchanges) tell(r *http.Request, x *exchange, backend Socket, why route.Refusal) {
	if e.cfg.Relayed == nil {
		return
	}
	e.cfg.Relayed(Relay{Client: x.client, Backend: backend, Refusal: why,
		Method: r.Method, Host: route.Hostname(r.Host), Path: x.path, Rule: x.rule, To: x.backend})
}

// Times that a backend is given.
const (
	// connectTimeout lets a dropped SYN be sent once more, and answers before a
	// client of ours has given up.
	connectTimeout = 3 * time.Second
	// answerTimeout is until the answer's header is there, as nginx' proxy_read_timeout.
	answerTimeout = 60 * time.Second
)
