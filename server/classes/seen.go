package classes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/printable"
)

// What the server sees in sessions comes here. Sessions that are no member's cost a look into a map.

// errorRunes bounds what is kept of an error, and of what a check saw.
const errorRunes = 300

// of finds whose a session is.
func (c *Classes) of(session string) (r ref, class classDoc, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok = c.book.sessions[session]; ok {
		class = c.book.classes[r.class].doc
	}
	return r, class, ok
}

// note writes down what was seen in a session, if it is a member's of a class that goes on.
func (c *Classes) note(session string, change func(*memberDoc)) {
	if r, class, ok := c.of(session); ok && class.Closed.IsZero() {
		c.pen.note(r, change)
	}
}

// Acted says that the learner did something in a session.
func (c *Classes) Acted(session string) {
	if r, class, ok := c.of(session); ok && class.Closed.IsZero() {
		c.pen.act(r, c.now().UTC())
	}
}

// Checked says what checks of a step said.
func (c *Classes) Checked(session, slug string, step int, results []model.CheckResult) {
	lesson, ok := c.cfg.Lesson(slug)
	if !ok || step < 1 || step > len(lesson.Steps) || len(results) == 0 {
		return
	}
	now := c.now().UTC()
	c.note(session, func(m *memberDoc) { m.checked(now, slug, lesson, step, results) })
}

// Moved says where in a lesson the learner's page is, and what they unfolded there. Who claims to be
// somewhere is there; only checks say that something is done.
func (c *Classes) Moved(session string, p model.Progress) {
	lesson, ok := c.cfg.Lesson(p.Lesson)
	if !ok || p.Step < 1 || p.Step > len(lesson.Steps) {
		return
	}
	now := c.now().UTC()
	c.note(session, func(m *memberDoc) {
		m.Active = laterOf(m.Active, now)
		l := m.at(now, p.Lesson, lesson, p.Step)
		if p.Hint > 0 && p.Hint <= lesson.Steps[p.Step-1].Hints {
			l.unfold(fmt.Sprintf("%d.%d", p.Step, p.Hint))
		}
		if p.Solution {
			l.unfold(fmt.Sprintf("%d.solution", p.Step))
		}
	})
}

// Applied says what came of a paste of the learner's.
func (c *Classes) Applied(session string, results []model.ApplyResult) {
	bad, text := 0, ""
	for _, r := range results {
		if len(r.Errors) > 0 {
			bad++
			text = r.Errors[0].Message
		}
	}
	now := c.now().UTC()
	c.note(session, func(m *memberDoc) {
		m.Active = laterOf(m.Active, now)
		if bad > 0 {
			m.failed(now, bad, bounded(text))
		}
	})
}

// Refused says what the session's API said to the learner's kubectl, which it refused.
func (c *Classes) Refused(session, text string) {
	r, class, ok := c.of(session)
	if !ok || !class.Closed.IsZero() {
		return
	}
	now := c.now().UTC()
	text = bounded(text)
	c.pen.refuse(r, func(m *memberDoc) { m.failed(now, 1, text) })
}

// failed counts errors of a member's, the latest of which said so.
func (m *memberDoc) failed(now time.Time, n int, text string) {
	m.Errors, m.LastError, m.ErrorAt = m.Errors+n, text, now
	if l := m.Lessons[m.Lesson]; l != nil {
		l.Errors += n
	}
}

// Replaced says that another session took the place of one, and that its views are of that one: it is the
// member's now.
func (c *Classes) Replaced(ctx context.Context, old, now string) {
	c.rebind(ctx, old, now)
}

// Closed says that a session was ended.
func (c *Classes) Closed(ctx context.Context, session string) { c.rebind(ctx, session, "") }

// rebind has a member's session be another, or none: then who looked at it has nothing to look at.
func (c *Classes) rebind(ctx context.Context, old, now string) {
	r, _, ok := c.of(old)
	if !ok {
		return
	}
	ctx = context.WithoutCancel(ctx) // it has happened
	view := ""
	_, err := changed(ctx, c, r.at(), func(m *memberDoc) error {
		view = ""
		if m.Session != old {
			return nil
		}
		if m.Session = now; now == "" {
			view = m.View
			m.lookAway("has no session any more", c.now().UTC())
		}
		m.Checks, m.Attempts = nil, 0
		return nil
	})
	if err == nil {
		err = c.revoke(ctx, view)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		c.log.WarnContext(ctx, "a member's session was not bound to them", "err", err)
	}
}

// write is what the pen does.
func (c *Classes) write(ctx context.Context, r ref, notes []func(*memberDoc)) error {
	_, err := changed(ctx, c, r.at(), func(m *memberDoc) error {
		for _, note := range notes {
			note(m)
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) { // they were removed
		return nil
	}
	if err != nil {
		c.log.WarnContext(ctx, "what a member did is not written down yet", "err", err)
	}
	return err
}

// at has a member be at a step, and answers what they have done in its lesson.
func (m *memberDoc) at(now time.Time, slug string, lesson Lesson, step int) *lessonDoc {
	if m.Lesson != slug || m.Step != step {
		m.Lesson, m.Step, m.StepSince = slug, step, now
		m.Checks, m.Attempts = nil, 0
	}
	l := m.Lessons[slug]
	if l == nil {
		l = &lessonDoc{Title: lesson.Title, Steps: len(lesson.Steps), Begun: now}
		for _, s := range lesson.Steps {
			if s.Checks > 0 {
				l.Checked++
			}
		}
		if m.Lessons == nil {
			m.Lessons = map[string]*lessonDoc{}
		}
		m.Lessons[slug] = l
	}
	return l
}

// checked is what checks of a step said. A step is passed once all its checks have passed together,
// and stays so, whatever becomes of the cluster later; an attempt is a run that finds something else than
// the one before, after the learner did something.
func (m *memberDoc) checked(now time.Time, slug string, lesson Lesson, step int, results []model.CheckResult) {
	l := m.at(now, slug, lesson, step)
	if m.Checks == nil {
		m.Checks = map[int]checkDoc{}
	}
	differs, all := false, true
	for _, r := range results {
		check := checkDoc{Title: r.Title, Saw: bounded(r.Saw), Passed: r.Passed}
		differs = differs || m.Checks[r.Check] != check
		m.Checks[r.Check] = check
	}
	for _, check := range m.Checks {
		all = all && check.Passed
	}
	want := lesson.Steps[step-1].Checks
	switch {
	case all && len(m.Checks) >= want && want > 0:
		if !slices.Contains(l.Passed, step) {
			l.Passed = append(l.Passed, step)
			slices.Sort(l.Passed)
			if len(l.Passed) >= l.Checked && l.Done.IsZero() {
				l.Done = now
			}
		}
	case !all && differs && m.Active.After(m.Tried) && !slices.Contains(l.Passed, step):
		m.Tried = now
		m.Attempts++
		l.Attempts++
	}
}

// unfold counts each hint once.
func (l *lessonDoc) unfold(what string) {
	if !slices.Contains(l.Unfolded, what) {
		l.Unfolded = append(l.Unfolded, what)
		l.Hints++
	}
}

func bounded(text string) string {
	text = printable.Clean(text)
	if runes := []rune(text); len(runes) > errorRunes {
		return string(runes[:errorRunes-1]) + "…"
	}
	return text
}
