package server

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/hosts"
	"github.com/podhop/podhop/server/people"
	"github.com/podhop/podhop/server/views"
)

// What follows is for several servers that share sessions: package hosts leads a request to the
// server that has the session, and asks here which one that is.

// Share has a Forward lead requests, from Serve on, and also those that this server makes itself.
func (s *Server) Share(f *hosts.Forward) {
	s.forward = f
	s.inside = f.Handler(insideListener, s.asked())
}

// Listeners are the handlers of what is answered here, by listener.
func (s *Server) Listeners() map[string]http.Handler {
	return map[string]http.Handler{pageListener: s.plain, apiListener: s.secure, insideListener: s.asked(),
		queueListener: http.HandlerFunc(s.take)}
}

const (
	pageListener = "page"
	apiListener  = "api"
	// insideListener is of what servers ask for themselves; nobody else comes that way.
	insideListener = "inside"
)

// personHeader says in whose name a server asks.
const personHeader = "Podhop-Person"

// asked are the routes for what a server asks for itself, this one or another.
func (s *Server) asked() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, err := url.QueryUnescape(r.Header.Get(personHeader)); err == nil && id != "" && people.From(r.Context()).ID == "" {
			r = r.WithContext(people.With(r.Context(), people.Person{ID: id}))
		}
		s.router.ServeHTTP(w, r)
	})
}

func (s *Server) shared(listener string, own http.Handler) http.Handler {
	if s.forward == nil {
		return own
	}
	return s.forward.Handler(listener, own)
}

var (
	isSession = regexp.MustCompile(`^[a-z0-9]{26}$`)
	// ofSession are the paths that are about one session, which is named next.
	ofSession = []string{"/s/", "/api/sessions/", prefix}
	opening   = regexp.MustCompile(`^/(api/sessions|playground|lessons/[^/]+|api/members/[^/]+/sessions)$`)
)

// local is a request's path without the base path.
func (s *Server) local(r *http.Request) string {
	if path, ok := strings.CutPrefix(r.URL.Path, s.cfg.Base+"/"); ok {
		return "/" + path
	}
	return r.URL.Path
}

// SessionOf names the session that a request is about, by path or by name, by its ID or by a
// view's key. It does not say that there is one.
func (s *Server) SessionOf(r *http.Request) (id string, ok bool) {
	path := s.local(r)
	for _, before := range ofSession {
		if rest, ok := strings.CutPrefix(path, before); ok {
			id, _, _ := strings.Cut(rest, "/")
			return s.standsFor(id)
		}
	}
	for _, name := range []string{serverName(r), r.Host} {
		label, ok := byName(name)
		if !ok {
			continue
		}
		if id, ok := s.standsFor(label); ok {
			return id, true
		}
		if m := named.FindStringSubmatch(label); m != nil && isSession.MatchString(m[3]) {
			return m[3], true
		}
	}
	return "", false
}

// standsFor is the session of an ID or of a view's key.
func (s *Server) standsFor(key string) (id string, ok bool) {
	if !strings.HasPrefix(key, views.Prefix) {
		return key, isSession.MatchString(key)
	}
	view, err := s.views.Find(key)
	return view.Session, err == nil
}

// Opens tells whether a request opens a session, and is no other session's.
func (s *Server) Opens(r *http.Request) bool {
	return r.Method == http.MethodPost && opening.MatchString(s.local(r))
}

// ticketMark is what this server's tickets end with, among others: a separator, and the mark of
// its name.
func (s *Server) ticketMark() string {
	if s.forward == nil {
		return ""
	}
	return "-" + s.forward.Mark()
}

// ticketed are the paths that are about a ticket, which is named next.
var ticketed = regexp.MustCompile(`^/(?:api/)?queue/([^/]+)$`)

// TicketOf is the mark of the server whose queue a request is about: by a path, or because it
// opens a session with a ticket. A ticket of ours that stands for another server's is replaced by
// that in the request.
func (s *Server) TicketOf(r *http.Request) (mark string, ok bool) {
	ticket, of := "", func(string) {}
	if m := ticketed.FindStringSubmatch(s.local(r)); m != nil {
		ticket = m[1]
		of = func(to string) { r.URL.Path, r.URL.RawPath = strings.TrimSuffix(r.URL.Path, ticket)+to, "" }
	} else if s.Opens(r) {
		query := r.URL.Query()
		ticket = query.Get("ticket")
		of = func(to string) {
			query.Set("ticket", to)
			r.URL.RawQuery = query.Encode()
		}
	}
	if s.queue != nil {
		if to, moved := s.queue.Moved(ticket); moved {
			of(to)
			ticket = to
		}
	}
	_, mark, ok = strings.Cut(ticket, "-")
	return mark, ok
}

// Room tells whether a session may be opened here at once.
func (s *Server) Room() bool { return !s.draining.Load() && (s.queue == nil || s.queue.Free()) }

// Away answers while a session is on its way from one server to another: who asks is to ask
// again.
func (s *Server) Away(w http.ResponseWriter, r *http.Request, err error) {
	s.log.DebugContext(r.Context(), "nobody answers for a session", "path", r.URL.Path, "err", err)
	const text = "The session is on its way to another server. Try again in a moment."
	hardened(w.Header())
	w.Header().Set("Retry-After", "1")
	_, name := byName(serverName(r))
	switch {
	case name || strings.HasPrefix(s.local(r), prefix):
		status(w, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, text)
	case wantsPage(r):
		s.cfg.Pages.Error(w, r, http.StatusServiceUnavailable, "One moment", text)
	default:
		problem.Write(w, problem.Problem{Type: typeAway, Title: "One moment", Status: http.StatusServiceUnavailable, Detail: text})
	}
}
