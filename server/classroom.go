package server

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/classes"
	"github.com/podhop/podhop/server/views"
)

// An observer is told what the server sees of sessions, and says which may not be changed. It is asked at
// every request, so it is quick.
type observer interface {
	// Acted says that whose session it is did something.
	Acted(session string)
	Checked(session, lesson string, step int, results []model.CheckResult)
	Moved(session string, p model.Progress)
	Applied(session string, results []model.ApplyResult)
	// Refused says what the session's API said to the learner's kubectl.
	Refused(session, text string)
	// Replaced says that another session, to which views were moved, took the place of one; Closed
	// that nothing did.
	Replaced(ctx context.Context, old, now string)
	Closed(ctx context.Context, session string)
	// Frozen says who has frozen a session, and with what words; not to who shows the key of the class. ByClass
	// reports whether a key is that.
	Frozen(session, key string) (by, text string, frozen bool)
	ByClass(session, key string) bool
}

var _ observer = (*classes.Classes)(nil)

// classKey is the header by which what an instructor does in a member's session is told from what the
// member does. No page sends it: this server does, to the one that has the session.
const classKey = "Podhop-Class-Key"

// classroom tells the observer that somebody does something in a session, and refuses changes of
// those that are frozen: of this API, and of the session's Kubernetes API as it is served here. What runs in the session goes
// on, and so do those who only read.
func (s *Server) classroom(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, kubernetes := sessionOf(r)
		if id == "" || !acts(r, kubernetes) {
			next.ServeHTTP(w, r)
			return
		}
		session, viewed := s.behind(id)
		key := r.Header.Get(classKey)
		if by, text, frozen := s.observer.Frozen(session, key); frozen && changes(r, kubernetes) {
			why := isFrozen(by, text)
			if kubernetes {
				status(w, why.Status, "Locked", why.Detail)
			} else {
				s.fail(w, r, why)
			}
			return
		}
		if !viewed && !s.observer.ByClass(session, key) && !byItself.MatchString(r.URL.Path) {
			s.observer.Acted(session)
		}
		next.ServeHTTP(w, r)
	})
}

// Refused is told what the API of a session said to its learner's kubectl: engine.Engine's OnRefusal. What
// somebody asks by a view is no mistake of the learner's.
func (s *Server) Refused(ctx context.Context, session, message string) {
	if _, viewed := ctx.Value(viewKey{}).(views.View); !viewed {
		s.observer.Refused(session, message)
	}
}

func isFrozen(by, text string) *problem.Problem {
	detail := capital(by) + " has frozen the screens of the class."
	if text != "" {
		detail += " " + text
	}
	return &problem.Problem{Type: typeFrozen, Title: "Frozen", Status: http.StatusLocked, Detail: detail}
}

var apiOfSession = regexp.MustCompile(`^/api/sessions/([^/]+)`)

// sessionOf is what names the session that a request is of, if there is one, and whether it is for its
// Kubernetes API.
func sessionOf(r *http.Request) (id string, kubernetes bool) {
	if id, _, ok := byPath(r.URL); ok {
		return id, true
	}
	if m := apiOfSession.FindStringSubmatch(r.URL.Path); m != nil {
		return m[1], false
	}
	for _, name := range []string{serverName(r), r.Host} {
		if id, ok := byName(name); ok {
			return id, true
		}
	}
	return "", false
}

// behind is the session that a name stands for, and whether that is a view's key.
func (s *Server) behind(id string) (session string, viewed bool) {
	if session, _, err := s.views.Resolve(id); err == nil {
		return session, true
	}
	return id, false
}

// reads are those methods that change nothing, but where a Kubernetes API takes them for more: see enters.
func reads(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

// enters are subresources by which somebody is in a pod, by whatever method; and those of kubelets.
var enters = regexp.MustCompile(`/(exec|attach|portforward)$|/proxy/(exec|attach|run|portForward|cri)/`)

// acts is whether a request is what somebody does, rather than what a page does by itself.
func acts(r *http.Request, kubernetes bool) bool {
	return !reads(r) || kubernetes && (enters.MatchString(r.URL.Path) || strings.HasPrefix(r.UserAgent(), "kubectl/"))
}

// byItself is what a page does though nobody does anything.
var byItself = regexp.MustCompile(`^/api/sessions/[^/]+/(checks|presenting)$`)

// tries are requests that change nothing of a session though they are no GET.
var tries = regexp.MustCompile(`^/api/sessions/[^/]+/(checks|what-if|progress|presenting|extend|recording|views(/[^/]+)?)$`)

// asks are questions of Kubernetes' that are written as objects.
var asks = regexp.MustCompile(`/apis/(authorization|authentication)\.k8s\.io/`)

// changes is whether a request may change a session.
func changes(r *http.Request, kubernetes bool) bool {
	switch {
	case kubernetes && enters.MatchString(r.URL.Path):
		return true
	case reads(r):
		return false
	case kubernetes:
		return !asks.MatchString(r.URL.Path)
	}
	dry, _, err := dryRun(r.URL.Query())
	return !tries.MatchString(r.URL.Path) && !(dry && err == nil && strings.HasSuffix(r.URL.Path, "/apply"))
}

// typed is asked before what somebody types into a terminal is taken.
func (s *Server) typed(r *http.Request) bool {
	id, _ := sessionOf(r)
	session, viewed := s.behind(id)
	if _, _, frozen := s.observer.Frozen(session, ""); frozen {
		return false
	}
	if !viewed {
		s.observer.Acted(session)
	}
	return true
}

// tellProgress takes down where in a lesson a page is.
func (s *Server) tellProgress(w http.ResponseWriter, r *http.Request, session Session) {
	var p model.Progress
	err := s.readJSON(w, r, &p)
	if err == nil {
		_, err = s.lesson(p.Lesson, p.Step)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if _, viewed := viewOf(r); !viewed { // an instructor who looks reads on their own account
		s.observer.Moved(realID(session), p)
	}
	w.WriteHeader(http.StatusNoContent)
}
