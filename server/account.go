package server

import (
	"errors"
	"net/http"

	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/account"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/people"
)

// flowCookie is what a browser carries while it signs in at the provider.
const flowCookie = "podhop_signing_in"

// callback is the address, as browsers have it, that the provider leads back to.
func (s *Server) callback(r *http.Request) string {
	scheme := "http"
	if people.Secure(r) {
		scheme = "https"
	}
	return scheme + "://" + r.Host + s.path(r, "/sign-in/callback")
}

// beginAccount leads to the provider.
func (s *Server) beginAccount(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Accounts == nil {
		s.notFound(w, r)
		return
	}
	where, carry, err := s.cfg.Accounts.Begin(r.Context(), s.callback(r), local(r.URL.Query().Get("to")))
	if err != nil {
		s.failAccount(w, r, err)
		return
	}
	http.SetCookie(w, s.cfg.People.Cookie(r, flowCookie, carry, account.Age))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, where, http.StatusSeeOther)
}

// endAccount is where the provider leads back to.
func (s *Server) endAccount(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Accounts == nil {
		s.notFound(w, r)
		return
	}
	if !s.mayGuess(w, r) {
		return
	}
	carry := ""
	if c, err := r.Cookie(flowCookie); err == nil {
		carry = c.Value
	}
	http.SetCookie(w, s.cfg.People.Cookie(r, flowCookie, "", 0)) // once
	who, to, err := s.cfg.Accounts.Finish(r.Context(), s.callback(r), r.URL.Query(), carry)
	if err == nil {
		err = s.cfg.People.SignIn(w, r, who)
	}
	if err != nil {
		if !errors.Is(err, account.ErrProvider) {
			s.wrongGuess(r)
		}
		s.note(r, "person.sign-in-failed", audit.Event{Detail: s.cfg.Accounts.Host() + ": " + err.Error()})
		s.failAccount(w, r, err)
		return
	}
	s.note(r, "person.sign-in", audit.Event{Detail: who.Name + ", by " + s.cfg.Accounts.Host()})
	http.Redirect(w, r, s.path(r, local(to)), http.StatusSeeOther)
}

// failAccount says why somebody is not signed in, and lets them try again.
func (s *Server) failAccount(w http.ResponseWriter, r *http.Request, err error) {
	p := &problem.Problem{Title: "Not signed in", Status: http.StatusForbidden}
	switch {
	case errors.Is(err, account.ErrState):
		p.Detail = "This sign-in was not begun in this browser, or it took too long. Begin it again."
	case errors.Is(err, account.ErrDenied):
		p.Detail = s.cfg.Accounts.Host() + " did not sign you in."
	case errors.Is(err, account.ErrToken):
		p.Detail = "What " + s.cfg.Accounts.Host() + " says of you cannot be believed. Begin again; if it goes on, whoever runs this server finds the reason in its log."
	case errors.Is(err, account.ErrProvider):
		p.Status, p.Detail = http.StatusBadGateway, s.cfg.Accounts.Host()+" cannot be reached now. Try again in a moment."
	default:
		s.failPage(w, r, err)
		return
	}
	s.log.WarnContext(r.Context(), "nobody was signed in", "provider", s.cfg.Accounts.Host(), "err", err)
	if !wantsPage(r) {
		s.fail(w, r, p)
		return
	}
	with := s.signInWith("", "")
	with.Failed = p.Detail
	s.cfg.Pages.SignIn(w, r, p.Status, with)
}
