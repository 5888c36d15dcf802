package server

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/classes"
	"github.com/podhop/podhop/server/people"
	"github.com/podhop/podhop/server/stream"
)

// classRoutes are those of classes, their members, and what a member's page tells. Whose key it is may do
// what it is for: only making a class asks who somebody is.
func (s *Server) classRoutes(r chi.Router) {
	const class, member, own = "/api/classes/{key}", "/api/classes/{key}/members/{mid}", "/api/members/{key}"
	r.Post("/api/classes", s.only(people.Instructor, s.makeClass))
	r.Get(class, s.getClass)
	r.Patch(class, s.changeClass)
	r.Delete(class, s.closeClass)
	r.Get(class+"/stream", s.watchClass)
	r.Post(class+"/push", s.push)
	r.Get(class+"/results.json", s.getResults)
	r.Get(class+"/results.csv", s.getResultsCSV)
	r.Delete(member, s.ofMember("class.remove", s.classes.Remove))
	r.Post(member+"/look", s.viewFor("class.look", s.classes.Look))
	r.Delete(member+"/look", s.ofMember("class.look-away", s.classes.LookAway))
	r.Post(member+"/control", s.viewFor("class.control", s.classes.AskControl))
	r.Delete(member+"/control", s.ofMember("class.control-end", s.classes.EndControl))
	r.Post("/api/join", s.join)
	r.Get("/api/join/{code}", s.getJoin)
	r.Get(own, s.getMembership)
	r.Get(own+"/stream", s.watchMembership)
	r.Post(own+"/help", s.askHelp)
	r.Post(own+"/sessions", s.openMemberSession)
	r.Post(own+"/consent", s.consent)
	r.Delete(own+"/control", s.takeControl)
	r.Post("/api/sessions/{id}/progress", s.with(s.tellProgress))
}

func keyOf(r *http.Request) string { return chi.URLParam(r, "key") }

// noteClass writes down what an instructor did.
func (s *Server) noteClass(r *http.Request, action, key, detail string) {
	s.note(r, action, audit.Event{Class: classes.Short(key), Detail: detail})
}

func (s *Server) makeClass(w http.ResponseWriter, r *http.Request) {
	var want model.NewClass
	if err := s.readJSON(w, r, &want); err != nil {
		s.fail(w, r, err)
		return
	}
	if !s.admit(w, r) {
		return
	}
	if want.Instructor == "" {
		want.Instructor = people.From(r.Context()).Name
	}
	class, err := s.classes.Make(r.Context(), want)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.noteClass(r, "class.make", class.Key, class.Title)
	w.Header().Set("Location", s.path(r, "/api/classes/"+class.Key))
	answer(w, http.StatusCreated, class)
}

func (s *Server) getClass(w http.ResponseWriter, r *http.Request) {
	class, err := s.classes.Get(r.Context(), keyOf(r))
	s.tell(w, r, class, err)
}

// tell answers with what was asked for, or why there is none.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, what any, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, what)
}

func (s *Server) changeClass(w http.ResponseWriter, r *http.Request) {
	var change model.ClassChange
	err := s.readJSON(w, r, &change)
	var class model.Class
	if err == nil {
		class, err = s.classes.Change(r.Context(), keyOf(r), change)
	}
	if err == nil {
		action := "class.change"
		if change.Frozen != nil && class.Frozen {
			action = "class.freeze"
		} else if change.Frozen != nil {
			action = "class.thaw"
		}
		s.noteClass(r, action, keyOf(r), class.FreezeText)
	}
	s.tell(w, r, class, err)
}

func (s *Server) closeClass(w http.ResponseWriter, r *http.Request) {
	class, err := s.classes.Close(r.Context(), keyOf(r))
	if err == nil {
		s.noteClass(r, "class.close", keyOf(r), "")
	}
	s.tell(w, r, class, err)
}

func (s *Server) watchClass(w http.ResponseWriter, r *http.Request) {
	told, err := s.classes.Follow(r.Context(), keyOf(r))
	if err == nil {
		defer told.Close()
	}
	serveTold(s, w, r, told, err)
}

func (s *Server) watchMembership(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" { // before it makes anybody online
		_, err := s.classes.Membership(r.Context(), keyOf(r))
		serveTold[model.MemberMessage](s, w, r, nil, err)
		return
	}
	told, err := s.classes.FollowMember(r.Context(), keyOf(r))
	if err == nil {
		defer told.Close()
	}
	serveTold(s, w, r, told, err)
}

func serveTold[M any](s *Server, w http.ResponseWriter, r *http.Request, told *classes.Stream[M], err error) {
	if err == nil && r.Header.Get("Upgrade") == "" {
		w.Header().Set("Upgrade", "websocket")
		err = &problem.Problem{Status: http.StatusUpgradeRequired, Detail: "The stream is a websocket."}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	stream.ServeLines(s.stream, w, r, func(ctx context.Context) ([]M, error) {
		messages, err := told.Next(ctx)
		for i := range messages {
			if m, ok := any(&messages[i]).(*model.MemberMessage); ok && m.You != nil {
				m.You.Session = s.pageOf(r, *m.You)
			}
		}
		if errors.Is(err, classes.ErrNotFound) {
			err = model.ErrNotFound
		}
		return messages, err
	})
}

// pushBytes bounds a push, of which a manifest is the most.
const pushBytes = 128 << 10

func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	var push model.Push
	body, err := s.readBody(w, r, pushBytes)
	if err == nil {
		err = parseJSON(body, &push)
	}
	var results []model.PushResult
	if err == nil {
		results, err = s.classes.Push(context.WithValue(r.Context(), originKey{}, r), keyOf(r), push)
	}
	if err == nil {
		s.noteClass(r, "class.push", keyOf(r), push.Kind)
	}
	if results == nil {
		results = []model.PushResult{}
	}
	s.tell(w, r, results, err)
}

func (s *Server) getResults(w http.ResponseWriter, r *http.Request) {
	results, err := s.classes.Results(r.Context(), keyOf(r))
	s.tell(w, r, results, err)
}

func (s *Server) getResultsCSV(w http.ResponseWriter, r *http.Request) {
	results, err := s.classes.Results(r.Context(), keyOf(r))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "podhop-class-" + classes.Short(keyOf(r)) + ".csv"}))
	h.Set("Cache-Control", "no-store")
	_ = classes.WriteCSV(w, results)
}

// ofMember answers what is done to a member.
func (s *Server) ofMember(action string, do func(ctx context.Context, key, mid string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := do(r.Context(), keyOf(r), chi.URLParam(r, "mid")); err != nil {
			s.fail(w, r, err)
			return
		}
		s.noteClass(r, action, keyOf(r), chi.URLParam(r, "mid"))
		w.WriteHeader(http.StatusNoContent)
	}
}

// viewFor answers with a view of a member's session.
func (s *Server) viewFor(action string, do func(ctx context.Context, key, mid string) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		view, err := do(r.Context(), keyOf(r), chi.URLParam(r, "mid"))
		if err == nil {
			s.noteClass(r, action, keyOf(r), chi.URLParam(r, "mid"))
		}
		s.tell(w, r, model.ClassView{View: view, URL: s.path(r, "/s/"+url.PathEscape(view))}, err)
	}
}

// getJoin says what a code leads to. Who guesses is counted.
func (s *Server) getJoin(w http.ResponseWriter, r *http.Request) {
	if !s.mayGuess(w, r) {
		return
	}
	info, err := s.classes.JoinInfo(r.Context(), chi.URLParam(r, "code"))
	if errors.Is(err, classes.ErrNotFound) {
		s.wrongGuess(r)
	}
	s.tell(w, r, info, err)
}

func (s *Server) join(w http.ResponseWriter, r *http.Request) {
	var want model.NewMember
	if err := s.readJSON(w, r, &want); err != nil {
		s.fail(w, r, err)
		return
	}
	if !s.mayGuess(w, r) {
		return
	}
	// Who has no code is told so before anything that admitting takes.
	_, err := s.classes.JoinInfo(r.Context(), want.Code)
	if errors.Is(err, classes.ErrNotFound) {
		s.wrongGuess(r)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !s.admitTo(w, r, "join "+strings.ToLower(want.Code+" "+want.Name)) { // how many there can be, the class says
		return
	}
	joined, err := s.classes.Join(r.Context(), want)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", s.path(r, "/api/members/"+joined.Key))
	answer(w, http.StatusCreated, joined)
}
