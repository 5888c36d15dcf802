package server

import (
	"net/http"
	"net/netip"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/limit"
	"github.com/podhop/podhop/server/people"
)

// only lets those do something who are of a role. Browsers that are nobody in particular are
// led to where they can sign in.
func (s *Server) only(role people.Role, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if who := people.From(r.Context()); who.Is(role) {
			next(w, r)
			return
		}
		s.refuse(w, r, s.notOfRole(r, role))
	}
}

// notOfRole says what somebody would have to be.
func (s *Server) notOfRole(r *http.Request, role people.Role) *problem.Problem {
	at := s.path(r, "/sign-in")
	detail := map[people.Role]string{
		people.Learner:    "Sign in first: this server opens clusters for those who have an account.",
		people.Instructor: "This is for instructors: sign in as one at " + at + ".",
		people.Operator:   "This is for whoever runs this server: sign in at " + at + ", or show the operator's token as a Bearer token.",
	}[role]
	return &problem.Problem{Type: typeNotAllowed, Title: "Not for you", Status: http.StatusForbidden, Detail: detail}
}

// admit is asked before anything that opens a session, joins or makes a class. It says whether
// whoever asks may; if not, it has answered. Who may is known from then on, by a cookie.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool { return s.admitTo(w, r, "") }

// admitTo is admit of somebody who holds a key or the right code of something that was admitted
// before, as a class: limits are by the key, not by the address, which many share, and the gate is
// open.
func (s *Server) admitTo(w http.ResponseWriter, r *http.Request, key string) bool {
	if !people.From(r.Context()).Is(people.Learner) {
		s.refuse(w, r, s.notOfRole(r, people.Learner))
		return false
	}
	if s.admitted(r) { // and what others behind their address did meanwhile is not theirs
		return true
	}
	if wait := limit.Wait(s.limits.now(), s.opening(r, key)...); wait > 0 { // nobody works for nothing
		s.refuseOften(w, r, openedOften(wait))
		return false
	}
	if key == "" && !s.pass(w, r) {
		return false
	}
	s.cfg.People.Meet(w, r) // before, so that the first time counts
	if wait := limit.Take(s.limits.now(), s.opening(r, key)...); wait > 0 {
		s.refuseOften(w, r, openedOften(wait))
		return false
	}
	return true
}

// refuse answers somebody who may not, as what they asked for would be answered, and notes it.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, why *problem.Problem) {
	if limit.Take(s.limits.now(), limit.Claim{From: s.limits.refusals, Key: limit.Address(s.clientAddress(r))}) == 0 {
		s.note(r, "person.refused", audit.Event{Detail: r.Method + " " + shortPath(r.URL.Path) + ": " + why.Title})
	}
	page := wantsPage(r)
	switch {
	case why.Type == typeNotAllowed && page && !people.From(r.Context()).SignedIn() && s.isPage(r):
		// There is a page of the same address, if it was a form, from which to go on.
		to := url.URL{Path: s.path(r, "/sign-in"), RawQuery: url.Values{"to": {r.URL.RequestURI()}}.Encode()}
		http.Redirect(w, r, to.String(), http.StatusSeeOther)
	case page:
		s.failPage(w, r, why)
	default:
		if why.Type == typeNotAllowed {
			w.Header().Set("WWW-Authenticate", `Bearer realm="podhop"`)
		}
		s.fail(w, r, why)
	}
}

// isPage reports whether there is a page at a request's address, which may be a form's too.
func (s *Server) isPage(r *http.Request) bool {
	return r.Method == http.MethodGet || s.router.Match(chi.NewRouteContext(), http.MethodGet, r.URL.Path)
}

// clientAddress is where a request comes from; invalid if nobody knows. Only proxies that
// are trusted are believed about it.
func (s *Server) clientAddress(r *http.Request) netip.Addr { return s.cfg.People.Address(r) }

// note writes down what somebody did, or was refused.
func (s *Server) note(r *http.Request, action string, e audit.Event) {
	e.Action, e.Person = action, people.From(r.Context()).ID
	if at := s.clientAddress(r); at.IsValid() {
		e.Address = at.String()
	}
	s.cfg.Audit.Record(r.Context(), e)
}

// noteSession writes down what somebody did with a session.
func (s *Server) noteSession(r *http.Request, action, id, detail string) {
	s.note(r, action, audit.Event{Session: audit.Short(id), Detail: detail})
}
