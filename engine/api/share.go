package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"
	restclient "k8s.io/client-go/rest"

	"github.com/podhop/podhop/engine/api/seats"
)

// watchBytes is how much the watches of a session's clients are told a second, all together,
// in the long run; what a watch is told is encoded for it alone.
const watchBytes = 2 << 20

// ownWrite is what a session pays for what its controllers and kubelets write: about what one
// takes on a machine that has nothing else to do. They need not wait, who makes them write does.
const ownWrite = time.Millisecond

// share has a client's request wait for its place among those of the session, and serves it.
// What this process itself asks needs none.
func (s *Session) share(w http.ResponseWriter, r *http.Request) {
	g := s.server.generic
	info, err := g.RequestInfoResolver.NewRequestInfo(r)
	lasts := err == nil && g.LongRunningFunc(r, info) // the chain says what is wrong with one that cannot be read
	of := &s.own
	if looks(r.Context()) {
		of = &s.looking // a thousand who look on are not to take the places of whose session it is
	}
	leave, err := of.seat(r.Context(), lasts)
	if err != nil {
		// As upstream's max-in-flight filter says it (k8s.io/apiserver/pkg/server/filters/maxinflight.go).
		// Clients try again by themselves.
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
		return
	}
	defer leave()
	if lasts && info.Verb == "watch" && r.Header.Get("Upgrade") == "" {
		w = paced{w, r.Context(), of.telling}
	}
	if err == nil && s.attends(r, info) {
		a := &attended{ResponseWriter: w}
		w = responsewriter.WrapForHTTP1Or2(a)
		command := r.Header.Get(commandHeader)
		defer func() { s.tell(r.Context(), a, info, command) }()
	}
	s.serve(w, r)
}

// A portion is what some clients of a session have of the server together.
type portion struct {
	seats   *seats.Seats
	telling *rate.Limiter // watches
}

func (s *Server) newPortion() portion {
	return portion{s.hall.Seats(), rate.NewLimiter(watchBytes, 2*watchBytes)}
}

func (p *portion) seat(ctx context.Context, lasts bool) (leave func(), err error) {
	if lasts {
		return p.seats.Last(ctx)
	}
	return p.seats.Take(ctx)
}

// LearnerConfig is ClientConfig for what the server asks because the learner wants it: that has
// seats among those of the session's clients.
func (s *Session) LearnerConfig() *restclient.Config {
	return s.configBy(s.share, master)
}

// Share is what the session has of the server, for what is done for it besides its requests.
func (s *Session) Share() *seats.Share { return s.own.seats.Share }

// Act says that the session does something of which the API is not told, and for which other
// sessions are to leave the server some room.
func (s *Session) Act() { s.own.seats.Act() }

// acts reports whether a request of this process itself comes of something that happens in
// its session: it writes, and not the lease that kubelets renew whatever happens.
func acts(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.HasPrefix(r.URL.Path, "/apis/coordination.k8s.io/")
}

// Asked is what clients had of the session's API.
func (s *Session) Asked() seats.Use { return s.own.seats.Use() }

// paced waits before it writes more than the session may.
type paced struct {
	http.ResponseWriter
	ctx  context.Context
	pace *rate.Limiter
}

func (w paced) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), w.pace.Burst())]
		if err := w.pace.WaitN(w.ctx, len(part)); err != nil {
			return n, err
		}
		m, err := w.ResponseWriter.Write(part)
		if n += m; err != nil {
			return n, err
		}
		p = p[len(part):]
	}
	return n, nil
}

func (w paced) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is what upstream asks of every writer.
func (w paced) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// CloseNotify is what it asks besides before it believes that a writer can flush
// (k8s.io/apiserver/pkg/endpoints/responsewriter), as the chain of a session's own kinds does.
func (w paced) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(w.ctx, func() { gone <- true })
	return gone
}
