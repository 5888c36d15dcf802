package classes

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/podhop/podhop/engine/model"
)

const (
	// beat is how often a server says that a member's page is open, and absent how long that holds:
	// the server may have died.
	beat, absent = 20 * time.Second, 65 * time.Second
	// patience is how long a question for the keyboard waits for an answer.
	patience = time.Minute
)

const theInstructor = "the instructor"

// public is a class as whoever has the key is told of it; without a key, as members are.
func (d classDoc) public(key string, kept time.Duration) model.Class {
	class := model.Class{Key: key, Code: shownCode(d.Code), Title: d.Title, Instructor: cmp.Or(d.Instructor, theInstructor), Lessons: d.Lessons, Size: d.Size,
		Members: d.Members, Made: stamp(d.Made), Until: stamp(d.Until), Open: d.Open && d.Closed.IsZero(), Frozen: d.Frozen, FreezeText: d.FreezeText}
	if class.Lessons == nil {
		class.Lessons = []string{}
	}
	if !d.Closed.IsZero() {
		class.Code, class.Closed, class.KeptUntil = "", stamp(d.Closed), stamp(d.Closed.Add(kept))
	}
	return class
}

// member is a member as the instructor sees them.
func (d memberDoc) member(now time.Time) model.Member {
	m := model.Member{ID: d.ID, Name: d.Name, Joined: stamp(d.Joined), Online: d.Online && now.Sub(d.LastSeen) < absent, LastSeen: stamp(laterOf(d.LastSeen, d.Active)),
		IdleSince: stamp(laterOf(d.Active, d.Joined)), Session: short(d.Session), Lesson: d.Lesson, Step: d.Step, StepSince: stamp(d.StepSince),
		Failing: d.failing(), Attempts: d.Attempts, Errors: d.Errors, LastError: d.LastError, LastErrorAt: stamp(d.ErrorAt), Help: d.Help.told(),
		Looking: d.View != "", View: d.View, Control: d.control(now), Done: d.done()}
	if l := d.Lessons[d.Lesson]; l != nil {
		m.Steps, m.Passed, m.Hints = l.Steps, len(l.Passed), l.Hints
	}
	return m
}

// membership is a member as they see themselves.
func (d memberDoc) membership(class classDoc, kept time.Duration, now time.Time) model.Membership {
	m := model.Membership{ID: d.ID, Name: d.Name, Class: class.public("", kept), SessionID: d.Session, Lesson: d.Lesson, Step: d.Step, Done: d.done(),
		Help: d.Help.told(), Control: d.control(now)}
	if d.View != "" || m.Control != "" {
		m.Looking = m.Class.Instructor
	}
	if m.Control == "asked" {
		m.AnswerIn = int((patience - now.Sub(d.AskedAt)).Seconds())
	}
	return m
}

// control is asked only as long as it may be answered.
func (d memberDoc) control(now time.Time) string {
	if d.Control == "asked" && now.Sub(d.AskedAt) >= patience {
		return ""
	}
	return d.Control
}

func (d memberDoc) failing() (failing []model.FailingCheck) {
	for _, i := range slices.Sorted(maps.Keys(d.Checks)) {
		if check := d.Checks[i]; !check.Passed {
			failing = append(failing, model.FailingCheck{Check: i, Title: check.Title, Saw: check.Saw})
		}
	}
	return failing
}

func (d memberDoc) done() map[string]int {
	done := map[string]int{}
	for slug, l := range d.Lessons {
		done[slug] = len(l.Passed)
	}
	return done
}

func (h *helpDoc) told() *model.Help {
	if h == nil {
		return nil
	}
	return &model.Help{Since: stamp(h.Since), Text: h.Text}
}

// short is as much of a session's ID as tells it from others and opens nothing.
func short(id string) string { return id[:min(len(id), 8)] }

func laterOf(times ...time.Time) (latest time.Time) {
	for _, t := range times {
		if t.After(latest) {
			latest = t
		}
	}
	return latest
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
