package views_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/views"
)

var quiet = slog.New(slog.DiscardHandler)

// patience is how long a test waits for what must come.
const patience = time.Minute

func TestViews(t *testing.T) {
	ctx, store := t.Context(), keep.Memory()
	v := views.New(store, quiet)
	key, err := v.Make(ctx, "secret", views.Look, "Ada", time.Time{})
	if err != nil || !views.Is(key) {
		t.Fatalf("key %q: %v", key, err)
	}
	if session, rights, err := v.Resolve(key); session != "secret" || rights != views.Look || err != nil {
		t.Errorf("%s stands for %q with %q: %v", key, session, rights, err)
	}
	documents, err := store.List(ctx, "views/")
	if err != nil || len(documents) != 1 || strings.Contains(documents[0].Key, key[len(views.Prefix):]) {
		t.Errorf("documents %v: %v", documents, err)
	}
	for _, other := range []string{"", "secret", "view-", key + "a", strings.ToUpper(key), "view-" + strings.Repeat("a", 26)} {
		if _, _, err := v.Resolve(other); !errors.Is(err, views.ErrNotFound) {
			t.Errorf("%q: %v", other, err)
		}
	}
	if _, err := v.Make(ctx, "secret", views.Owner, "", time.Time{}); !errors.Is(err, views.ErrRights) {
		t.Errorf("a view of an owner: %v", err)
	}
	if err := v.Revoke(ctx, key); err != nil {
		t.Error(err)
	}
	if _, _, err := v.Resolve(key); !errors.Is(err, views.ErrNotFound) {
		t.Errorf("revoked: %v", err)
	}
	if err := v.Revoke(ctx, key); !errors.Is(err, views.ErrNotFound) {
		t.Errorf("revoked again: %v", err)
	}
}

func TestTime(t *testing.T) {
	ctx := t.Context()
	v := views.New(keep.Memory(), quiet)
	over, err := v.Make(ctx, "s", views.Look, "", time.Now().Add(-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Resolve(over); !errors.Is(err, views.ErrNotFound) {
		t.Errorf("its time is over: %v", err)
	}
	long, err := v.Make(ctx, "s", views.Look, "", time.Now().Add(1000*time.Hour*24))
	if err != nil {
		t.Fatal(err)
	}
	if view, err := v.Find(long); err != nil || view.Until.After(time.Now().Add(views.MaxLasting)) {
		t.Errorf("until %v: %v", view.Until, err)
	}
	if all, err := v.Of(ctx, "s"); err != nil || len(all) != 1 || all[0].Key != long {
		t.Errorf("views %v: %v", all, err)
	}
}

func TestSessionsViews(t *testing.T) {
	ctx := t.Context()
	v := views.New(keep.Memory(), quiet)
	first, _ := v.Make(ctx, "old", views.Look, "", time.Time{})
	second, _ := v.Make(ctx, "old", views.Control, "", time.Time{})
	other, _ := v.Make(ctx, "other", views.Look, "", time.Time{})
	if err := v.Move(ctx, "old", "new"); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{first: "new", second: "new", other: "other"} {
		if session, _, err := v.Resolve(key); session != want {
			t.Errorf("%s stands for %q, want %q: %v", key, session, want, err)
		}
	}
	if err := v.RevokeAll(ctx, "new"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{first, second} {
		if _, _, err := v.Resolve(key); !errors.Is(err, views.ErrNotFound) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, _, err := v.Resolve(other); err != nil {
		t.Error(err)
	}
}

// What is under way by a view ends with it, whoever ends it, on whichever server.
func TestWhile(t *testing.T) {
	errOver := errors.New("over")
	store := keep.Memory()
	here, there := views.New(store, quiet), views.New(store, quiet)
	running, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); here.Run(running) }()
	defer func() { stop(); <-ended }()

	for name, end := range map[string]func(key string) error{
		"here":  func(key string) error { return here.Revoke(t.Context(), key) },
		"there": func(key string) error { return there.Revoke(t.Context(), key) },
	} {
		key, err := here.Make(t.Context(), "s", views.Look, "", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		view, err := here.Find(key)
		if err != nil {
			t.Fatal(err)
		}
		ctx, release := here.While(t.Context(), view, errOver)
		if ctx.Err() != nil {
			t.Errorf("%s: ended before", name)
		}
		if err := end(key); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(patience):
			t.Fatalf("%s: it goes on", name)
		}
		if !errors.Is(context.Cause(ctx), errOver) {
			t.Errorf("%s: cause %v", name, context.Cause(ctx))
		}
		release()
		again, release := here.While(t.Context(), view, errOver) // who was found before it ended
		if !errors.Is(context.Cause(again), errOver) {
			t.Errorf("%s: a request of before goes on: %v", name, context.Cause(again))
		}
		release()
	}
	short, err := here.Make(t.Context(), "s", views.Look, "", time.Now().Add(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	view := views.View{Key: short, Until: time.Now().Add(100 * time.Millisecond)}
	ctx, release := here.While(t.Context(), view, errOver)
	defer release()
	select {
	case <-ctx.Done():
	case <-time.After(patience):
		t.Fatal("it outlasts its time")
	}
	if !errors.Is(context.Cause(ctx), errOver) {
		t.Errorf("cause %v", context.Cause(ctx))
	}
}

func TestAllow(t *testing.T) {
	order := []views.Rights{"", views.Look, views.Control, views.Owner}
	for i, has := range order {
		for j, least := range order[1:] {
			if got, want := has.Allow(least), i >= j+1; got != want {
				t.Errorf("%q allows what takes %q: %v", has, least, got)
			}
		}
	}
}
