package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/gate"
	"github.com/podhop/podhop/server/people"
)

// By these headers a program passes the gate, and is told what it wants.
const (
	workHeader      = "Podhop-Work"
	accessHeader    = "Podhop-Access"
	challengeHeader = "Podhop-Challenge"
)

// The fields of forms that say the same.
const (
	workField   = "work"
	accessField = "access"
)

// pass lets those open something who have done or shown what the site wants of strangers, or
// are none because they have signed in. If not, it has answered: browsers by a page that sends the
// same form again.
func (s *Server) pass(w http.ResponseWriter, r *http.Request) bool {
	if kind := s.cfg.Gate.Kind(); kind == gate.None || people.From(r.Context()).SignedIn() {
		return true
	} else if kind == gate.Token {
		return s.passToken(w, r)
	}
	return s.passWork(w, r)
}

func (s *Server) passWork(w http.ResponseWriter, r *http.Request) bool {
	err := s.cfg.Gate.Check(r.Context(), time.Now(), said(w, r, workHeader, workField))
	if err == nil {
		return true
	}
	why := problem.Problem{Type: typeWork, Title: "Some work first", Status: http.StatusForbidden,
		Detail: "This site asks for some work of each computer before it opens anything: do what the header " + challengeHeader + " says, and send the answer in " + workHeader + "."}
	wrong := ""
	switch {
	case errors.Is(err, gate.ErrWanted):
	case errors.Is(err, gate.ErrWrong), errors.Is(err, gate.ErrExpired), errors.Is(err, gate.ErrSpent):
		wrong = "It was not taken: " + err.Error() + "."
		why.Detail = capital(err.Error()) + ". " + why.Detail
		s.note(r, "person.refused", audit.Event{Detail: "gate: " + err.Error()})
	default:
		s.fail(w, r, err)
		return false
	}
	challenge := s.cfg.Gate.Challenge(time.Now())
	if wantsPage(r) {
		s.cfg.Pages.Gate(w, r, why.Status, model.Gate{Kind: gate.Work, Action: s.path(r, r.URL.RequestURI()), Fields: fields(r), Challenge: challenge, Wrong: wrong})
		return false
	}
	w.Header().Set(challengeHeader, challenge)
	s.fail(w, r, &why)
	return false
}

func (s *Server) passToken(w http.ResponseWriter, r *http.Request) bool {
	if s.cfg.Gate.Admits(s.cfg.People.Granted(r)) {
		return true
	}
	token := said(w, r, accessHeader, accessField)
	if token != "" && !s.mayGuess(w, r) {
		return false
	}
	if s.cfg.Gate.Admits(token) {
		s.cfg.People.Grant(w, r, token)
		return true
	}
	if token != "" {
		s.wrongToken(r)
	}
	if wantsPage(r) {
		s.cfg.Pages.Gate(w, r, http.StatusForbidden, model.Gate{Kind: gate.Token, Action: s.path(r, r.URL.RequestURI()), Fields: fields(r), Wrong: wrongAccess(token)})
		return false
	}
	s.fail(w, r, &problem.Problem{Type: typeAccess, Title: "An access token first", Status: http.StatusForbidden,
		Detail: "This site wants an access token before it opens anything: give it at " + s.path(r, "/access") + ", or send it in the header " + accessHeader + "."})
	return false
}

func (s *Server) wrongToken(r *http.Request) {
	s.wrongGuess(r)
	s.note(r, "person.refused", audit.Event{Detail: "gate: wrong access token"})
}

// wrongAccess says what was wrong with a token, if one was shown.
func wrongAccess(token string) string {
	if token == "" {
		return ""
	}
	return "That is not an access token of this site."
}

// accessPage asks for the site's token.
func (s *Server) accessPage(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Gate.Kind() != gate.Token {
		http.Redirect(w, r, s.path(r, local(r.URL.Query().Get("to"))), http.StatusSeeOther)
		return
	}
	s.askAccess(w, r, http.StatusOK, r.URL.Query().Get("to"), "")
}

func (s *Server) askAccess(w http.ResponseWriter, r *http.Request, status int, to, wrong string) {
	s.cfg.Pages.Gate(w, r, status, model.Gate{Kind: gate.Token, Action: s.path(r, "/access"), Fields: []model.Field{{Name: "to", Value: local(to)}}, Wrong: wrong})
}

// giveAccess answers its form.
func (s *Server) giveAccess(w http.ResponseWriter, r *http.Request) {
	token := said(w, r, accessHeader, accessField)
	if !s.mayGuess(w, r) {
		return
	}
	to := r.PostForm.Get("to")
	if !s.cfg.Gate.Admits(token) {
		s.wrongToken(r)
		s.askAccess(w, r, http.StatusForbidden, to, wrongAccess(token))
		return
	}
	s.cfg.People.Grant(w, r, token)
	http.Redirect(w, r, s.path(r, local(to)), http.StatusSeeOther)
}

// said is what a request says by a header, or else by a field of its form.
func said(w http.ResponseWriter, r *http.Request, header, field string) string {
	if text := r.Header.Get(header); text != "" {
		return text
	}
	if r.PostForm == nil && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		_ = r.ParseForm() // what cannot be read says nothing
	}
	return strings.TrimSpace(r.PostForm.Get(field))
}

// fields are those of the request's form, without what is asked for.
func fields(r *http.Request) (all []model.Field) {
	for name, values := range r.PostForm {
		for _, value := range values {
			if name != workField && name != accessField {
				all = append(all, model.Field{Name: name, Value: value})
			}
		}
	}
	slices.SortFunc(all, func(a, b model.Field) int { return strings.Compare(a.Name, b.Name) })
	return all
}
