package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/server/classes"
	"github.com/podhop/podhop/server/queue"
)

// The types of our problems. openapi.yaml lists them.
const (
	typeNoSession   = "urn:podhop:problem:no-session"
	typeLost        = "urn:podhop:problem:lost-session"
	typeNoSpace     = "urn:podhop:problem:no-space"
	typeNoJourney   = "urn:podhop:problem:no-journey"
	typeNoLesson    = "urn:podhop:problem:no-lesson"
	typeBusy        = "urn:podhop:problem:busy"
	typeNoRecording = "urn:podhop:problem:no-recording"
	typeNoClass     = "urn:podhop:problem:no-class"
	typeFrozen      = "urn:podhop:problem:frozen"
	typeNoNode      = "urn:podhop:problem:no-node"
	typeNoTerminal  = "urn:podhop:problem:no-terminal"
	typeNoTarget    = "urn:podhop:problem:no-target"
	typeConflict    = "urn:podhop:problem:conflict"
	typeInvalid     = "urn:podhop:problem:invalid"
	typeTooLarge    = "urn:podhop:problem:too-large"
	typeQuota       = "urn:podhop:problem:quota"
	typeFull        = "urn:podhop:problem:full"
	typeNoTicket    = "urn:podhop:problem:no-ticket"
	typeClosing     = "urn:podhop:problem:closing"
	typeNotReady    = "urn:podhop:problem:not-ready"
	typeRights      = "urn:podhop:problem:rights"
	typeNoView      = "urn:podhop:problem:no-view"
	typeCrossOrigin = "urn:podhop:problem:cross-origin"
	typeNotAllowed  = "urn:podhop:problem:not-allowed"
	typeTooOften    = "urn:podhop:problem:too-often"
	typeWork        = "urn:podhop:problem:work-wanted"
	typeAccess      = "urn:podhop:problem:access-token-wanted"
	typeTimeout     = "urn:podhop:problem:timeout"
	typeAway        = "urn:podhop:problem:away"

	titleInvalid = "Invalid request"
)

// problemOf is the one place where errors become answers.
func problemOf(err error) problem.Problem {
	own, field := new(problem.Problem), new(model.FieldError)
	switch {
	case errors.As(err, &own):
		return *own
	case errors.As(err, &field):
		return problem.Problem{Type: typeInvalid, Title: titleInvalid, Status: http.StatusUnprocessableEntity, Detail: field.Error() + ".",
			Errors: []problem.FieldError{{Field: field.Field, Detail: field.Detail}}}
	case errors.Is(err, classes.ErrNotFound):
		return problem.Problem{Type: typeNoClass, Title: "No such class", Status: http.StatusNotFound, Detail: "It was closed, its time was up, or it never was."}
	case errors.Is(err, classes.ErrTooOften):
		return problem.Problem{Type: typeTooOften, Title: "Too often", Status: http.StatusTooManyRequests, Detail: detail(err, classes.ErrTooOften)}
	case errors.Is(err, model.ErrTooLarge):
		return problem.Problem{Type: typeTooLarge, Title: "Too large", Status: http.StatusRequestEntityTooLarge, Detail: detail(err, model.ErrTooLarge)}
	case errors.Is(err, model.ErrInvalid):
		return problem.Problem{Type: typeInvalid, Title: titleInvalid, Status: http.StatusUnprocessableEntity, Detail: detail(err, model.ErrInvalid)}
	case errors.Is(err, model.ErrConflict):
		return problem.Problem{Type: typeConflict, Title: "Not now", Status: http.StatusConflict, Detail: detail(err, model.ErrConflict)}
	case errors.Is(err, queue.ErrGone):
		return problem.Problem{Type: typeNoTicket, Title: "No such place", Status: http.StatusNotFound,
			Detail: "There is no such ticket: it was used, nobody asked about it for half a minute, or its turn passed. Ask for a session anew."}
	case errors.Is(err, queue.ErrTooMany):
		return problem.Problem{Type: typeFull, Title: "No room", Status: http.StatusServiceUnavailable, Detail: "This server is full, and you wait for a place already, or very many do. Try again in some minutes."}
	case errors.Is(err, model.ErrFull):
		return problem.Problem{Type: typeFull, Title: "No room", Status: http.StatusServiceUnavailable, Detail: "This server holds as many sessions as it can. Try again in some minutes."}
	case errors.Is(err, model.ErrLost):
		return problem.Problem{Type: typeLost, Title: "It cannot be opened again", Status: http.StatusGone, Detail: detail(err, model.ErrLost)}
	case errors.Is(err, syscall.ENOSPC):
		return problem.Problem{Type: typeNoSpace, Title: "No space", Status: http.StatusInsufficientStorage, Detail: "The server's disk is full: a session that it cannot keep is not opened."}
	case errors.Is(err, model.ErrNotFound):
		return problem.Problem{Type: typeNoSession, Title: "No such session", Status: http.StatusNotFound, Detail: "It was closed, its time was up, or it never was."}
	case errors.Is(err, model.ErrClosed):
		return problem.Problem{Type: typeClosing, Title: "Closing", Status: http.StatusServiceUnavailable, Detail: "The session or the server is just closing."}
	case errors.Is(err, errBusy):
		return problem.Problem{Type: typeBusy, Title: "Too much at once", Status: http.StatusTooManyRequests,
			Detail: "The checks of many steps are waiting to be run in this session already. Try again in a moment."}
	case errors.Is(err, context.DeadlineExceeded):
		return problem.Problem{Type: typeTimeout, Title: "Took too long", Status: http.StatusGatewayTimeout, Detail: "The cluster did not answer in time."}
	}
	return problem.Problem{Status: http.StatusInternalServerError, Detail: "Something went wrong on our side; the server's log says what."}
}

// detail is err's text as a sentence, without the sentinel that the title says already.
func detail(err, sentinel error) string {
	text := strings.TrimPrefix(err.Error(), sentinel.Error()+": ")
	if text == "" {
		return text
	}
	return capital(text) + "."
}

// capital begins a sentence, which may begin with somebody's name.
func capital(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:]
}

// fail answers with err as a problem document.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if s.failWaiting(w, r, err) {
		return
	}
	p := problemOf(err)
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // whoever asked has gone
	}
	if p.Status == http.StatusInternalServerError {
		s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	}
	if p.Status == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "1")
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "10")
	}
	problem.Write(w, p)
}

// failPage answers a browser: with a page.
func (s *Server) failPage(w http.ResponseWriter, r *http.Request, err error) {
	if s.sendToWait(w, r, err) {
		return
	}
	p := problemOf(err)
	switch {
	case p.Type == typeNoSession:
		s.cfg.Pages.Gone(w, r)
		return
	case p.Status == http.StatusInternalServerError:
		s.log.ErrorContext(r.Context(), "page failed", "method", r.Method, "path", r.URL.Path, "err", err)
	case p.Status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "10")
	}
	s.cfg.Pages.Error(w, r, p.Status, p.Title, p.Detail)
}

// senderError says which field it is that names nothing.
func senderError(err error) error {
	if errors.Is(err, model.ErrNotFound) {
		return invalid("from", err.Error())
	}
	return err
}

// nodeError says that it is the node that is not there, not the session.
func nodeError(err error) error {
	if errors.Is(err, model.ErrNotFound) {
		return &problem.Problem{Type: typeNoNode, Title: "No such node", Status: http.StatusNotFound, Detail: detail(err, model.ErrNotFound)}
	}
	return err
}

func invalid(field, detail string) error {
	return invalidFields([]problem.FieldError{{Field: field, Detail: detail}})
}

func invalidFields(errs []problem.FieldError) error {
	details := make([]string, len(errs))
	for i, e := range errs {
		details[i] = e.Field + " " + e.Detail
	}
	return &problem.Problem{Type: typeInvalid, Title: titleInvalid, Status: http.StatusUnprocessableEntity, Detail: strings.Join(details, "; ") + ".", Errors: errs}
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	if wantsPage(r) {
		s.cfg.Pages.NotFound(w, r)
		return
	}
	problem.Write(w, problem.Problem{Status: http.StatusNotFound, Detail: "There is nothing at " + s.path(r, r.URL.Path) + ". " + s.path(r, "/api/openapi.yaml") + " lists what there is."})
}

func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		lookup := method
		if method == "HEAD" {
			lookup = "GET" // which answers it
		}
		if s.router.Match(chi.NewRouteContext(), lookup, r.URL.Path) {
			allowed = append(allowed, method)
		}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	problem.Write(w, problem.Problem{Status: http.StatusMethodNotAllowed, Detail: "What is at " + s.path(r, r.URL.Path) + " takes " + strings.Join(allowed, ", ") + "."})
}

func (s *Server) crossOrigin(w http.ResponseWriter, r *http.Request) {
	problem.Write(w, problem.Problem{Type: typeCrossOrigin, Title: "Cross-origin request", Status: http.StatusForbidden,
		Detail: "A page of another site asked for this. Only our own pages may change something."})
}

// wantsPage tells browsers that follow a link from programs.
func wantsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}
