package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/views"
)

// A target is a port of a session, as an address of ours names it.
type target struct {
	session, host string
	port          uint16
	// prefix is what of the path leads there, without a slash behind; rest is what is asked
	// for there, as it was escaped.
	prefix, rest string
}

// ours are the addresses of ports and of hosts of Ingresses:
// /s/ID/port/HOST/PORT/..., /s/ID/host/NAME/....
var ours = regexp.MustCompile(`^/s/([^/]+)/(?:port/([^/]+)/([^/]*)|host/([^/]+))(/.*)?$`)

// hostName is a name or an address, which goes into a Host header.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9.:]{0,251}[A-Za-z0-9])?$`)

// targetOf understands an escaped path; ok is whether it is of a port at all.
func targetOf(path string) (t target, err error, ok bool) {
	m := ours.FindStringSubmatch(path)
	if m == nil {
		return t, nil, false
	}
	t.rest = m[5]
	t.prefix = strings.TrimSuffix(path, t.rest)
	for i, to := range []*string{&t.session, &t.host} {
		escaped := m[1+i]
		if i == 1 && m[4] != "" {
			escaped = m[4]
		}
		if *to, err = url.PathUnescape(escaped); err != nil {
			return t, invalid("address", "is not escaped as addresses are"), true
		}
	}
	if t.host = strings.Trim(t.host, "[]"); !hostName.MatchString(t.host) {
		return t, invalid("host", fmt.Sprintf("must be a name or an address, not %q", t.host)), true
	}
	t.port = 80
	if m[4] == "" {
		port, err := strconv.ParseUint(m[3], 10, 16)
		if err != nil || port == 0 {
			return t, invalid("port", fmt.Sprintf("must be between 1 and 65535, not %q", m[3])), true
		}
		t.port = uint16(port)
	}
	return t, nil, true
}

// named is a first label of a host name that is of a port: PORT-HOST-ID.
var named = regexp.MustCompile(`^([1-9][0-9]{0,4})-([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)-([a-z0-9]+)$`)

// targetOfName understands the name that a request is for, where names below the server's
// lead to it, too: what is asked for then needs no prefix, and may lead to absolute paths.
func targetOfName(name, path string) (t target, ok bool) {
	label, ok := byName(name)
	m := named.FindStringSubmatch(label)
	if !ok || m == nil {
		return t, false
	}
	port, err := strconv.ParseUint(m[1], 10, 16)
	return target{session: m[3], host: m[2], port: uint16(port), rest: path}, err == nil
}

// authority is what the Host header of a request to the target says.
func (t target) authority() string {
	host := t.host
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + host + "]"
	}
	if t.port == 80 {
		return host
	}
	return host + ":" + strconv.Itoa(int(t.port))
}

// maxPorts is how many requests to ports a session's learner may have under way.
const maxPorts = 64

// answerTimeout is how long a server in a session may take to begin its answer.
const answerTimeout = 2 * time.Minute

// ports leads requests for a session's ports there, as a browser on the learner's machine
// would ask. What answers is whatever runs in the session, so nothing of ours is told to
// it, and what it answers acts as a page of no site: see foreign.
//
// It is before the protection against other sites' pages: to a browser the pages of
// a session's servers are that, and their forms are to reach them. What an address of
// this kind does is between the session and who knows its ID.
func (s *Server) ports(next http.Handler) http.Handler {
	next = s.portsByName(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err, ok := targetOf(r.URL.EscapedPath())
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		t.prefix = s.path(r, t.prefix)
		var session Session
		var rights views.Rights
		if err == nil {
			session, rights, err = s.find(r, t.session)
		}
		if err == nil {
			err = may(rights, views.Control)
		}
		if err != nil {
			s.failPort(w, r, err)
			return
		}
		s.visit(w, r, t, session)
	})
}

// portsByName leads to the ports that the name of the host says.
func (s *Server) portsByName(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, ok := targetOfName(r.Host, r.URL.EscapedPath())
		var session Session
		var rights views.Rights
		if ok {
			var err error
			session, rights, err = s.find(r, t.session)
			ok = err == nil // or else it is a server of such a name
		}
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		if err := may(rights, views.Control); err != nil {
			s.failPort(w, r, err)
			return
		}
		s.visit(w, r, t, session)
	})
}

func (s *Server) visit(w http.ResponseWriter, r *http.Request, t target, session Session) {
	switch {
	case t.rest == "": // so that relative addresses lead below it
		http.Redirect(w, r, t.prefix+"/"+query(r), http.StatusPermanentRedirect)
		return
	case r.Header.Get("Service-Worker") != "":
		s.failPort(w, r, &problem.Problem{Status: http.StatusForbidden, Title: "No service workers", Detail: "A port of a session may not have a service worker."})
		return
	case preflight(w, r):
		return
	}
	r, done := s.through(r, session)
	defer done()
	release, err := s.visits.enter(realID(session))
	if err != nil {
		s.failPort(w, r, err)
		return
	}
	defer release()
	s.proxy(t, session).ServeHTTP(w, r)
}

func query(r *http.Request) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	return "?" + r.URL.RawQuery
}

// proxy asks a target. Each has connections of its own: a kept one would be another
// session's to whom the same address belongs.
func (s *Server) proxy(t target, session Session) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { rewrite(r, t) },
		Transport: untold{&http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return session.Reach(ctx, t.host, t.port)
			},
			DisableKeepAlives: true, DisableCompression: true, ResponseHeaderTimeout: answerTimeout, MaxResponseHeaderBytes: 64 << 10,
		}},
		FlushInterval:  -1, // what never ends is seen as it comes
		ModifyResponse: func(r *http.Response) error { foreign(r, t); return nil },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			s.failPort(w, r, unreached(t, err))
		},
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// untold keeps a reverse proxy from passing on what comes ahead of an answer (103 Early
// Hints): it looks at such through its context, before anybody looked at their headers.
type untold struct{ http.RoundTripper }

func (u untold) RoundTrip(r *http.Request) (*http.Response, error) {
	return u.RoundTripper.RoundTrip(r.WithContext(bare{r.Context()}))
}

// bare is a context without its values.
type bare struct{ context.Context }

func (bare) Value(any) any { return nil }

// private are headers by which a browser tells us, or whoever is in front of us, who it is.
var private = []string{"Cookie", "Authorization", "Proxy-Authorization", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User",
	"X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "X-Csrf-Token"}

// rewrite makes the request that the target gets: with its own name, and where it is
// seen in X-Forwarded headers. The Connection header's victims and what is of one hop are gone
// by then.
func rewrite(r *httputil.ProxyRequest, t target) {
	out := r.Out
	out.URL = &url.URL{Scheme: "http", Host: t.authority(), RawQuery: r.In.URL.RawQuery}
	if path, err := url.PathUnescape(t.rest); err == nil {
		out.URL.Path, out.URL.RawPath = path, t.rest
	}
	out.Host = t.authority()
	r.SetXForwarded()
	out.Header.Del("X-Forwarded-For") // learners are nobody's business
	out.Header.Set("X-Forwarded-Prefix", t.prefix)
	for _, name := range private {
		out.Header.Del(name)
	}
	if out.Header.Get("Origin") != "" { // what servers compare with their own name
		out.Header.Set("Origin", "http://"+t.authority())
	}
}

// unwanted are headers of answers by which a server in a session would speak for ours.
var unwanted = []string{"Set-Cookie", "Set-Cookie2", "Clear-Site-Data", "Service-Worker-Allowed", "Strict-Transport-Security", "Www-Authenticate", "Proxy-Authenticate",
	"Alt-Svc", "Nel", "Report-To", "Reporting-Endpoints", "Content-Security-Policy", "Content-Security-Policy-Report-Only", "X-Frame-Options",
	"Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "Cross-Origin-Resource-Policy", "Origin-Agent-Cluster", "Permissions-Policy", "Link",
	"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "X-Accel-Redirect", "X-Sendfile"}

// sandbox has a browser take an answer for a page of no site: its scripts run, but with
// nobody's cookies, storage, or leave to read what ours answers.
const sandbox = "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads allow-pointer-lock; frame-ancestors 'self'"

// foreign makes an answer that cannot act as ours.
func foreign(r *http.Response, t target) {
	for _, name := range unwanted {
		r.Header.Del(name)
	}
	r.Header.Set("Content-Security-Policy", sandbox)
	r.Header.Set("Cross-Origin-Resource-Policy", "cross-origin") // its own images are of another site to it
	r.Header.Set("Referrer-Policy", "no-referrer")
	r.Header.Set("Cache-Control", "no-store") // the next session may have another at the same address
	if r.Request.Header.Get("Origin") != "" {
		r.Header.Set("Access-Control-Allow-Origin", "null")
	}
	if to := r.Header.Get("Location"); to != "" {
		r.Header.Set("Location", t.redirect(to))
	}
}

// redirect leads where the target leads, below its prefix.
func (t target) redirect(to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return t.prefix + "/"
	}
	switch {
	case strings.EqualFold(u.Scheme, "http") && strings.EqualFold(u.Host, t.authority()), u.Scheme == "" && strings.EqualFold(u.Host, t.authority()),
		u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		u.Scheme, u.Host, u.User = "", "", nil
		rest := u.String()
		if !strings.HasPrefix(rest, "/") {
			rest = "/" + rest
		}
		return t.prefix + rest
	}
	return to
}

// preflight answers what browsers ask before a page of no site may ask more than a form:
// it was the target's own page, to which we are another site.
func preflight(w http.ResponseWriter, r *http.Request) bool {
	method := r.Header.Get("Access-Control-Request-Method")
	if r.Method != http.MethodOptions || method == "" || r.Header.Get("Origin") != "null" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "null")
	h.Set("Access-Control-Allow-Methods", method)
	if names := r.Header.Get("Access-Control-Request-Headers"); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// unreached says why nobody answered.
func unreached(t target, err error) error {
	who := fmt.Sprintf("%s, port %d", t.host, t.port)
	p := &problem.Problem{Status: http.StatusBadGateway, Type: typeNoTarget, Title: "Nobody answers"}
	netErr := net.Error(nil)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, model.ErrNotFound):
		p.Status, p.Title, p.Detail = http.StatusNotFound, "No such host", detail(err, model.ErrNotFound)
	case errors.Is(err, syscall.ECONNREFUSED):
		p.Detail = "Connection refused by " + who + ": nothing listens there. Start it, and load this page again."
		if t.host == "host1" {
			p.Detail = fmt.Sprintf("Connection refused by the first node and by the learner's machine, port %d: nothing listens there. Start it, and load this page again.", t.port)
		}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		p.Detail = "There is no way to " + who + " from the learner's machine, which is outside of the cluster."
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		p.Status, p.Title, p.Detail = http.StatusGatewayTimeout, "No answer in time", who+" did not answer in time: packets to it may be dropped on their way."
	default:
		p.Detail = "What " + who + " answered is not HTTP, or it ended before it had answered. Only HTTP can be shown here, not HTTPS."
	}
	return p
}

// failPort answers browsers with a page of ours, and programs with a problem.
func (s *Server) failPort(w http.ResponseWriter, r *http.Request, err error) {
	hardened(w.Header())
	// A window that such a page opened is to show it, too.
	w.Header().Del("Cross-Origin-Opener-Policy")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		s.failPage(w, r, err)
		return
	}
	s.fail(w, r, err)
}
