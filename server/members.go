package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/inproc"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/server/classes"
	"github.com/podhop/podhop/server/people"
	"github.com/podhop/podhop/server/queue"
	"github.com/podhop/podhop/server/views"
)

func (s *Server) getMembership(w http.ResponseWriter, r *http.Request) {
	m, err := s.membership(r)
	s.tell(w, r, m, err)
}

// membership is whose key a request has. A session whose time was up is theirs no more from then on: they may open
// another.
func (s *Server) membership(r *http.Request) (model.Membership, error) {
	m, err := s.classes.Membership(r.Context(), keyOf(r))
	if err == nil && m.SessionID != "" && !(sessionsOfMembers{s}).There(r.Context(), m.SessionID) {
		s.classes.Closed(r.Context(), m.SessionID)
		m, err = s.classes.Membership(r.Context(), keyOf(r))
	}
	m.Session = s.pageOf(r, m)
	return m, err
}

// pageOf is the path of the page of a member's session.
func (s *Server) pageOf(r *http.Request, m model.Membership) string {
	if m.SessionID == "" {
		return ""
	}
	page := url.URL{Path: s.path(r, "/s/"+m.SessionID)}
	if m.Lesson != "" {
		page.RawQuery = url.Values{"lesson": {m.Lesson}}.Encode()
	}
	return page.String()
}

func (s *Server) askHelp(w http.ResponseWriter, r *http.Request) {
	var want model.HelpRequest
	err := s.readJSON(w, r, &want)
	if err == nil {
		err = s.classes.Help(r.Context(), keyOf(r), want)
	}
	s.done(w, r, err)
}

func (s *Server) consent(w http.ResponseWriter, r *http.Request) {
	var consent model.Consent
	err := s.readJSON(w, r, &consent)
	if err == nil {
		err = s.classes.Consent(r.Context(), keyOf(r), consent.Yes)
	}
	if m, known := s.classes.Membership(r.Context(), keyOf(r)); err == nil && known == nil {
		s.noteSession(r, "class.consent", m.SessionID, map[bool]string{true: "given", false: "refused"}[consent.Yes])
	}
	s.done(w, r, err)
}

func (s *Server) takeControl(w http.ResponseWriter, r *http.Request) {
	s.done(w, r, s.classes.TakeControl(r.Context(), keyOf(r)))
}

// done answers that there is nothing to say, or why it was not done.
func (s *Server) done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// errAnswered is why there is nothing more to answer.
var errAnswered = errors.New("it was answered")

// openMemberSession has a member have a session for a lesson, by which the class knows what they do.
func (s *Server) openMemberSession(w http.ResponseWriter, r *http.Request) {
	var want model.MemberSession
	if err := s.readJSON(w, r, &want); err != nil {
		s.fail(w, r, err)
		return
	}
	ctx := context.WithValue(r.Context(), originKey{}, r)
	id, err := s.classes.OpenSession(ctx, keyOf(r), want.Lesson, func() (string, error) {
		if !s.admitTo(w, r, keyOf(r)) {
			return "", errAnswered
		}
		id, err := s.openFor(r, want.Lesson)
		if at := new(queue.Place); errors.As(err, &at) { // if a session of theirs makes room, they are in the queue already
			r = r.WithContext(holding(r.Context(), at.Ticket))
			err = fmt.Errorf("%w: %w", model.ErrFull, err)
		}
		return id, err
	})
	if errors.Is(err, errAnswered) {
		return
	}
	var info model.Session
	if err == nil {
		err = s.within(ctx, "", http.MethodGet, "/api/sessions/"+url.PathEscape(id), nil, &info)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", s.path(r, "/api/sessions/"+info.ID))
	answer(w, http.StatusCreated, info)
}

// openFor opens a session with what a lesson begins with; without a slug, one without a lesson.
func (s *Server) openFor(r *http.Request, slug string) (string, error) {
	var lesson lessons.Lesson
	if slug != "" {
		var ok bool
		if lesson, ok = s.cfg.Lesson(slug); !ok {
			return "", noLesson()
		}
	}
	session, err := s.open(asMember(r.Context()), withOptions(model.SessionOptions{}, lesson.Options))
	if err != nil {
		return "", err
	}
	if err := s.furnish(r, session, lesson); err != nil {
		_ = session.Close()
		return "", err
	}
	s.noteSession(r, "session.open", session.Info().ID, slug)
	return session.Info().ID, nil
}

// newClasses are the classes of the server's store.
func (s *Server) newClasses() *classes.Classes {
	return classes.New(classes.Config{Store: s.cfg.Store, Sessions: sessionsOfMembers{s}, Views: viewsOfMembers{s.views}, Log: s.log,
		Lesson: func(slug string) (classes.Lesson, bool) {
			l, ok := s.cfg.Lesson(slug)
			lesson := classes.Lesson{Title: l.Title}
			for _, step := range l.Steps {
				lesson.Steps = append(lesson.Steps, classes.Step{Checks: len(step.Checks), Hints: len(step.Hints)})
			}
			return lesson, ok
		}})
}

// viewsOfMembers are views as classes want them.
type viewsOfMembers struct{ *views.Views }

func (v viewsOfMembers) Make(ctx context.Context, session string, control bool, by string, until time.Time) (string, error) {
	rights := views.Look
	if control {
		rights = views.Control
	}
	return v.Views.Make(ctx, session, rights, by, until)
}

func (v viewsOfMembers) Revoke(ctx context.Context, key string) error {
	err := v.Views.Revoke(ctx, key)
	if errors.Is(err, views.ErrNotFound) {
		err = fmt.Errorf("%w: %w", model.ErrNotFound, err)
	}
	return err
}

// sessionsOfMembers does what is to be done in a member's session by the requests that their page would make:
// what is refused to that is refused here, in the same words.
type sessionsOfMembers struct{ *Server }

func (s sessionsOfMembers) path(id, rest string) string {
	return "/api/sessions/" + url.PathEscape(id) + rest
}

func (s sessionsOfMembers) StartOver(ctx context.Context, key, id, lesson string) (string, error) {
	query := ""
	if lesson != "" {
		query = "?" + url.Values{"lesson": {lesson}}.Encode()
	}
	var info model.Session
	err := s.within(ctx, key, http.MethodPost, s.path(id, "/start-over"+query), nil, &info)
	return info.ID, err
}

func (s sessionsOfMembers) Apply(ctx context.Context, key, id, manifest string) (results []model.ApplyResult, err error) {
	err = s.within(ctx, key, http.MethodPost, s.path(id, "/apply"), []byte(manifest), &results)
	return results, err
}

func (s sessionsOfMembers) SetFault(ctx context.Context, key, id, fault string, settings model.FaultSettings) (set model.Fault, err error) {
	body, err := json.Marshal(settings)
	if err == nil {
		err = s.within(ctx, key, http.MethodPut, s.path(id, "/faults/"+url.PathEscape(fault)), body, &set)
	}
	return set, err
}

// There takes a session for there that is on its way from one server to another.
func (s sessionsOfMembers) There(ctx context.Context, id string) bool {
	return !errors.Is(s.within(ctx, "", http.MethodGet, s.path(id, ""), nil, nil), model.ErrNotFound)
}

func (s sessionsOfMembers) Close(ctx context.Context, id string) error {
	return s.within(ctx, "", http.MethodDelete, s.path(id, ""), nil, nil)
}

// originKey is of the request for which another is made within the server.
type originKey struct{}

// within makes a request to the routes of this server, or of the one that has the session, and reads the answer. A session that is not there is
// model.ErrNotFound; another refusal is its problem.
func (s *Server) within(ctx context.Context, class, method, path string, body []byte, into any) error {
	ctx = context.WithValue(ctx, chi.RouteCtxKey, (*chi.Context)(nil)) // of a request of its own
	request, err := http.NewRequestWithContext(ctx, method, "http://podhop"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if class != "" {
		request.Header.Set(classKey, class)
	}
	if id := people.From(ctx).ID; id != "" { // for a server that does not know of who asks here
		request.Header.Set(personHeader, url.QueryEscape(id))
	}
	inside := &inproc.Transport{Handler: s.inside, Prepare: func(r *http.Request) *http.Request {
		if origin, ok := ctx.Value(originKey{}).(*http.Request); ok { // who asks finds the session as they find us
			r.Host, r.TLS, r.RemoteAddr = origin.Host, origin.TLS, origin.RemoteAddr
			if proto := origin.Header.Get("X-Forwarded-Proto"); proto != "" {
				r.Header.Set("X-Forwarded-Proto", proto)
			}
		}
		return r
	}}
	response, err := inside.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return refusal(response.StatusCode, answer)
	}
	if into == nil || len(answer) == 0 {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// refusal is the error that a problem was made of.
func refusal(code int, answer []byte) error {
	p := &problem.Problem{}
	if json.Unmarshal(answer, p) != nil || p.Status == 0 {
		p = &problem.Problem{Status: code, Title: http.StatusText(code)}
	}
	if p.Type == typeNoSession || p.Type == typeLost {
		return fmt.Errorf("the session: %w", model.ErrNotFound)
	}
	return p
}
