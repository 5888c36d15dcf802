package gate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/server/keep"
)

func working(t *testing.T, change func(*Config)) Gate {
	t.Helper()
	cfg := Config{Kind: Work, Bits: 8, Key: []byte("key"), Spend: NewSpender(keep.Memory()).Spend}
	if change != nil {
		change(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestWork(t *testing.T) {
	ctx, now := t.Context(), time.Unix(1000, 0)
	g := working(t, nil)
	challenge := g.Challenge(now)
	answer, err := Solve(ctx, challenge)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Check(ctx, now, answer); err != nil {
		t.Errorf("the work: %v", err)
	}
	if err := g.Check(ctx, now, answer); !errors.Is(err, ErrSpent) {
		t.Errorf("the work again: %v", err)
	}
	other, _ := Solve(ctx, g.Challenge(now))
	if err := g.Check(ctx, now.Add(age), other); err != nil {
		t.Errorf("the work at the last moment: %v", err)
	}
	late, _ := Solve(ctx, g.Challenge(now))
	if err := g.Check(ctx, now.Add(age+time.Second), late); !errors.Is(err, ErrExpired) {
		t.Errorf("the work too late: %v", err)
	}
}

// What was not asked for here, or not done, does not pass; nor does what does not look like it.
func TestNoWork(t *testing.T) {
	ctx, now := t.Context(), time.Unix(1000, 0)
	g := working(t, func(c *Config) { c.Bits = MaxBits })
	challenge := g.Challenge(now)
	easy, _ := Solve(ctx, working(t, nil).Challenge(now))
	foreign, _ := Solve(ctx, working(t, func(c *Config) { c.Key = []byte("other") }).Challenge(now))
	parts := strings.Split(challenge, ".")
	parts[1] = "4"
	forged, err := Solve(ctx, strings.Join(parts, "."))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		answer string
		want   error
	}{
		"nothing":                 {"", ErrWanted},
		"no answer":               {challenge, ErrWrong},
		"any number":              {challenge + ".7", ErrWrong},
		"no number":               {challenge + ".x", ErrWrong},
		"another's challenge":     {foreign, ErrWrong},
		"made easier":             {forged, ErrWrong},
		"asked before, easier":    {easy, ErrExpired},
		"dots":                    {"....", ErrWrong},
		"a dot":                   {".", ErrWrong},
		"very long":               {strings.Repeat("a", 1<<20) + ".1.1", ErrWrong},
		"negative":                {challenge + ".-1", ErrWrong},
		"something with no dots":  {"work", ErrWrong},
		"a challenge of ours cut": {challenge[2:] + ".1", ErrWrong},
	} {
		if err := g.Check(ctx, now, c.answer); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// A second server, or the same after a restart, knows what was used; what is over is removed.
func TestSpent(t *testing.T) {
	ctx, store, now := t.Context(), keep.Memory(), time.Unix(1000, 0)
	spender := func() *Spender { return &Spender{store: store, now: func() time.Time { return now }} }
	first, second := spender(), spender()
	spend := func(s *Spender, id string, want bool) {
		t.Helper()
		if got, err := s.Spend(ctx, encoding.EncodeToString([]byte(id)), now.Add(age)); got != want || err != nil {
			t.Errorf("%s is the first: %v, %v", id, got, err)
		}
	}
	for i := range 100 {
		spend(first, fmt.Sprint(i), true)
	}
	spend(first, "7", false)
	spend(second, "8", false)
	now = now.Add(age + time.Second)
	spend(second, "late", true)
	if left, err := store.List(ctx, spent); len(left) != 1 || err != nil {
		t.Errorf("%d are left, %v", len(left), err)
	}
}

// A store that is broken lets nobody pass.
func TestSpendFails(t *testing.T) {
	broken := errors.New("broken")
	g := working(t, func(c *Config) {
		c.Spend = func(context.Context, string, time.Time) (bool, error) { return false, broken }
	})
	answer, _ := Solve(t.Context(), g.Challenge(time.Unix(1, 0)))
	if err := g.Check(t.Context(), time.Unix(1, 0), answer); !errors.Is(err, broken) {
		t.Errorf("it passes with %v", err)
	}
}

func TestTokens(t *testing.T) {
	if _, err := New(Config{Kind: Token}); err == nil {
		t.Error("a gate of no tokens is one")
	}
	g, err := New(Config{Kind: Token, Tokens: []string{"the-first-token", "the-second-token"}})
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]bool{"the-first-token": true, "the-second-token": true, "": false, "the-first-toke": false, "the-first-token ": false} {
		if g.Admits(token) != want {
			t.Errorf("%q: %v", token, !want)
		}
	}
}

func TestBits(t *testing.T) {
	for _, bits := range []int{-1, 0, MinBits - 1, MaxBits + 1} {
		if _, err := New(Config{Kind: Work, Bits: bits}); err == nil {
			t.Errorf("%d bits are taken", bits)
		}
	}
}
