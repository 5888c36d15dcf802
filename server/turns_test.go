package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// until waits for what must come.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func (t *turns) empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sessions) == 0
}

// joined counts those who wait for a question's answer.
func (t *turns) joined(session string, q question) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.sessions[session]; l != nil && l.waiting[q] != nil {
		return l.waiting[q].many
	}
	return 0
}

// A hundred tabs that ask while one runs are answered by one run more, which began after
// they asked.
func TestTurnsMerge(t *testing.T) {
	turns, q := newTurns(), question{"l", 1, ""}
	var runs, abreast, most atomic.Int32
	release := make(chan struct{})
	run := func(context.Context) []model.CheckResult {
		most.Store(max(most.Load(), abreast.Add(1)))
		defer abreast.Add(-1)
		n := runs.Add(1)
		<-release
		return []model.CheckResult{{Check: int(n)}}
	}
	got := make(chan int, 101)
	take := func() {
		r, err := turns.take(t.Context(), "s", q, run)
		if err != nil || len(r) != 1 {
			t.Errorf("%v %v", r, err)
			got <- 0
			return
		}
		got <- r[0].Check
	}
	go take()
	until(t, "the first runs", func() bool { return runs.Load() == 1 })
	for range 100 {
		go take()
	}
	until(t, "a hundred wait", func() bool { return turns.joined("s", q) == 100 })
	close(release)
	sum := 0
	for range 101 {
		sum += <-got
	}
	if sum != 1+100*2 || runs.Load() != 2 || most.Load() != 1 {
		t.Errorf("answers add up to %d, of %d runs, %d at once", sum, runs.Load(), most.Load())
	}
	until(t, "nothing is kept", turns.empty)
}

// Other questions of the session wait, up to a number of them; other sessions do not.
func TestTurnsAreASessions(t *testing.T) {
	turns := newTurns()
	release, running := make(chan struct{}), make(chan struct{}, 100)
	run := func(context.Context) []model.CheckResult {
		running <- struct{}{}
		<-release
		return nil
	}
	var all sync.WaitGroup
	take := func(session string, step int) {
		all.Go(func() {
			if _, err := turns.take(t.Context(), session, question{"l", step, ""}, run); err != nil {
				t.Error(err)
			}
		})
	}
	take("s", 0)
	<-running
	take("other", 0)
	<-running
	for step := range waitsAtMost {
		take("s", step)
	}
	for step := range waitsAtMost {
		until(t, "they wait", func() bool { return turns.joined("s", question{"l", step, ""}) == 1 })
	}
	if _, err := turns.take(t.Context(), "s", question{"l", waitsAtMost, ""}, run); !errors.Is(err, errBusy) {
		t.Errorf("one too many: %v", err)
	}
	if len(running) != 0 {
		t.Error("two ran at once")
	}
	close(release)
	all.Wait()
	until(t, "nothing is kept", turns.empty)
}

// What the last one gave up waiting for ends; what somebody still waits for goes on.
func TestTurnsGivenUp(t *testing.T) {
	turns, q := newTurns(), question{"l", 1, ""}
	running, ended := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := turns.take(ctx, "s", q, func(ctx context.Context) []model.CheckResult {
			close(running)
			<-ctx.Done()
			return nil
		})
		ended <- err
	}()
	<-running
	waiting, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := turns.take(waiting, "s", q, func(context.Context) []model.CheckResult { return nil })
		left <- err
	}()
	until(t, "one waits", func() bool { return turns.joined("s", q) == 1 })
	stays := make(chan error, 1)
	go func() {
		_, err := turns.take(t.Context(), "s", q, func(context.Context) []model.CheckResult { return nil })
		stays <- err
	}()
	until(t, "two wait", func() bool { return turns.joined("s", q) == 2 })
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-stays; err != nil {
		t.Error(err)
	}
	until(t, "nothing is kept", turns.empty)
}

// Few look at a session at once.
func TestLooks(t *testing.T) {
	turns := newTurns()
	var releases []func()
	for range looksAtOnce {
		release, err := turns.look(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.look(ctx, "s"); !errors.Is(err, context.Canceled) {
		t.Errorf("one too many: %v", err)
	}
	for _, release := range releases {
		release()
	}
	if !turns.empty() {
		t.Error("something is kept")
	}
}
