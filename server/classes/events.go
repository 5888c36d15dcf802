package classes

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/podhop/podhop/engine/model"
)

// classEvents are what happened to a class, by what it was and is.
func classEvents(old, now classDoc) (events []model.ClassEvent) {
	if old.ID == "" { // it is read for the first time
		return nil
	}
	say := func(kind, text string) {
		events = append(events, model.ClassEvent{Time: stamp(laterOf(now.Closed, now.Changed)), Kind: kind, Text: text})
	}
	switch {
	case old.Closed.IsZero() && !now.Closed.IsZero():
		say("closed", "The class was closed")
	case !old.Frozen && now.Frozen:
		say("frozen", "All screens are frozen")
	case old.Frozen && !now.Frozen:
		say("thawed", "Screens are no longer frozen")
	}
	return events
}

// memberEvents are what a member did, by what was known of them and is: several at once, where they came
// quickly.
func memberEvents(old, now memberDoc) (events []model.ClassEvent) {
	at := laterOf(now.Active, now.LastSeen, now.Joined)
	say := func(kind, format string, args ...any) {
		events = append(events, model.ClassEvent{Time: stamp(at), Kind: kind, Member: now.ID, Name: now.Name, Text: now.Name + " " + fmt.Sprintf(format, args...)})
	}
	if old.ID == "" {
		at = now.Joined
		say("joined", "joined")
	}
	for _, slug := range sortedKeys(now.Lessons) {
		lesson, before := now.Lessons[slug], &lessonDoc{}
		if b := old.Lessons[slug]; b != nil {
			before = b
		} else {
			at = lesson.Begun
			say("begun", "began %s", cmp.Or(lesson.Title, slug))
		}
		at = laterOf(now.Active, lesson.Begun)
		for _, step := range lesson.Passed {
			if !slices.Contains(before.Passed, step) {
				say("passed", "passed step %d of %s", step, cmp.Or(lesson.Title, slug))
			}
		}
		if before.Done.IsZero() && !lesson.Done.IsZero() {
			at = lesson.Done
			say("done", "finished %s", cmp.Or(lesson.Title, slug))
		}
	}
	if now.Help != nil && (old.Help == nil || *old.Help != *now.Help) {
		at = now.Help.Since
		if now.Help.Text == "" {
			say("help", "asks for help")
		} else {
			say("help", "asks for help: %s", now.Help.Text)
		}
	}
	at = laterOf(now.AnsweredAt, now.AskedAt)
	switch {
	case now.Control == "given" && old.Control != "given":
		say("control", "gave the keyboard")
	case now.Control == "" && old.Control != "":
		say("control", "%s", cmp.Or(now.Answer, "has the keyboard"))
	}
	return events
}

func noticeEvent(n noticeDoc) model.ClassEvent {
	to := "all"
	if len(n.To) == 1 {
		to = "one member"
	} else if len(n.To) > 1 {
		to = fmt.Sprintf("%d members", len(n.To))
	}
	return model.ClassEvent{Time: stamp(n.Time), Kind: "push", Text: fmt.Sprintf("A %s was sent to %s", n.Push.Kind, to)}
}
