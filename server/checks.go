package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons/check"
)

// kinds are those that a check may be of.
var kinds = []string{"object", "traffic", "trace", "script"}

// checks runs the checks of a lesson's step, or those of some kinds, so that a page may
// ask for those that only look whenever something was captured.
func (s *Server) checks(w http.ResponseWriter, r *http.Request, session Session) {
	var request model.CheckRequest
	if err := s.readJSON(w, r, &request); err != nil {
		s.fail(w, r, err)
		return
	}
	lesson, err := s.lesson(request.Lesson, request.Step)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	for _, k := range request.Kinds {
		if !slices.Contains(kinds, k) {
			s.fail(w, r, invalid("kinds", "must be of "+strings.Join(kinds, ", ")))
			return
		}
	}
	since, err := sinceOf(request.Since, time.Now())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	results, err := s.runChecks(r.Context(), session, request, lesson.Steps[request.Step-1].Checks, since)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.observer.Checked(realID(session), request.Lesson, request.Step, results)
	answer(w, http.StatusOK, results)
}

// runChecks answers in the order of the step's checks.
func (s *Server) runChecks(ctx context.Context, session Session, request model.CheckRequest, all []*check.Check, since time.Time) ([]model.CheckResult, error) {
	some := func(quiet bool) func(context.Context) []model.CheckResult {
		return func(ctx context.Context) (results []model.CheckResult) {
			for i, c := range all {
				if c.Quiet() == quiet && (len(request.Kinds) == 0 || slices.Contains(request.Kinds, c.Kind())) {
					results = append(results, runCheck(ctx, session, request, i+1, c, since))
				}
			}
			return results
		}
	}
	id := realID(session)
	release, err := s.turns.look(ctx, id)
	if err != nil {
		return nil, err
	}
	results := append([]model.CheckResult{}, some(true)(ctx)...)
	release()
	if slices.ContainsFunc(all, func(c *check.Check) bool {
		return !c.Quiet() && (len(request.Kinds) == 0 || slices.Contains(request.Kinds, c.Kind()))
	}) {
		// What they find does not hang on when the step was begun, and so they are the same for all.
		q := question{request.Lesson, request.Step, strings.Join(slices.Sorted(slices.Values(request.Kinds)), ",")}
		loud, err := s.turns.take(ctx, id, q, some(false))
		if err != nil {
			return nil, err
		}
		results = append(results, loud...)
	}
	slices.SortFunc(results, func(a, b model.CheckResult) int { return a.Check - b.Check })
	return results, nil
}
