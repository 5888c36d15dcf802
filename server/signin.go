package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/people"
)

// signInPage asks who somebody is.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	s.cfg.Pages.SignIn(w, r, http.StatusOK, s.signInWith(r.URL.Query().Get("to"), ""))
}

// signInWith is what there is to sign in with, and where it leads.
func (s *Server) signInWith(to, wrong string) model.SignIn {
	with := model.SignIn{To: local(to), Wrong: wrong}
	if s.cfg.Accounts != nil {
		with.Provider = s.cfg.Accounts.Host()
	}
	return with
}

// signIn answers the page's form: a token makes whoever shows it what it is for.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := r.ParseForm(); err != nil {
		s.failPage(w, r, &problem.Problem{Status: http.StatusBadRequest, Detail: "The form could not be read."})
		return
	}
	if !s.mayGuess(w, r) {
		return
	}
	to := local(r.PostForm.Get("to"))
	who, ok := s.cfg.People.SignInByToken(w, r, strings.TrimSpace(r.PostForm.Get("token")))
	if !ok {
		s.wrongGuess(r)
		s.note(r, "person.sign-in-failed", audit.Event{Detail: "wrong token"})
		s.cfg.Pages.SignIn(w, r, http.StatusForbidden, s.signInWith(to, "That is not a token of this server."))
		return
	}
	s.note(r, "person.sign-in", audit.Event{Detail: who.Name + ", by token"})
	http.Redirect(w, r, s.path(r, to), http.StatusSeeOther)
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	s.note(r, "person.sign-out", audit.Event{})
	s.cfg.People.SignOut(w, r)
	http.Redirect(w, r, s.path(r, "/"), http.StatusSeeOther)
}

// getMe says who asks.
func (s *Server) getMe(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, visitor(people.From(r.Context())))
}

// visitor is what a page may know of who asks.
func visitor(who people.Person) model.Visitor {
	v := model.Visitor{Name: who.Name, Email: who.Email, Roles: []string{}}
	for _, role := range []people.Role{people.Learner, people.Instructor, people.Operator} {
		if who.Is(role) {
			v.Roles = append(v.Roles, string(role))
		}
	}
	return v
}

// local is a path of ours, whatever somebody wrote into an address: nobody is led to another site.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") ||
		strings.ContainsAny(to, "\\\r\n\t") || strings.HasPrefix(to, "//") {
		return "/"
	}
	return u.String()
}

// shortPath is a path without what opens anything: IDs and keys are shortened.
func shortPath(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if len(part) > 16 {
			parts[i] = audit.Short(part)
		}
	}
	return strings.Join(parts, "/")
}

// visitors tells pages who asks.
func (s *Server) visitors(next http.Handler) http.Handler {
	return s.cfg.People.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.People.Unbelieved(r) {
			s.unbelieved.Do(func() {
				s.log.WarnContext(r.Context(), "X-Forwarded-For is not believed, so all who come that way count as one: name the proxy in --trusted-proxies", "from", r.RemoteAddr)
			})
		}
		v := visitor(people.From(r.Context()))
		v.MaySignIn = s.cfg.Accounts != nil
		next.ServeHTTP(w, r.WithContext(model.WithVisitor(r.Context(), v)))
	}))
}
