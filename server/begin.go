package server

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/begin"
	"github.com/podhop/podhop/server/views"
)

// beginStep runs the scripts that a step begins with, the first time that it is begun.
func (s *Server) beginStep(w http.ResponseWriter, r *http.Request, session Session) {
	var request model.StepRequest
	if err := s.readJSON(w, r, &request); err != nil {
		s.fail(w, r, err)
		return
	}
	lesson, err := s.lesson(request.Lesson, request.Step)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	begun, err := begin.Step(r.Context(), session, lesson, request.Step)
	if errors.Is(err, begin.ErrMachine) { // its disk is full, or its processes are too many
		err = fmt.Errorf("%w: %w", model.ErrConflict, err)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, begun)
}

// lesson finds a lesson that has such a step, from 1.
func (s *Server) lesson(slug string, step int) (lessons.Lesson, error) {
	l, ok := s.cfg.Lesson(slug)
	if !ok {
		return l, noLesson()
	}
	if step < 1 || step > len(l.Steps) {
		return l, invalid("step", "must be a whole number between 1 and "+strconv.Itoa(len(l.Steps)))
	}
	return l, nil
}

// portsOf is the address of a port of a session's first host, as whoever asks has it,
// with PORT where the number belongs.
func (s *Server) portsOf(r *http.Request, id string) string {
	return here(r) + s.path(r, "/s/"+url.PathEscape(id)+"/port/host1/PORT/")
}

// here is this server's address without a path, as whoever asks has it.
func here(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// portsPage leads to the session's ports; with a host and a port, to that.
func (s *Server) portsPage(w http.ResponseWriter, r *http.Request) {
	session, rights, err := s.find(r, chi.URLParam(r, "id"))
	if err == nil {
		err = may(rights, views.Control) // ports are to be used, and who looks on uses nothing
	}
	if err != nil {
		s.failPage(w, r, err)
		return
	}
	r, done := s.through(r, session)
	defer done()
	info := s.address(r, session.Info())
	if host, port := r.URL.Query().Get("host"), r.URL.Query().Get("port"); host != "" && port != "" {
		http.Redirect(w, r, info.URL+"/port/"+url.PathEscape(host)+"/"+url.PathEscape(port)+"/", http.StatusSeeOther)
		return
	}
	s.cfg.Pages.Ports(w, r, info, session.Graph())
}

// lessonFile serves a file that a lesson's text shows. It is a page of no site, should
// somebody look at it by itself.
func (s *Server) lessonFile(w http.ResponseWriter, r *http.Request) {
	lesson, ok := s.cfg.Lesson(chi.URLParam(r, "slug"))
	name, err := url.PathUnescape(chi.URLParam(r, "*"))
	if !ok || err != nil {
		s.notFound(w, r)
		return
	}
	data, err := lesson.Files.Read(name)
	if err != nil {
		s.notFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", typeOf(name))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	h.Set("Cache-Control", "no-cache") // an author may be at it
	if h.Get("Content-Type") == "application/octet-stream" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(name)}))
	}
	_, _ = w.Write(data)
}

// typeOf is a file's type as far as browsers show it; what else there is is text, if it
// is called so, or something to keep.
func typeOf(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".avif":
		return "image/avif"
	case ".svg":
		return "image/svg+xml"
	case ".yaml", ".yml", ".json", ".txt", ".md", ".sh", ".conf", ".toml", ".go", ".py", ".js", ".ts", ".html", ".css", ".xml", ".log", "":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
