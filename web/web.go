// Package web is the pages that learners see: templ components, and the bundle
// that web/build makes of web/app.
//
// It must know nothing of how sessions are opened or where they run: the server
// does that, and asks here for a page about it.
package web

//go:generate go run ./build -root ..
//go:generate go tool templ generate

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/basepath"
	"github.com/podhop/podhop/lessons"
)

// Config is what the pages are made from.
type Config struct {
	// Lessons are those that there are now; nil if there are none, ever.
	Lessons func() lessons.Library
	// Mistakes are what is wrong with others, which did not load; nil if that is not to be shown.
	Mistakes func() []error
	// Logger is told of pages that could not be written; slog.Default() if nil.
	Logger *slog.Logger
}

// mistakesShown is how many mistakes of lessons the first page lists.
const mistakesShown = 20

// Web answers with pages. Its methods may be called at the same time.
type Web struct {
	library  func() lessons.Library
	mistakes func() []error
	log      *slog.Logger
}

// New returns the pages for a configuration.
func New(cfg Config) *Web {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Lessons == nil {
		cfg.Lessons = func() lessons.Library { return lessons.Library{} }
	}
	if cfg.Mistakes == nil {
		cfg.Mistakes = func() []error { return nil }
	}
	return &Web{library: cfg.Lessons, mistakes: cfg.Mistakes, log: cfg.Logger}
}

// Index answers GET /: the lessons, and a way into a playground.
func (web *Web) Index(w http.ResponseWriter, r *http.Request) {
	web.write(w, r, http.StatusOK, indexPage(web.library(), web.mistakes()))
}

// Front answers GET /playground (an empty slug) and GET /lessons/{slug}: what it
// is, and a button that opens a session. A GET opens none, because browsers and
// chat programs fetch links that nobody followed.
func (web *Web) Front(w http.ResponseWriter, r *http.Request, slug string) {
	web.before(w, r, slug, frontPage)
}

// Embed answers GET /embed/playground (an empty slug) and /embed/lessons/{slug}: Front, for
// a frame in somebody else's page.
func (web *Web) Embed(w http.ResponseWriter, r *http.Request, slug string) {
	web.before(w, r, slug, embedPage)
}

// before answers with a page about a lesson, or with an empty slug about a playground.
func (web *Web) before(w http.ResponseWriter, r *http.Request, slug string, page func(lessons.Lesson) templ.Component) {
	lesson, ok := web.library().Lesson(slug)
	if slug != "" && !ok {
		web.NotFound(w, r)
		return
	}
	web.write(w, r, http.StatusOK, page(lesson))
}

// Learn answers GET /s/{id}: the learner's page. The query's lesson is the slug of
// the lesson shown beside the map, and step which of its steps, from 1. The seat says whose session
// it is, where it is that of a class's member, to whom it is shown.
func (web *Web) Learn(w http.ResponseWriter, r *http.Request, session model.Session, seat model.Seat) {
	slug := r.URL.Query().Get("lesson")
	library := web.library()
	lesson, ok := library.Lesson(slug)
	if slug != "" && !ok {
		detail := "Your cluster is still there: leave the lesson's name out of the address."
		if wrong := web.mistakes(); len(wrong) > 0 {
			detail += " Lessons with mistakes are left out: " + wrong[0].Error() + "."
		}
		web.Error(w, r, http.StatusNotFound, "There is no such lesson", detail)
		return
	}
	step, err := strconv.Atoi(r.URL.Query().Get("step"))
	if err != nil {
		step = 1
	}
	step = min(max(step, 1), max(len(lesson.Steps), 1))
	web.write(w, r, http.StatusOK, learnPage(learnData{Session: session, Lesson: lesson, Step: step, Samples: library.Samples, All: library.Lessons, Embedded: embedded(r), Seat: seat, Base: basepath.Of(r.Context())}))
}

// Ports answers GET /s/{id}/ports: where the session's ports are.
func (web *Web) Ports(w http.ResponseWriter, r *http.Request, session model.Session, graph model.Graph) {
	web.write(w, r, http.StatusOK, portsPage(portsOf(basepath.Of(r.Context()), session, graph)))
}

// Recording answers GET /recordings/{id}, and GET /recordings without an ID: the page that
// shows a recording, which its script fetches, or reads from a file.
func (web *Web) Recording(w http.ResponseWriter, r *http.Request, id string) {
	web.write(w, r, http.StatusOK, recordingPage(id))
}

// Error answers with a page that says what went wrong and where to go from there.
func (web *Web) Error(w http.ResponseWriter, r *http.Request, status int, title, detail string) {
	web.write(w, r, status, errorPage(title, detail))
}

// NotFound answers for addresses that lead nowhere.
func (web *Web) NotFound(w http.ResponseWriter, r *http.Request) {
	web.Error(w, r, http.StatusNotFound, "There is nothing here", "The address may be mistyped, or belong to something that has gone.")
}

// Gone answers for a session that was closed or whose time was up.
func (web *Web) Gone(w http.ResponseWriter, r *http.Request) {
	web.Error(w, r, http.StatusGone, "This cluster is no longer there", "It was closed, or its time was up. A new one takes a moment.")
}

// embedQuery is what addresses of pages in frames of other sites end in.
const embedQuery = "embed=true"

// embedded reports whether a page may be a frame of any other's. A page of a session is not
// in more danger there than elsewhere: who could lure somebody into clicking on it knows its
// address, and with that has all that it can do.
func embedded(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/embed/") || r.URL.Query().Get("embed") == "true"
}

// policy allows what the bundle needs and nothing else. The nonce is for the
// style sheet that CodeMirror makes as it runs.
func policy(nonce, ancestors string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce + "'; font-src 'self'; img-src 'self' data:; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors " + ancestors
}

func (web *Web) write(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	nonce := newNonce()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	ancestors := "'self'"
	if embedded(r) {
		ancestors = "*"
	}
	h.Set("Content-Security-Policy", policy(nonce, ancestors))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	if err := page.Render(templ.WithNonce(r.Context(), nonce), w); err != nil && r.Context().Err() == nil {
		web.log.Warn("page could not be written", "path", r.URL.Path, "error", err)
	}
}

func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawStdEncoding.EncodeToString(b[:])
}

// label is what a sample's button says: the comment that it begins with, or the
// kind of its first object, or how a Service is exposed.
func label(m lessons.Manifest) string {
	label := m.Name
	for line := range strings.Lines(m.Text) {
		line = strings.TrimRight(line, "\n")
		if text, ok := strings.CutPrefix(line, "# "); ok && label == m.Name {
			return text
		}
		if kind, ok := strings.CutPrefix(line, "kind:"); ok {
			label = strings.TrimSpace(kind)
		}
		if how, ok := strings.CutPrefix(line, "  type: "); ok && label == "Service" && how != "ClusterIP" {
			return how
		}
		if line == "---" {
			break
		}
	}
	return label
}

// at is the address of a path of this server.
func at(ctx context.Context, path string) string { return basepath.At(ctx, path) }

func nonceOf(ctx context.Context) string { return templ.GetNonce(ctx) }
