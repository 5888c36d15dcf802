package server

import (
	"net/http"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/begin"
	"github.com/podhop/podhop/server/audit"
)

func (s *Server) extend(w http.ResponseWriter, r *http.Request, session Session) {
	if err := session.Extend(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	s.noteSession(r, "session.extend", session.Info().ID, "")
	answer(w, http.StatusOK, s.address(r, session.Info()))
}

// startOver opens a session as the old one was opened, with what the lesson begins
// with if the query names one.
func (s *Server) startOver(w http.ResponseWriter, r *http.Request, old Session) {
	var lesson lessons.Lesson
	if slug := r.URL.Query().Get("lesson"); slug != "" {
		var ok bool
		if lesson, ok = s.cfg.Lesson(slug); !ok {
			s.fail(w, r, noLesson())
			return
		}
	}
	if s.draining.Load() {
		s.fail(w, r, errDraining)
		return
	}
	defer s.metrics.opening()()
	session, err := s.cfg.Engine.StartOver(r.Context(), old.Info().ID, func(session Session) error {
		if err := s.furnish(r, session, lesson); err != nil {
			return err
		}
		// Who looks on goes along, and before they are told that the old one is gone. So does whose it is.
		if err := s.views.Move(r.Context(), old.Info().ID, session.Info().ID); err != nil {
			return err
		}
		s.observer.Replaced(r.Context(), old.Info().ID, session.Info().ID)
		return nil
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.noteSession(r, "session.start-over", old.Info().ID, "as "+audit.Short(session.Info().ID))
	info := s.address(r, session.Info())
	w.Header().Set("Location", s.path(r, "/api/sessions/"+info.ID))
	answer(w, http.StatusCreated, info)
}

// furnish applies what a lesson begins with, has its manifests be files on the learner's
// machine, and puts its other files there.
func (s *Server) furnish(r *http.Request, session Session, lesson lessons.Lesson) error {
	ctx := r.Context()
	session.HomeFiles(lesson.Manifests())
	if err := begin.Lesson(ctx, session, lesson, s.portsOf(r, session.Info().ID)); err != nil { // the cluster is worth having without
		s.log.ErrorContext(ctx, "the lesson's files were not put on the learner's machine", "lesson", lesson.Slug, "err", err)
	}
	start := lesson.StartYAML()
	if len(start) == 0 {
		return nil
	}
	var results []model.ApplyResult
	results, err := session.Apply(ctx, start)
	for _, result := range results {
		for _, e := range result.Errors { // the lesson's own fault, which its tests should have found
			s.log.ErrorContext(ctx, "the lesson's start was not taken", "lesson", lesson.Slug, "line", e.Line, "err", e.Message)
		}
	}
	return err
}

func noLesson() error {
	return &problem.Problem{Type: typeNoLesson, Title: "No such lesson", Status: http.StatusNotFound,
		Detail: "There is no lesson of that name: its slug is in the address of its page."}
}
