package classes

import (
	"context"
	"errors"
	"time"

	"github.com/podhop/podhop/server/keep"
)

// tidying is how often classes are looked at for those that are over; sooner, where one's end is known.
const tidying = 30 * time.Second

func (c *Classes) tidySoon() {
	select {
	case c.poke <- struct{}{}:
	default:
	}
}

// tidyUp closes classes that are over, ends the sessions of those that are closed, and forgets those that were
// kept for long enough, until ctx is done. Several servers may do so at once: each step may be done twice.
func (c *Classes) tidyUp(ctx context.Context) {
	select {
	case <-c.known:
	case <-ctx.Done():
	}
	for ctx.Err() == nil {
		timer := time.NewTimer(c.tidyIn())
		select {
		case <-c.poke:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
		for _, d := range c.all() {
			if err := c.tidy(ctx, d); err != nil && ctx.Err() == nil {
				c.log.WarnContext(ctx, "a class was not tidied up", "err", err)
			}
		}
	}
}

func (c *Classes) all() (all []classDoc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, class := range c.book.classes {
		if class.doc.ID != "" {
			all = append(all, class.doc)
		}
	}
	return all
}

// tidyIn is until something is to be done.
func (c *Classes) tidyIn() time.Duration {
	in := tidying
	for _, d := range c.all() {
		if d.Closed.IsZero() {
			in = min(in, max(0, d.Until.Sub(c.now())))
		}
	}
	return max(in, 100*time.Millisecond)
}

func (c *Classes) tidy(ctx context.Context, d classDoc) error {
	now := c.now()
	switch {
	case d.Closed.IsZero() && !now.Before(d.Until):
		if _, err := c.shut(ctx, d.ID); err != nil {
			return err
		}
		return c.endSessions(ctx, d)
	case d.Closed.IsZero():
		return nil
	case now.Sub(d.Closed) >= c.cfg.Kept:
		return c.forget(ctx, d)
	}
	return c.endSessions(ctx, d)
}

// endSessions ends what there is of a closed class's sessions and views, and its code.
func (c *Classes) endSessions(ctx context.Context, d classDoc) error {
	if d.Code != "" {
		if err := c.drop(ctx, codeAt(d.Code)); err != nil {
			return err
		}
	}
	members, err := c.recipients(d.ID, nil)
	if err != nil {
		return err
	}
	for _, m := range members { // one that cannot be ended now keeps no other
		if m.Session != "" || m.View != "" || m.Help != nil {
			err = errors.Join(err, c.endMember(ctx, ref{d.ID, m.ID}, m))
		}
	}
	if d.Code == "" || err != nil {
		return err
	}
	_, err = changed(ctx, c, classAt(d.ID), func(d *classDoc) error { d.Code = ""; return nil })
	return err
}

// endMember ends what a member of a closed class has.
func (c *Classes) endMember(ctx context.Context, r ref, m memberDoc) error {
	c.endLook(ctx, m)
	if err := c.end(ctx, m.Session); err != nil {
		return err
	}
	_, err := changed(ctx, c, r.at(), func(m *memberDoc) error {
		m.Session, m.Help = "", nil
		m.lookAway("", c.now().UTC())
		return nil
	})
	if errors.Is(err, ErrNotFound) { // they were removed
		err = nil
	}
	return err
}

// forget removes all documents of a class, itself last: what is interrupted is done again.
func (c *Classes) forget(ctx context.Context, d classDoc) error {
	all, err := c.store.List(ctx, classAt(d.ID)+"/")
	if err != nil {
		return err
	}
	members, err := c.recipients(d.ID, nil)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := c.drop(ctx, membershipAt(hash(m.Key))); err != nil {
			return err
		}
	}
	for _, document := range append(all, keep.Document{Key: classAt(d.ID)}) {
		if err := c.drop(ctx, document.Key); err != nil {
			return err
		}
	}
	c.mu.Lock()
	delete(c.pushes, d.ID)
	c.mu.Unlock()
	return nil
}
