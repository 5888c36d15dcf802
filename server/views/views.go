// Package views is the links by which others look on at a session. A view is a key that
// stands for the session wherever its ID stands in a path, with fewer rights than the ID
// gives, until it is revoked or its time is over. Views are documents, so that they
// outlast the server and are the same on all servers of a site.
//
// It must not know what a session is, nor what may be done with which right.
package views

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/server/keep"
)

// Rights are what somebody may do with a session.
type Rights string

const (
	// Look changes nothing and types nothing.
	Look Rights = "look"
	// Control is all but to end the session, start it over, extend it, or give views on.
	Control Rights = "control"
	// Owner has who knows the session's ID. There are no views of it.
	Owner Rights = "owner"
)

// Allow reports whether who has r may do what takes at least the right least.
func (r Rights) Allow(least Rights) bool {
	order := []Rights{Look, Control, Owner}
	has := slices.Index(order, r)
	return has >= 0 && has >= slices.Index(order, least)
}

var (
	// ErrNotFound says that there is no such view, or no more.
	ErrNotFound = errors.New("there is no such view")
	// ErrRights says that there are no views of such rights.
	ErrRights = errors.New("a view's rights are look or control")
)

// A View is a key and what it stands for.
type View struct {
	Key     string    `json:"key"`
	Session string    `json:"session"`
	Rights  Rights    `json:"rights"`
	By      string    `json:"by,omitempty"` // who looks, as others are told
	Made    time.Time `json:"made"`
	Until   time.Time `json:"until"`
}

const (
	// Prefix is what keys begin with, and no ID of a session does.
	Prefix = "view-"
	// Lasting is how long a view is good that nobody gave a time, and MaxLasting how long at
	// most; it ends with its session before.
	Lasting, MaxLasting = 24 * time.Hour, 30 * 24 * time.Hour

	below = "views/"
	// patience bounds how long a request waits for a document.
	patience = 5 * time.Second
	// sweeping is how often views are removed whose time is over, asking how often views in use
	// are asked for that nobody tells of.
	sweeping, asking = 10 * time.Minute, 2 * time.Second
)

var isKey = regexp.MustCompile(`^view-[a-z0-9]{26}$`)

// Is reports whether a text is a view's key, as far as one can see.
func Is(text string) bool { return isKey.MatchString(text) }

// Views are those of a store. They are safe for concurrent use.
type Views struct {
	store keep.Store
	log   *slog.Logger

	mu    sync.Mutex
	known map[string]View // by document's key; filled while Run runs
	using map[string]map[*use]bool
}

// A use is a request that came by a view, and ends with it.
type use struct{ end func() }

// New returns the views that a store has.
func New(store keep.Store, log *slog.Logger) *Views {
	return &Views{store: store, log: log, known: map[string]View{}, using: map[string]map[*use]bool{}}
}

// document is where a key's view is. Names of documents are seen by more people than what is
// in them.
func document(key string) string {
	sum := sha256.Sum256([]byte(key))
	return below + hex.EncodeToString(sum[:])
}

// Make makes a view of a session until then, for as long as Lasting if until is zero.
func (v *Views) Make(ctx context.Context, session string, rights Rights, by string, until time.Time) (key string, err error) {
	if rights != Look && rights != Control {
		return "", ErrRights
	}
	now := time.Now()
	if until.IsZero() {
		until = now.Add(Lasting)
	}
	if most := now.Add(MaxLasting); until.After(most) {
		until = most
	}
	made := View{Key: Prefix + strings.ToLower(rand.Text()), Session: session, Rights: rights, By: by, Made: now.UTC(), Until: until.UTC()}
	text, err := json.Marshal(made)
	if err == nil {
		_, err = v.store.Put(ctx, document(made.Key), text, 0)
	}
	if err != nil {
		return "", fmt.Errorf("keep the view: %w", err)
	}
	return made.Key, nil
}

// Revoke ends a view and what is under way by it. It fails with ErrNotFound.
func (v *Views) Revoke(ctx context.Context, key string) error {
	err := v.drop(ctx, document(key))
	if errors.Is(err, keep.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

// RevokeAll ends all views of a session.
func (v *Views) RevokeAll(ctx context.Context, session string) error {
	all, err := v.Of(ctx, session)
	for _, view := range all {
		if e := v.Revoke(ctx, view.Key); e != nil && !errors.Is(e, ErrNotFound) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// drop removes a document, whoever writes it meanwhile.
func (v *Views) drop(ctx context.Context, name string) error {
	for {
		old, err := v.store.Get(ctx, name)
		if err != nil {
			return err
		}
		if err = v.store.Delete(ctx, name, old.Revision); err == nil {
			v.gone(name)
			return nil
		}
		if !errors.Is(err, keep.ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
}

// Resolve is what a key stands for. It is quick, but for the first time. It fails with
// ErrNotFound if the view is over or never was.
func (v *Views) Resolve(key string) (sessionID string, rights Rights, err error) {
	found, err := v.Find(key)
	return found.Session, found.Rights, err
}

// Find is Resolve of the whole view.
func (v *Views) Find(key string) (View, error) {
	if !Is(key) {
		return View{}, ErrNotFound
	}
	name := document(key)
	v.mu.Lock()
	found, ok := v.known[name]
	v.mu.Unlock()
	if !ok { // it is new, or of nobody
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		d, err := v.store.Get(ctx, name)
		if errors.Is(err, keep.ErrNotFound) {
			return View{}, ErrNotFound
		}
		if err != nil {
			return View{}, fmt.Errorf("find the view: %w", err)
		}
		if err := json.Unmarshal(d.Value, &found); err != nil {
			return View{}, fmt.Errorf("find the view: %w", err)
		}
	}
	if !time.Now().Before(found.Until) {
		return View{}, ErrNotFound
	}
	return found, nil
}

// Of are the views of a session, oldest first.
func (v *Views) Of(ctx context.Context, session string) ([]View, error) {
	all, err := v.store.List(ctx, below)
	if err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	var of []View
	for _, d := range all {
		var view View
		if json.Unmarshal(d.Value, &view) == nil && view.Session == session && time.Now().Before(view.Until) {
			of = append(of, view)
		}
	}
	slices.SortFunc(of, func(a, b View) int { return cmp.Or(a.Made.Compare(b.Made), cmp.Compare(a.Key, b.Key)) })
	return of, nil
}

// Move has the views of a session stand for another, which took its place.
func (v *Views) Move(ctx context.Context, from, to string) error {
	all, err := v.Of(ctx, from)
	if err != nil {
		return err
	}
	for _, view := range all {
		moved := view
		err := keep.Change(ctx, v.store, document(view.Key), func(old []byte) ([]byte, error) {
			if old == nil {
				return nil, ErrNotFound // revoked meanwhile
			}
			moved.Session = to
			return json.Marshal(moved)
		})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("move the view: %w", err)
		}
		v.mu.Lock()
		if _, ok := v.known[document(view.Key)]; ok && err == nil {
			v.known[document(view.Key)] = moved
		}
		v.mu.Unlock()
	}
	return nil
}

// While is a context that ends with the view, for cause.
func (v *Views) While(ctx context.Context, view View, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	ctx, stop := context.WithDeadlineCause(ctx, view.Until, cause)
	name, u := document(view.Key), &use{end: func() { cancel(cause) }}
	v.mu.Lock()
	if v.using[name] == nil {
		v.using[name] = map[*use]bool{}
	}
	v.using[name][u] = true
	v.mu.Unlock()
	release := func() {
		v.mu.Lock()
		if delete(v.using[name], u); len(v.using[name]) == 0 {
			delete(v.using, name)
		}
		v.mu.Unlock()
		stop()
		cancel(nil)
	}
	// It may have been revoked between, and then nobody tells any more.
	if _, err := v.Find(view.Key); errors.Is(err, ErrNotFound) {
		cancel(cause)
	}
	return ctx, release
}

// gone ends what is under way by the view of a document.
func (v *Views) gone(name string) {
	v.mu.Lock()
	delete(v.known, name)
	ending := v.using[name]
	var ends []func()
	for u := range ending {
		ends = append(ends, u.end)
	}
	v.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

// Run follows what other servers do, and removes views whose time is over, until ctx is done.
func (v *Views) Run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { every(ctx, sweeping, v.sweep) })
	work.Go(func() { every(ctx, asking, v.ask) })
	for ctx.Err() == nil {
		err := v.store.Watch(ctx, below, v.see, func() {})
		v.mu.Lock()
		clear(v.known) // what is not followed is asked for
		v.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		v.log.Warn("following views", "err", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (v *Views) see(e keep.Event) {
	if e.Gone {
		v.gone(e.Key)
		return
	}
	var view View
	if err := json.Unmarshal(e.Value, &view); err != nil {
		v.log.Warn("a view cannot be read", "document", e.Key, "err", err)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.known[e.Key] = view
}

// every calls do now and then, until ctx is done.
func every(ctx context.Context, pause time.Duration, do func(context.Context)) {
	for {
		do(ctx)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// sweep removes views whose time is over.
func (v *Views) sweep(ctx context.Context) {
	v.mu.Lock()
	var over []string
	for name, view := range v.known {
		if !time.Now().Before(view.Until) {
			over = append(over, name)
		}
	}
	v.mu.Unlock()
	for _, name := range over {
		if err := v.drop(ctx, name); err != nil && !errors.Is(err, keep.ErrNotFound) && ctx.Err() == nil {
			v.log.Warn("removing a view", "err", err)
		}
	}
}

// ask looks after views in use that are not followed: one that was made and revoked at
// once is never told of.
func (v *Views) ask(ctx context.Context) {
	v.mu.Lock()
	var unknown []string
	for name := range v.using {
		if _, ok := v.known[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	v.mu.Unlock()
	for _, name := range unknown {
		if _, err := v.store.Get(ctx, name); errors.Is(err, keep.ErrNotFound) {
			v.gone(name)
		}
	}
}
