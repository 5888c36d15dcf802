// Package classes is several people who learn at once, and one who looks after them: who is in
// a class, what each has done, what they are sent, and what is kept of it.
//
// All of that is documents of a keep.Store, and what is shown live comes from watching them, so that
// several servers show the same. What only one server sees, because a session is there, it writes into
// the member's document, at most once a second.
//
// It must not know HTTP, nor how a session works: what is to be done in one, Sessions does.
package classes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/keep"
)

var (
	// ErrNotFound says that there is no such class, code or member, or no more.
	ErrNotFound = errors.New("there is no such class")
	// ErrTooOften says that somebody does it more often than anybody needs to.
	ErrTooOften = errors.New("too often")
)

// A Lesson is what a class needs to know of one.
type Lesson struct {
	Title string
	Steps []Step
}

// A Step is one of a lesson's: how many checks and hints it has.
type Step struct{ Checks, Hints int }

// Sessions does what is to be done in a member's session, wherever that is. It fails with
// model.ErrNotFound if there is no such session any more. The key is that of the class, by which what
// an instructor does is told from what the learner does.
type Sessions interface {
	// StartOver answers the ID of the session that took its place, with the beginning of a lesson if
	// there is one. Whoever starts a session over tells Replaced.
	StartOver(ctx context.Context, key, id, lesson string) (string, error)
	Apply(ctx context.Context, key, id, manifest string) ([]model.ApplyResult, error)
	SetFault(ctx context.Context, key, id, fault string, settings model.FaultSettings) (model.Fault, error)
	Close(ctx context.Context, id string) error
	// There reports whether there is such a session.
	There(ctx context.Context, id string) bool
}

// Views are keys that stand for a session; see server/views.
type Views interface {
	// Make makes one to look by, or with control to type by too.
	Make(ctx context.Context, session string, control bool, by string, until time.Time) (key string, err error)
	// Revoke may fail with model.ErrNotFound.
	Revoke(ctx context.Context, key string) error
	// Move has all views of a session be of another.
	Move(ctx context.Context, from, to string) error
}

// Config says where classes are kept, and what they are about. Zero fields take the defaults named.
type Config struct {
	Store    keep.Store
	Lesson   func(slug string) (Lesson, bool)
	Sessions Sessions
	Views    Views
	// Most is how many classes may go on at once: 1000.
	Most int
	// Kept is how long results are kept: 30 days.
	Kept time.Duration
	// Now is the time, for tests.
	Now func() time.Time
	Log *slog.Logger
}

// Classes are those of a store. They are safe for concurrent use.
type Classes struct {
	cfg   Config
	store keep.Store
	now   func() time.Time
	log   *slog.Logger
	pen   *pen
	poke  chan struct{}
	// known is closed when the book has what there is.
	known   chan struct{}
	knowing sync.Once
	joining sync.Mutex // from the choice of a name until it is in the book

	mu        sync.Mutex
	book      *book
	listed    map[string]bool               // while the store lists what there is: that, and what was written meanwhile
	followers map[string]map[*follower]bool // by class
	here      map[ref]int                   // pages that members have open at this server
	pushes    map[string]*rate.Limiter      // by class, while it goes on
}

// New returns the classes of a store. They are live while Run runs.
func New(cfg Config) *Classes {
	cfg.Most = cmp.Or(cfg.Most, 1000)
	cfg.Kept = cmp.Or(cfg.Kept, 30*24*time.Hour)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	c := &Classes{cfg: cfg, store: cfg.Store, now: cfg.Now, log: cfg.Log, poke: make(chan struct{}, 1), known: make(chan struct{}), book: newBook(),
		followers: map[string]map[*follower]bool{}, here: map[ref]int{}, pushes: map[string]*rate.Limiter{}}
	c.pen = newPen(c.write)
	return c
}

// Make makes a class.
func (c *Classes) Make(ctx context.Context, want model.NewClass) (model.Class, error) {
	now := c.now().UTC()
	d, err := c.newClass(want, now)
	if err != nil {
		return model.Class{}, err
	}
	if c.Going() >= c.cfg.Most {
		return model.Class{}, fmt.Errorf("%w: %d classes go on here, and no more can", model.ErrConflict, c.cfg.Most)
	}
	key := newKey("class-")
	d.ID = hash(key)
	if d.Code, err = c.reserve(ctx, d.ID); err != nil {
		return model.Class{}, err
	}
	if _, err := c.put(ctx, classAt(d.ID), d); err != nil {
		return model.Class{}, err
	}
	return d.public(key, c.cfg.Kept), nil
}

// Going is how many classes go on, as far as this server has heard.
func (c *Classes) Going() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, class := range c.book.classes {
		if class.doc.ID != "" && class.doc.Closed.IsZero() {
			n++
		}
	}
	return n
}

// Get is the class of an instructor's key.
func (c *Classes) Get(ctx context.Context, key string) (model.Class, error) {
	d, err := c.class(ctx, key)
	return d.public(key, c.cfg.Kept), err
}

// class finds the class of an instructor's key.
func (c *Classes) class(ctx context.Context, key string) (classDoc, error) {
	if !isKey("class-", key) {
		return classDoc{}, ErrNotFound
	}
	return c.classOf(ctx, hash(key))
}

// classOf finds a class in the book, or if another server has just made it, in the store.
func (c *Classes) classOf(ctx context.Context, id string) (classDoc, error) {
	c.mu.Lock()
	class := c.book.classes[id]
	if class != nil && class.doc.ID != "" {
		defer c.mu.Unlock()
		return class.doc, nil
	}
	c.mu.Unlock()
	all, err := c.store.List(ctx, classAt(id))
	if err != nil {
		return classDoc{}, err
	}
	for _, d := range all {
		c.see(keep.Event{Document: d})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if class = c.book.classes[id]; class == nil || class.doc.ID == "" {
		return classDoc{}, ErrNotFound
	}
	return class.doc, nil
}

// Change changes a class, if it is not closed.
func (c *Classes) Change(ctx context.Context, key string, change model.ClassChange) (model.Class, error) {
	d, err := c.class(ctx, key)
	if err != nil {
		return model.Class{}, err
	}
	d, err = changed(ctx, c, classAt(d.ID), func(d *classDoc) error {
		if !d.Closed.IsZero() {
			return errClosed
		}
		return d.change(change, c.now().UTC())
	})
	if err == nil && change.Until != nil {
		c.tidySoon()
	}
	return d.public(key, c.cfg.Kept), err
}

var errClosed = fmt.Errorf("%w: the class is closed", model.ErrConflict)

// Close closes a class: nobody joins or does anything in it any more, and the members' sessions end soon.
// One that is closed stays so.
func (c *Classes) Close(ctx context.Context, key string) (model.Class, error) {
	d, err := c.class(ctx, key)
	if err != nil {
		return model.Class{}, err
	}
	d, err = c.shut(ctx, d.ID)
	return d.public(key, c.cfg.Kept), err
}

func (c *Classes) shut(ctx context.Context, id string) (classDoc, error) {
	c.pen.flush(id) // what was seen is kept, before the sessions go
	d, err := changed(ctx, c, classAt(id), func(d *classDoc) error {
		if d.Closed.IsZero() {
			d.Closed, d.Open, d.Frozen, d.FreezeText = c.now().UTC(), false, false, ""
		}
		return nil
	})
	c.tidySoon()
	return d, err
}

// Remove removes a member, and ends their session.
func (c *Classes) Remove(ctx context.Context, key, mid string) error {
	r, m, err := c.member(ctx, key, mid)
	if err != nil {
		return err
	}
	if err := c.drop(ctx, membershipAt(hash(m.Key))); err != nil {
		return err
	}
	c.endLook(ctx, m)
	if err := c.drop(ctx, r.at()); err != nil {
		return err
	}
	if _, err := changed(ctx, c, classAt(r.class), func(d *classDoc) error { d.Members = max(0, d.Members-1); return nil }); err != nil {
		return err
	}
	return c.end(ctx, m.Session)
}

// end ends a member's session; "" is none, and one that is gone has ended.
func (c *Classes) end(ctx context.Context, session string) error {
	if session == "" {
		return nil
	}
	if err := c.cfg.Sessions.Close(ctx, session); err != nil && !errors.Is(err, model.ErrNotFound) {
		return fmt.Errorf("end a member's session: %w", err)
	}
	return nil
}

// endAnyway is end where there is nobody to tell.
func (c *Classes) endAnyway(ctx context.Context, session string) {
	if err := c.end(ctx, session); err != nil {
		c.log.WarnContext(ctx, "a session goes on that nobody has", "err", err)
	}
}

// member finds one of a class by the instructor's key and the member's ID.
func (c *Classes) member(ctx context.Context, key, mid string) (ref, memberDoc, error) {
	d, err := c.class(ctx, key)
	if err != nil {
		return ref{}, memberDoc{}, err
	}
	r := ref{d.ID, mid}
	m, err := c.memberOf(ctx, r)
	return r, m, err
}

// own finds the member of a member's key, and their class.
func (c *Classes) own(ctx context.Context, key string) (r ref, d classDoc, m memberDoc, err error) {
	if !isKey("member-", key) {
		return r, d, m, ErrNotFound
	}
	var at membershipDoc
	if err := c.get(ctx, membershipAt(hash(key)), &at); err != nil {
		return r, d, m, err
	}
	r = ref{at.Class, at.Member}
	if d, err = c.classOf(ctx, r.class); err == nil {
		m, err = c.memberOf(ctx, r)
	}
	return r, d, m, err
}

// goingOn is own of a class that is not closed.
func (c *Classes) goingOn(ctx context.Context, key string) (r ref, d classDoc, m memberDoc, err error) {
	if r, d, m, err = c.own(ctx, key); err == nil && !d.Closed.IsZero() {
		err = errClosed
	}
	return r, d, m, err
}

func (c *Classes) memberOf(ctx context.Context, r ref) (memberDoc, error) {
	if !isSegment(r.member) {
		return memberDoc{}, ErrNotFound
	}
	c.mu.Lock()
	m, ok := c.book.member(r)
	c.mu.Unlock()
	if ok {
		return m, nil
	}
	d, err := c.store.Get(ctx, r.at())
	if errors.Is(err, keep.ErrNotFound) {
		return memberDoc{}, ErrNotFound
	} else if err != nil {
		return memberDoc{}, err
	}
	c.see(keep.Event{Document: d})
	return m, json.Unmarshal(d.Value, &m)
}
