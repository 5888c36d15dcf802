package classes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// Look makes a view of a member's session for the instructor, or answers the one that there is. The member
// is told while there is one.
func (c *Classes) Look(ctx context.Context, key, mid string) (view string, err error) {
	r, d, m, err := c.goingMember(ctx, key, mid)
	if err != nil {
		return "", err
	}
	if m.Session == "" || !c.there(ctx, m.Session) {
		return "", fmt.Errorf("%w: they have no session now", model.ErrConflict)
	}
	if m.View != "" {
		return m.View, nil
	}
	made, err := c.viewOf(ctx, d, m.Session, false)
	if err != nil {
		return "", err
	}
	now, err := changed(ctx, c, r.at(), func(now *memberDoc) error {
		if now.View == "" && now.Session == m.Session {
			now.View = made
		}
		return nil
	})
	if err == nil && now.View == "" {
		err = fmt.Errorf("%w: their session is just being replaced", model.ErrConflict)
	}
	if now.View != made { // somebody else was faster
		err = errors.Join(err, c.revoke(ctx, made))
	}
	return now.View, err
}

// there reports whether a member's session is there. One whose time was up is theirs no more from then on, nor are
// the views of it: nobody tells of that.
func (c *Classes) there(ctx context.Context, session string) bool {
	if c.cfg.Sessions.There(ctx, session) {
		return true
	}
	c.Closed(ctx, session)
	return false
}

// goingMember is member of a class that is not closed, and the class.
func (c *Classes) goingMember(ctx context.Context, key, mid string) (ref, classDoc, memberDoc, error) {
	d, err := c.class(ctx, key)
	if err == nil && !d.Closed.IsZero() {
		err = errClosed
	}
	if err != nil {
		return ref{}, d, memberDoc{}, err
	}
	r := ref{d.ID, mid}
	m, err := c.memberOf(ctx, r)
	return r, d, m, err
}

// LookAway ends the instructor's view of a member's session, and with it what control it had.
func (c *Classes) LookAway(ctx context.Context, key, mid string) error {
	r, _, err := c.member(ctx, key, mid)
	if err != nil {
		return err
	}
	view := ""
	if _, err := changed(ctx, c, r.at(), func(m *memberDoc) error {
		view = m.View
		m.lookAway("no longer lends the keyboard", c.now().UTC())
		return nil
	}); err != nil {
		return err
	}
	return c.revoke(ctx, view)
}

// lookAway is a member at whose session nobody looks. Why the keyboard is theirs again is said where it was
// not.
func (m *memberDoc) lookAway(why string, now time.Time) {
	if m.Control != "" {
		m.Answer, m.AnsweredAt = why, now
	}
	m.View, m.Control = "", ""
}

// endLook ends a view that a member's document is not to tell of any more.
func (c *Classes) endLook(ctx context.Context, m memberDoc) {
	if err := c.revoke(ctx, m.View); err != nil {
		c.log.WarnContext(ctx, "a view was not ended", "err", err)
	}
}

// revoke ends a view; one that is not there has ended.
func (c *Classes) revoke(ctx context.Context, view string) error {
	if view == "" {
		return nil
	}
	err := c.cfg.Views.Revoke(context.WithoutCancel(ctx), view)
	if errors.Is(err, model.ErrNotFound) || errors.Is(err, ErrNotFound) {
		err = nil
	}
	return err
}

// AskControl asks a member for the keyboard. The view that there is, or is made, has it when they say yes.
func (c *Classes) AskControl(ctx context.Context, key, mid string) (view string, err error) {
	if _, err := c.Look(ctx, key, mid); err != nil {
		return "", err
	}
	r, _, _, err := c.goingMember(ctx, key, mid)
	if err != nil {
		return "", err
	}
	asked := c.now().UTC()
	m, err := changed(ctx, c, r.at(), func(m *memberDoc) error {
		if m.control(asked) == "" {
			m.Control, m.AskedAt, m.Answer = "asked", asked, ""
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if m.AskedAt.Equal(asked) {
		time.AfterFunc(patience, func() { c.expire(r, asked) })
	}
	return m.View, nil
}

// expire takes a question back that nobody answered. If this server is gone by then, it is too old to be
// answered all the same.
func (c *Classes) expire(r ref, asked time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	_, err := changed(ctx, c, r.at(), func(m *memberDoc) error {
		if m.Control == "asked" && m.AskedAt.Equal(asked) {
			m.Control, m.Answer, m.AnsweredAt = "", "did not answer whether you may type", c.now().UTC()
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		c.log.WarnContext(ctx, "a question was not taken back", "err", err)
	}
}

// Consent answers the question for the keyboard. It fails with model.ErrConflict if nobody asks.
func (c *Classes) Consent(ctx context.Context, key string, yes bool) error {
	r, d, m, err := c.goingOn(ctx, key)
	if err != nil {
		return err
	}
	if m.control(c.now()) != "asked" {
		return errNobodyAsks
	}
	if !yes {
		_, err := changed(ctx, c, r.at(), func(m *memberDoc) error {
			if m.Control == "asked" {
				m.Control, m.Answer, m.AnsweredAt = "", "did not give the keyboard", c.now().UTC()
			}
			return nil
		})
		return err
	}
	return c.exchange(ctx, r, d, m, true, func(now *memberDoc) error {
		if now.control(c.now()) != "asked" {
			return errNobodyAsks
		}
		now.Control, now.AnsweredAt = "given", c.now().UTC()
		return nil
	})
}

var errNobodyAsks = fmt.Errorf("%w: nobody asks for the keyboard, or they asked more than a minute ago", model.ErrConflict)

// EndControl gives the keyboard back, and takes back a question for it.
func (c *Classes) EndControl(ctx context.Context, key, mid string) error {
	r, d, m, err := c.goingMember(ctx, key, mid)
	if err != nil {
		return err
	}
	return c.endControl(ctx, r, d, m, "has the keyboard back")
}

// TakeControl is the member's own EndControl.
func (c *Classes) TakeControl(ctx context.Context, key string) error {
	r, d, m, err := c.own(ctx, key)
	if err != nil {
		return err
	}
	return c.endControl(ctx, r, d, m, "took the keyboard back")
}

func (c *Classes) endControl(ctx context.Context, r ref, d classDoc, m memberDoc, why string) error {
	end := func(m *memberDoc) error {
		if m.Control != "" {
			m.Control, m.Answer, m.AnsweredAt = "", why, c.now().UTC()
		}
		return nil
	}
	if m.Control != "given" {
		_, err := changed(ctx, c, r.at(), func(m *memberDoc) error {
			if m.Control == "given" { // it was, just now
				return fmt.Errorf("%w: they just gave it: try again", model.ErrConflict)
			}
			return end(m)
		})
		return err
	}
	// First nobody may type any more, whatever comes of the rest.
	if err := c.revoke(ctx, m.View); err != nil {
		return err
	}
	return c.exchange(ctx, r, d, m, false, end)
}

// exchange makes a view of other rights, and has it take the place of the one that there was: of the session that
// is theirs by then, with which that has gone along.
func (c *Classes) exchange(ctx context.Context, r ref, d classDoc, m memberDoc, control bool, change func(*memberDoc) error) error {
	for range exchanges {
		if m.Session == "" || m.View == "" {
			return errNobodyLooks
		}
		made, err := c.viewOf(ctx, d, m.Session, control)
		if err != nil {
			return err
		}
		old := ""
		now, err := changed(ctx, c, r.at(), func(now *memberDoc) error {
			old = ""
			if now.Session != m.Session || now.View == "" {
				return nil
			}
			if err := change(now); err != nil {
				return err
			}
			old, now.View = now.View, made
			return nil
		})
		if err == nil && now.View == made {
			return c.revoke(ctx, old)
		}
		if err = errors.Join(err, c.revoke(ctx, made)); err != nil {
			return err
		}
		m = now
	}
	return fmt.Errorf("%w: the session is replaced again and again", model.ErrConflict)
}

// exchanges is how often exchange follows to another session.
const exchanges = 3

var errNobodyLooks = fmt.Errorf("%w: nobody looks at the session any more", model.ErrConflict)

// viewOf makes a view that is good for as long as the class may go on, if it is given more time too; it ends with
// the class before.
func (c *Classes) viewOf(ctx context.Context, d classDoc, session string, control bool) (key string, err error) {
	return c.cfg.Views.Make(ctx, session, control, cmp.Or(d.Instructor, theInstructor), d.Made.Add(lastsAtMost))
}
