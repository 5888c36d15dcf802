package hosts

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"time"
)

const (
	// peerPatience is how long a request waits for its session's next host.
	peerPatience = 5 * time.Second
	// roomPatience is how long a peer may take to say whether it has room.
	roomPatience = 2 * time.Second
	// retryAfter is between two tries to reach a host that does not answer.
	retryAfter = 100 * time.Millisecond
	// mostKept bounds a body that is kept so that it can be sent again, in bytes.
	mostKept = 4 << 20
)

// errElsewhere says that a peer does not have the session, or no room for one.
var errElsewhere = errors.New("the host does not have the session any more, or no room")

// ForwardConfig says what a Forward is made of.
type ForwardConfig struct {
	Cluster *Cluster
	// Session names the session that a request is about, if it is about one that is, or is to
	// be, on one host. Opens tells whether it opens one.
	Session func(r *http.Request) (id string, ok bool)
	Opens   func(r *http.Request) bool
	// Ticket is the Mark of the host that gave a ticket which a request is about, if it is about
	// one; of a ticket of this host's that stands for a peer's it puts that in the request. Room tells whether a session that is opened here now need not wait.
	Ticket func(r *http.Request) (mark string, ok bool)
	Room   func() bool
	// Adopt opens a session here that this host has, if it is not open. It fails with ErrUnknown
	// if there is nothing of it any more, and with ErrAway if it cannot be now.
	Adopt func(ctx context.Context, id string) error
	// Away answers who asked while there is no host for it: try again.
	Away func(w http.ResponseWriter, r *http.Request, err error)
	// Peers is of Peers, and Dial how they are reached.
	Peers *tls.Config
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
	// APIPort is the port of this host's Kubernetes API.
	APIPort int
	Log     *slog.Logger
}

// A Forward leads requests to the hosts that are to answer them.
type Forward struct {
	cfg       ForwardConfig
	transport *http.Transport
}

// NewForward returns a Forward.
func NewForward(cfg ForwardConfig) *Forward {
	return &Forward{cfg, &http.Transport{
		// A copy: the server of peers changes its own.
		DialContext: cfg.Dial, TLSClientConfig: cfg.Peers.Clone(), TLSHandshakeTimeout: peerPatience,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}}
}

// Handler answers what is this host's to answer by next, and has peers answer the rest. It is
// of one listener, by whose name the peers' PeerHandler knows it; nothing may be before it.
func (f *Forward) Handler(listener string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del(originHeader) // peers say so, elsewhere
		id, about := f.cfg.Session(r)
		passed := &passing{Forward: f, listener: listener}
		if !about && f.ticket(w, r, passed, next) {
			return
		}
		opens := !about && f.cfg.Opens(r)
		if !about && !opens {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), peerPatience)
		defer cancel()
		for {
			passed.rewind(r)
			again, err := false, error(nil)
			if opens {
				again, err = f.open(w, r, passed, next)
			} else {
				again, err = f.lead(ctx, w, r, id, passed, next)
			}
			if !again && err == nil {
				return
			}
			select {
			case <-time.After(retryAfter):
				if again {
					continue
				}
			case <-ctx.Done():
			}
			if r.Context().Err() == nil {
				f.cfg.Away(w, r, err)
			}
			return
		}
	})
}

// lead has the host of a session answer. What nobody has begun to answer may be tried again.
func (f *Forward) lead(ctx context.Context, w http.ResponseWriter, r *http.Request, id string, p *passing, next http.Handler) (again bool, err error) {
	here, peer, err := f.cfg.Cluster.Find(ctx, id)
	switch {
	case errors.Is(err, ErrUnknown):
		next.ServeHTTP(w, r) // which says so in its own words
		return false, nil
	case err != nil:
		return false, err
	case here:
		return f.serve(w, r, id, next)
	}
	alive, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(f.cfg.Cluster.Alive(peer), cancel)()
	return p.pass(w, r.WithContext(alive), peer.Address, false)
}

// open has the host with most room answer: the first that need not have anybody wait, and if
// there is none the first of all.
func (f *Forward) open(w http.ResponseWriter, r *http.Request, p *passing, next http.Handler) (again bool, err error) {
	err = ErrAway
	for _, room := range []bool{true, false} {
		for _, c := range f.cfg.Cluster.Candidates() {
			if c.Here && room && !f.cfg.Room() {
				continue
			}
			p.rewind(r)
			if c.Here {
				next.ServeHTTP(w, r)
				return false, nil
			}
			if again, err = p.pass(w, r, c.Address, room); !again {
				return again, err
			}
		}
	}
	return true, err
}

// ticket has the host answer that gave a ticket. It does not if the request is about none, or
// if that host is not there: then the ticket is good for nothing anywhere.
func (f *Forward) ticket(w http.ResponseWriter, r *http.Request, p *passing, next http.Handler) (answered bool) {
	mark, ok := f.cfg.Ticket(r)
	if !ok {
		return false
	}
	if mark == f.Mark() {
		next.ServeHTTP(w, r)
		return true
	}
	for _, peer := range f.cfg.Cluster.marked(mark) {
		again, err := p.pass(w, r, peer.Address, false)
		if !again && err != nil && r.Context().Err() == nil {
			f.cfg.Away(w, r, err)
		}
		if !again {
			return true
		}
		p.rewind(r)
	}
	return false
}

// Elsewhere asks the peers that take sessions, those with most room first, until one that need not
// have anybody wait answers, by the handler of a listener of its own.
func (f *Forward) Elsewhere(ctx context.Context, listener string, text []byte) (answer []byte, ok bool) {
	for _, c := range f.cfg.Cluster.Candidates() {
		if c.Here {
			continue
		}
		if answer, err := f.room(ctx, c.Address, listener, text); err == nil {
			return answer, true
		}
	}
	return nil, false
}

func (f *Forward) room(ctx context.Context, address, listener string, text []byte) (answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, roomPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+"/", bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set(originHeader, origin(listener, f.cfg.APIPort, true, r))
	resp, err := f.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(resp.Body, mostKept)); err == nil && resp.StatusCode != http.StatusOK {
		err = errElsewhere
	}
	return answer, err
}

// Mark is what tells tickets of this host from others'.
func (f *Forward) Mark() string { return mark(f.cfg.Cluster.cfg.Record.Name) }

// serve answers here, as long as the session is this host's.
func (f *Forward) serve(w http.ResponseWriter, r *http.Request, id string, next http.Handler) (again bool, err error) {
	held, ok := f.cfg.Cluster.Hold(id)
	if !ok {
		return true, ErrAway
	}
	if err := f.cfg.Adopt(r.Context(), id); errors.Is(err, ErrUnknown) {
		f.cfg.Cluster.Finish(id)
	} else if err != nil {
		return true, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(held.Context(), cancel)()
	r = r.WithContext(ctx)
	if r.Header.Get("Upgrade") != "" {
		next.ServeHTTP(w, r)
		return false, nil
	}
	g := &guard{ResponseWriter: w, may: held.May, ctx: ctx}
	next.ServeHTTP(g, r)
	switch {
	case !g.begun && !g.may():
		return false, ErrAway // it had begun, and was not answered
	case g.cut, !g.late && held.Context().Err() != nil:
		panic(http.ErrAbortHandler) // half an answer must not look like one
	}
	return false, nil
}

// passing passes one request on.
type passing struct {
	*Forward
	listener string
	body     []byte // what was read of the request's, to be sent again
	kept     bool
}

// keep reads the body, if it is one that can be sent again.
func (p *passing) keep(r *http.Request) error {
	if p.kept || r.Body == nil || r.Body == http.NoBody || r.ContentLength <= 0 || r.ContentLength > mostKept || r.Header.Get("Upgrade") != "" {
		return nil
	}
	var err error
	p.body, err = io.ReadAll(io.LimitReader(r.Body, mostKept))
	p.kept = true
	r.Body = io.NopCloser(bytes.NewReader(p.body))
	return err
}

// rewind gives a request the body again that was kept of it.
func (p *passing) rewind(r *http.Request) {
	if p.kept {
		r.Body = io.NopCloser(bytes.NewReader(p.body))
	}
}

// pass has a peer answer, or only if it has room for a session. If the peer cannot have done
// anything, another may be tried, or it again.
func (p *passing) pass(w http.ResponseWriter, r *http.Request, address string, room bool) (again bool, err error) {
	if err := p.keep(r); err != nil {
		return false, nil // whoever asked has gone
	}
	repeatable := p.kept || r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0
	from := origin(p.listener, p.cfg.APIPort, room && repeatable, r)
	proxy := &httputil.ReverseProxy{
		Transport: p.transport, FlushInterval: -1,
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL.Scheme, pr.Out.URL.Host = "https", address
			pr.Out.Host = pr.In.Host
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix"} {
				if v, ok := pr.In.Header[name]; ok {
					pr.Out.Header[name] = v // whoever is in front of us said so
				}
			}
			pr.Out.Header.Set(originHeader, from)
		},
		ModifyResponse: func(a *http.Response) error {
			if a.Header.Get(elsewhereHeader) != "" {
				return errElsewhere
			}
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, e error) { err = e },
		ErrorLog:     slog.NewLogLogger(p.cfg.Log.Handler(), slog.LevelDebug),
	}
	proxy.ServeHTTP(w, r)
	if err == nil {
		return false, nil
	}
	dial := new(net.OpError)
	idle := errors.Is(err, errElsewhere) || errors.As(err, &dial) && dial.Op == "dial"
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		idle = true
	}
	p.cfg.Log.DebugContext(r.Context(), "a peer does not answer", "peer", address, "err", err)
	return idle && repeatable, err
}

// A guard lets no more of an answer out when the session is not this host's any more. It looks
// after the answer was made and before it is given, so that what a host knew is true of some time
// between question and answer, however long either was on its way or the host was stopped.
type guard struct {
	http.ResponseWriter
	may       func() bool
	ctx       context.Context // the request's
	begun     bool
	cut, late bool
}

func (g *guard) WriteHeader(code int) {
	if code >= 200 || code == http.StatusSwitchingProtocols {
		if !g.begun && !g.may() {
			g.late = true
			g.Header().Set("Retry-After", "1")
			g.Header().Del("Content-Length")
			code = http.StatusServiceUnavailable
		}
		g.begun = true
		g.Header().Del(elsewhereHeader) // a session's own server may say anything
	}
	g.ResponseWriter.WriteHeader(code)
}

func (g *guard) Write(b []byte) (int, error) {
	if !g.begun {
		g.WriteHeader(http.StatusOK)
	}
	switch {
	case g.late:
		return 0, ErrAway
	case g.cut, !g.may():
		g.cut = true
		return 0, ErrAway
	}
	return g.ResponseWriter.Write(b)
}

func (g *guard) Unwrap() http.ResponseWriter { return g.ResponseWriter }

// Flush is what upstream asks of every writer.
func (g *guard) Flush() { _ = http.NewResponseController(g.ResponseWriter).Flush() }

// CloseNotify is what it asks besides before it believes that a writer can flush
// (k8s.io/apiserver/pkg/endpoints/responsewriter): else `kubectl logs -f` is told nothing until 4 kB are written.
func (g *guard) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(g.ctx, func() { gone <- true })
	return gone
}
