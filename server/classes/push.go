package classes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/podhop/podhop/engine/model"
)

const (
	// manifestBytes bounds a manifest that is sent.
	manifestBytes = 48 << 10
	// pushesAtOnce, and one a second, is what a class may be sent.
	pushesAtOnce = 30
	// inSessions is in how many sessions something is done at a time, and doTime how long it may take in one.
	inSessions = 4
	doTime     = time.Minute
)

// Push sends something to members, and answers what came of it at each. Whoever has no session cannot have
// anything done in it, and is told so by their result.
func (c *Classes) Push(ctx context.Context, key string, push model.Push) ([]model.PushResult, error) {
	d, err := c.class(ctx, key)
	if err == nil && !d.Closed.IsZero() {
		err = errClosed
	}
	if err == nil {
		err = c.valid(d, &push)
	}
	if err != nil {
		return nil, err
	}
	members, err := c.recipients(d.ID, push.To)
	if err != nil {
		return nil, err
	}
	if !c.mayPush(d.ID) {
		return nil, fmt.Errorf("%w: at most one push a second is sent to a class", ErrTooOften)
	}
	ctx = context.WithoutCancel(ctx) // what was begun in some sessions is done in all
	results := c.deliver(ctx, key, members, push)
	d, err = changed(ctx, c, classAt(d.ID), func(d *classDoc) error {
		if !d.Closed.IsZero() {
			return errClosed
		}
		d.Notices++
		return nil
	})
	if err != nil {
		return nil, err
	}
	n := noticeDoc{N: d.Notices, Time: c.now().UTC(), To: push.To, By: d.Instructor, Push: push}
	n.Push.To = nil
	if inSession(push) {
		n.Results = map[string]model.PushResult{}
		for _, r := range results {
			r.Results = nil // they are long, and the instructor's
			n.Results[r.Member] = r
		}
	}
	if _, err := c.put(ctx, noticeAt(d.ID, n.N), n); err != nil {
		return nil, err
	}
	if n.N > noticesKept {
		if err := c.drop(ctx, noticeAt(d.ID, n.N-noticesKept)); err != nil {
			c.log.WarnContext(ctx, "an old notice was not removed", "err", err)
		}
	}
	return results, nil
}

// valid says what is wrong with a push, and cleans its texts.
func (c *Classes) valid(d classDoc, p *model.Push) (err error) {
	if p.Text, err = prose("text", p.Text, textRunes); err != nil {
		return err
	}
	if p.Apply && p.Kind != "manifest" {
		return invalid("apply", "is for manifests")
	}
	switch p.Kind {
	case "message", "hint":
		if p.Text == "" {
			return invalid("text", "must be said")
		}
	case "manifest":
		if strings.TrimSpace(p.Manifest) == "" {
			return invalid("manifest", "must be said")
		}
		if len(p.Manifest) > manifestBytes {
			return fmt.Errorf("%w: at most %d bytes of manifests are sent", model.ErrTooLarge, manifestBytes)
		}
	case "lesson", "step":
		return c.validStep(d, p)
	case "start-over":
	case "fault":
		if p.Fault == "" || len(p.Fault) > 600 {
			return invalid("fault", "must be the ID of a fault, such as dns or link.node.node-1")
		}
	default:
		return invalid("kind", "must be message, hint, manifest, lesson, step, start-over or fault, not %q", p.Kind)
	}
	return nil
}

func (c *Classes) validStep(d classDoc, p *model.Push) error {
	if p.Kind == "step" && p.Step < 1 {
		return invalid("step", "must be a whole number from 1")
	}
	if p.Lesson == "" && p.Kind == "step" {
		return nil // that which they are in
	}
	lesson, ok := c.cfg.Lesson(p.Lesson)
	if !ok || !d.has(p.Lesson) {
		return invalid("lesson", "must be one of the class's, not %q", p.Lesson)
	}
	if p.Step < 0 || p.Step > len(lesson.Steps) {
		return invalid("step", "must be a whole number between 1 and %d", len(lesson.Steps))
	}
	return nil
}

// recipients are the members that are meant, in the order of the class.
func (c *Classes) recipients(id string, to []string) ([]memberDoc, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	class := c.book.classes[id]
	if class == nil {
		return nil, nil
	}
	if len(to) > mostPlaces {
		return nil, invalid("to", "must be at most %d members", mostPlaces)
	}
	wanted := map[string]bool{}
	for i, member := range to {
		if class.members[member] == nil {
			return nil, invalid(fmt.Sprintf("to[%d]", i), "must be the ID of a member of the class")
		}
		wanted[member] = true
	}
	members := []memberDoc{}
	for _, id := range class.ids() {
		if len(to) == 0 || wanted[id] {
			members = append(members, class.members[id].doc)
		}
	}
	return members, nil
}

func (c *Classes) mayPush(class string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pushes[class] == nil {
		c.pushes[class] = rate.NewLimiter(rate.Every(time.Second), pushesAtOnce)
	}
	return c.pushes[class].AllowN(c.now(), 1)
}

// inSession is whether the server does it, rather than the learner's page.
func inSession(p model.Push) bool {
	return p.Kind == "fault" || p.Kind == "start-over" || p.Kind == "manifest" && p.Apply
}

// deliver does what is to be done in sessions, some at a time.
func (c *Classes) deliver(ctx context.Context, key string, members []memberDoc, push model.Push) []model.PushResult {
	results := make([]model.PushResult, len(members))
	now := c.now()
	var group errgroup.Group
	group.SetLimit(inSessions)
	for i, m := range members {
		results[i] = model.PushResult{Member: m.ID, Name: m.Name}
		if !inSession(push) {
			results[i].Done, results[i].Text = m.shown(push, now)
			continue
		}
		if m.Session == "" {
			results[i].Text = "They have no session now."
			continue
		}
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, doTime)
			defer cancel()
			c.do(ctx, key, m, push, &results[i])
			return nil
		})
	}
	_ = group.Wait()
	return results
}

// shown says what comes of what a member's page shows.
func (m memberDoc) shown(push model.Push, now time.Time) (bool, string) {
	if m.member(now).Online {
		return true, "It is on their page."
	}
	return false, fmt.Sprintf("They are not here now. It is shown to them if they come back within %d minutes.", replayed/time.Minute)
}

// do does a push in a member's session.
func (c *Classes) do(ctx context.Context, key string, m memberDoc, push model.Push, result *model.PushResult) {
	var err error
	switch push.Kind {
	case "fault":
		var settings model.FaultSettings
		if push.Settings != nil {
			settings = *push.Settings
		}
		var fault model.Fault
		if fault, err = c.cfg.Sessions.SetFault(ctx, key, m.Session, push.Fault, settings); err == nil {
			result.Text = fault.Text
		}
	case "start-over":
		_, err = c.cfg.Sessions.StartOver(ctx, key, m.Session, m.SessionFor)
		result.Text = "They have begun anew."
	default:
		if result.Results, err = c.cfg.Sessions.Apply(ctx, key, m.Session, push.Manifest); err == nil {
			result.Text, err = applied(result.Results)
		}
	}
	switch {
	case err == nil:
		result.Done = true
	case errors.Is(err, model.ErrNotFound):
		result.Text = "Their session is gone."
	default:
		result.Text = bounded(err.Error())
	}
}

// applied says what became of a manifest; that some was not taken is an error.
func applied(results []model.ApplyResult) (string, error) {
	bad := 0
	var first string
	for _, r := range results {
		if len(r.Errors) > 0 {
			if bad++; bad == 1 {
				first = r.Errors[0].Message
			}
		}
	}
	if bad > 0 {
		return "", fmt.Errorf("%d of %d objects were not taken: %s", bad, len(results), first)
	}
	return fmt.Sprintf("%d objects were applied.", len(results)), nil
}

// Frozen says whether changes of a session are refused, by whom and with what words. To who shows the key of the
// class they are not. By a view they are, the instructor's too: whose session it is can see its key.
func (c *Classes) Frozen(session, key string) (by, text string, frozen bool) {
	r, d, ok := c.of(session)
	if !ok || !d.Frozen || !d.Closed.IsZero() || isKey("class-", key) && hash(key) == r.class {
		return "", "", false
	}
	return cmp.Or(d.Instructor, theInstructor), d.FreezeText, true
}

// MemberKey is the key of the member whose session it is: for the page of the session, and nobody else.
func (c *Classes) MemberKey(session string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.book.sessions[session]
	if !ok {
		return "", false
	}
	m, ok := c.book.member(r)
	return m.Key, ok
}

// ByClass reports whether a key is that of the class of whose member a session is.
func (c *Classes) ByClass(session, key string) bool {
	r, _, ok := c.of(session)
	return ok && isKey("class-", key) && hash(key) == r.class
}
