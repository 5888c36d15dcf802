package classes

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A follower is told that something of a class is otherwise; what it is, it reads when it gets to it, so that one
// who is slow misses what was in between and no more. Its fields are guarded by Classes.mu.
type follower struct {
	ready   chan struct{} // holds a token while there is something
	only    string        // of the members, this one; all if it is empty
	members map[string]bool
	gone    []string
	events  []model.ClassEvent
}

func (f *follower) take(change change) {
	if f.only != "" && change.member != "" && change.member != f.only {
		return
	}
	if change.member != "" && change.gone {
		delete(f.members, change.member)
		f.gone = append(f.gone, change.member)
	} else if change.member != "" {
		f.members[change.member] = true
	}
	f.events = append(f.events, change.events...)
	f.events = f.events[max(0, len(f.events)-eventsKept):]
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// followersAtMost is how many streams a class has at a server, and pagesAtMost how many of those are one member's.
const followersAtMost, pagesAtMost = 1000, 20

func (c *Classes) follow(class, only string) (*follower, error) {
	f := &follower{only: only, ready: make(chan struct{}, 1), members: map[string]bool{}}
	f.ready <- struct{}{}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.followers[class]) >= followersAtMost {
		return nil, fmt.Errorf("%w: %d pages of this class are open", ErrTooOften, followersAtMost)
	}
	if c.followers[class] == nil {
		c.followers[class] = map[*follower]bool{}
	}
	c.followers[class][f] = true
	return f, nil
}

func (c *Classes) unfollow(class string, f *follower) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if delete(c.followers[class], f); len(c.followers[class]) == 0 {
		delete(c.followers, class)
	}
}

// A Stream is what somebody is told, one message after the other. It is for one who reads at a time.
type Stream[M any] struct {
	next  func(ctx context.Context) ([]M, error)
	close func()
}

// Next waits for something to tell. It fails with ErrNotFound when the class is no more, or they are no
// member of it, and when ctx is done.
func (s *Stream[M]) Next(ctx context.Context) ([]M, error) { return s.next(ctx) }

// Close ends it.
func (s *Stream[M]) Close() { s.close() }

// Follow tells an instructor of their class.
func (c *Classes) Follow(ctx context.Context, key string) (*Stream[model.ClassMessage], error) {
	d, err := c.class(ctx, key)
	if err != nil {
		return nil, err
	}
	f, err := c.follow(d.ID, "")
	if err != nil {
		return nil, err
	}
	w := &watched{c: c, key: key, id: d.ID, follower: f, again: time.NewTicker(again), members: map[string]string{}}
	return &Stream[model.ClassMessage]{next: w.next, close: func() {
		w.again.Stop()
		c.unfollow(d.ID, f)
	}}, nil
}

// watched is a class as one instructor was told of it.
type watched struct {
	c        *Classes
	key, id  string
	follower *follower
	again    *time.Ticker // one for all calls of next: in a class that works, something is told all the time
	begun    bool
	class    string            // as it was told
	members  map[string]string // as they were told
}

// again is how often what only time changes is looked at.
const again = 15 * time.Second

func (w *watched) next(ctx context.Context) ([]model.ClassMessage, error) {
	for {
		all := false
		select {
		case <-w.follower.ready:
		case <-w.again.C:
			all = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		messages, err := w.look(all)
		if err != nil || len(messages) > 0 {
			return messages, err
		}
	}
}

// look is what is otherwise since the last look, of the members who were touched or of all.
func (w *watched) look(all bool) ([]model.ClassMessage, error) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	class := w.c.book.classes[w.id]
	if class == nil || class.doc.ID == "" {
		return nil, ErrNotFound
	}
	now, f := w.c.now(), w.follower
	public := class.doc.public(w.key, w.c.cfg.Kept)
	differs := w.differs(&w.class, public)
	first := !w.begun
	w.begun = true
	var messages []model.ClassMessage
	var everybody []model.Member
	for _, id := range class.ids() {
		if !first && !all && !f.members[id] {
			continue
		}
		m, told := class.members[id].doc.member(now), w.members[id]
		if w.differs(&told, m) {
			w.members[id] = told
			everybody = append(everybody, m)
		}
	}
	if first {
		messages = []model.ClassMessage{{All: true, Class: &public, Members: everybody, Events: class.events}}
	} else {
		if differs {
			messages = append(messages, model.ClassMessage{Class: &public})
		}
		for i := range everybody {
			messages = append(messages, model.ClassMessage{Member: &everybody[i]})
		}
		for _, id := range f.gone {
			delete(w.members, id)
			messages = append(messages, model.ClassMessage{Gone: id})
		}
		for i := range f.events {
			messages = append(messages, model.ClassMessage{Event: &f.events[i]})
		}
	}
	f.gone, f.events = nil, nil
	clear(f.members)
	return messages, nil
}

// differs reports whether a value is not as it was told, and keeps it as that.
func (w *watched) differs(told *string, value any) bool {
	text, err := json.Marshal(value)
	if err != nil || string(text) == *told {
		return false
	}
	*told = string(text)
	return true
}
