package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// turns runs the checks that are heard in a session, which send packets and run programs,
// one step at a time and never without a pause: whoever asks what somebody else waits
// for already gets the same answer. What runs when somebody asks is not theirs to have: it
// may have looked before what they did. Those that only look are a few at a time. It is
// safe for concurrent use.
type turns struct {
	mu       sync.Mutex
	sessions map[string]*line
}

// A question is the checks of a step that are wanted.
type question struct {
	lesson string
	step   int
	kinds  string
}

// line is of those who wait in one session. It is there while there are some.
type line struct {
	turn    chan struct{} // holds a token while somebody's is
	looking chan struct{} // and one for each who looks
	waiting map[question]*wait
	users   int
}

// A wait is for one answer, of one or many.
type wait struct {
	many    int
	cancel  context.CancelFunc // called when nobody waits any more
	done    chan struct{}
	results []model.CheckResult
}

const (
	// pause is between two turns of a session.
	pause = 200 * time.Millisecond
	// looksAtOnce is how many may look at a session.
	looksAtOnce = 4
	// waitsAtMost is how many different questions may wait in a session.
	waitsAtMost = 16
)

// errBusy says that too much waits already.
var errBusy = errors.New("too many checks are waiting to be run")

func newTurns() *turns { return &turns{sessions: map[string]*line{}} }

// take answers a question by run, at its session's next turn. It fails with errBusy, or
// when ctx is done.
func (t *turns) take(ctx context.Context, session string, q question, run func(context.Context) []model.CheckResult) ([]model.CheckResult, error) {
	t.mu.Lock()
	l := t.line(session)
	w := l.waiting[q]
	if w == nil {
		if len(l.waiting) >= waitsAtMost {
			t.mu.Unlock()
			return nil, errBusy
		}
		running, cancel := context.WithCancel(context.WithoutCancel(ctx))
		w = &wait{cancel: cancel, done: make(chan struct{})}
		l.waiting[q] = w
		l.users++ // until it has run
		go t.run(running, session, l, q, w, run)
	}
	w.many++
	t.mu.Unlock()
	select {
	case <-w.done:
		return w.results, nil
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		if w.many--; w.many == 0 {
			w.cancel()
			if l.waiting[q] == w { // nobody may join what was given up
				delete(l.waiting, q)
			}
		}
		return nil, ctx.Err()
	}
}

func (t *turns) run(ctx context.Context, session string, l *line, q question, w *wait, run func(context.Context) []model.CheckResult) {
	defer w.cancel()
	defer t.leave(session, l)
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return
	}
	t.mu.Lock()
	if l.waiting[q] == w {
		delete(l.waiting, q)
	}
	t.mu.Unlock()
	w.results = run(ctx)
	close(w.done)
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}

// look waits until one more may look at a session; release says that they have.
func (t *turns) look(ctx context.Context, session string) (release func(), err error) {
	t.mu.Lock()
	l := t.line(session)
	l.users++
	t.mu.Unlock()
	select {
	case l.looking <- struct{}{}:
		return func() { <-l.looking; t.leave(session, l) }, nil
	case <-ctx.Done():
		t.leave(session, l)
		return nil, ctx.Err()
	}
}

// line finds or makes a session's; who asks for it counts themselves among its users
// before they unlock, unless they leave it as it was.
func (t *turns) line(session string) *line {
	l := t.sessions[session]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1), looking: make(chan struct{}, looksAtOnce), waiting: map[question]*wait{}}
		t.sessions[session] = l
	}
	return l
}

// leave removes the line of a session when its last has had its turn.
func (t *turns) leave(session string, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(t.sessions, session)
	}
}
