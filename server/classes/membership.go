package classes

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// replayed is how old a notice may be that is told to a page that comes.
const replayed = 10 * time.Minute

// Membership is the member of a member's key.
func (c *Classes) Membership(ctx context.Context, key string) (model.Membership, error) {
	_, d, m, err := c.own(ctx, key)
	return m.membership(d, c.cfg.Kept, c.now()), err
}

// FollowMember tells a member's page of them, and makes them online while it lasts.
func (c *Classes) FollowMember(ctx context.Context, key string) (*Stream[model.MemberMessage], error) {
	r, _, m, err := c.own(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := c.arrive(r); err != nil {
		return nil, err
	}
	f, err := c.follow(r.class, r.member)
	if err != nil {
		c.leave(r)
		return nil, err
	}
	told := &toldMember{c: c, ref: r, follower: f, beat: time.NewTicker(beat), since: c.now().Add(-replayed), joined: m.Joined, notices: map[int]bool{}}
	return &Stream[model.MemberMessage]{next: told.next, close: func() {
		told.beat.Stop()
		c.unfollow(r.class, f)
		c.leave(r)
	}}, nil
}

// toldMember is a member as one page of theirs was told.
type toldMember struct {
	c        *Classes
	ref      ref
	follower *follower
	beat     *time.Ticker // one for all calls of next: who works is told of it more often
	since    time.Time
	joined   time.Time
	told     string
	notices  map[int]bool // those of the class that were told, or are none of theirs
}

func (t *toldMember) next(ctx context.Context) ([]model.MemberMessage, error) {
	for {
		select {
		case <-t.follower.ready:
		case <-t.beat.C:
			t.c.present(t.ref)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		messages, err := t.look()
		if err != nil || len(messages) > 0 {
			return messages, err
		}
	}
}

func (t *toldMember) look() (messages []model.MemberMessage, err error) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	t.follower.gone, t.follower.events = nil, nil
	clear(t.follower.members)
	class := t.c.book.classes[t.ref.class]
	m, ok := t.c.book.member(t.ref)
	if !ok || class.doc.ID == "" {
		return nil, ErrNotFound
	}
	you := m.membership(class.doc, t.c.cfg.Kept, t.c.now())
	lasting := you
	lasting.AnswerIn = 0 // that it is less is nothing new
	text, err := json.Marshal(lasting)
	if err != nil {
		return nil, err
	}
	if string(text) != t.told {
		t.told = string(text)
		messages = append(messages, model.MemberMessage{You: &you})
	}
	seen := map[int]bool{} // of two that are sent at once, the second may be there first
	for _, n := range class.notices {
		seen[n.N] = true
		if t.notices[n.N] {
			continue
		}
		if n.isFor(t.ref.member) && n.Time.After(t.since) && !n.Time.Before(t.joined) && n.shown() {
			messages = append(messages, model.MemberMessage{Notice: n.told(t.ref.member, class.doc)})
		}
	}
	t.notices = seen
	return messages, nil
}

// shown is whether a member is told of it: of what was broken in their session only if there are words for it.
func (n noticeDoc) shown() bool { return n.Push.Kind != "fault" || n.Push.Text != "" }

func (n noticeDoc) told(member string, class classDoc) *model.Notice {
	told := &model.Notice{ID: strconv.Itoa(n.N), Time: stamp(n.Time), By: class.public("", 0).Instructor, Push: n.Push}
	told.Push.To = nil
	if told.Push.Kind == "fault" { // what is broken is theirs to find
		told.Push.Fault, told.Push.Settings = "", nil
	}
	if result, ok := n.Results[member]; ok && n.Push.Kind != "fault" {
		told.Result = &result
	}
	return told
}

// arrive counts a page of a member's, and leave counts it no more.
func (c *Classes) arrive(r ref) error {
	c.mu.Lock()
	if c.here[r] >= pagesAtMost {
		c.mu.Unlock()
		return fmt.Errorf("%w: %d pages of this member's are open", ErrTooOften, pagesAtMost)
	}
	c.here[r]++
	c.mu.Unlock()
	c.present(r)
	return nil
}

func (c *Classes) leave(r ref) {
	c.mu.Lock()
	c.here[r]--
	last := c.here[r] <= 0
	if last {
		delete(c.here, r)
	}
	c.mu.Unlock()
	if last {
		now := c.now().UTC()
		c.pen.note(r, func(m *memberDoc) { m.Online, m.LastSeen = false, laterOf(now, m.LastSeen) })
	}
}

// present says that a page of a member's is open.
func (c *Classes) present(r ref) {
	now := c.now().UTC()
	c.pen.note(r, func(m *memberDoc) { m.Online, m.LastSeen = true, laterOf(now, m.LastSeen) })
}
