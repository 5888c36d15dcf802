package server

import (
	"net/http"
	"strconv"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/problem"
)

// getChecks runs the checks of a lesson's step. With traffic=false those that would
// send packets are left out, so that a page can ask whenever something was captured.
func (s *Server) getChecks(w http.ResponseWriter, r *http.Request, session Session) {
	q := r.URL.Query()
	lesson, ok := s.cfg.Lesson(q.Get("lesson"))
	if !ok {
		s.fail(w, r, &problem.Problem{Type: typeNoLesson, Title: "No such lesson", Status: http.StatusNotFound,
			Detail: "There is no lesson of that name: its slug is in the address of its page."})
		return
	}
	step, err := strconv.Atoi(q.Get("step"))
	if err != nil || step < 1 || step > len(lesson.Steps) {
		s.fail(w, r, invalid("step", "must be a whole number between 1 and "+strconv.Itoa(len(lesson.Steps))))
		return
	}
	quiet := q.Get("traffic") == "false"
	results := []model.CheckResult{}
	for i, c := range lesson.Steps[step-1].Checks {
		if quiet && c.Traffic() {
			continue
		}
		result := c.Run(r.Context(), session)
		result.Check = i + 1
		results = append(results, result)
	}
	answer(w, http.StatusOK, results)
}
