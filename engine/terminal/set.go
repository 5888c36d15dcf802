package terminal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// ErrAway is what a viewer gets when the server goes away and the session goes on elsewhere, without
// its terminals.
var ErrAway = errors.New("the terminal ends with its server")

// Config bounds a Set. Zero fields take the defaults named.
type Config struct {
	// Prefix begins the IDs, which go on with a number: by another one they are told from those of the
	// Set that a session had at another server.
	Prefix string
	// Open is how many terminals may run at once: 12. As many that have ended are kept.
	Open int
	// Kept is how much is kept of what a terminal's program writes last, in bytes: 256 KiB.
	Kept int
	// Ahead is how far a program may be ahead of a viewer, in bytes, before it waits: half of
	// Kept. Patience is how long it waits for one that takes nothing: 2 s.
	Ahead    int
	Patience time.Duration
	// Rate is how much a program may write in a second, in bytes, in the long run: 4 MiB.
	Rate int
	// Viewers is how many may look at one terminal at once: 16.
	Viewers int
}

// A Size is a terminal's, in characters.
type Size struct{ Columns, Rows int }

// IO is what a program reads and writes. Started is to be called when it runs.
type IO struct {
	In      io.Reader
	Out     io.Writer
	Sizes   <-chan Size
	Started func()
}

// A Program runs until it ends or ctx does, and says how it ended. Its error says that
// it could not be started.
type Program func(ctx context.Context, io IO) (code int, err error)

// A Set is a session's terminals. It is safe for concurrent use.
type Set struct {
	cfg  Config
	work sync.WaitGroup

	mu     sync.Mutex
	closed bool
	last   int // the number of the newest
	all    []*terminal
}

// NewSet returns an empty Set. Close it.
func NewSet(cfg Config) *Set {
	cfg.Open, cfg.Kept = cmp.Or(cfg.Open, 12), cmp.Or(cfg.Kept, 256<<10)
	cfg.Ahead, cfg.Patience = cmp.Or(cfg.Ahead, cfg.Kept/2), cmp.Or(cfg.Patience, 2*time.Second)
	cfg.Rate, cfg.Viewers = cmp.Or(cfg.Rate, 4<<20), cmp.Or(cfg.Viewers, 16)
	return &Set{cfg: cfg}
}

// Open starts a program in a terminal of its own; ctx bounds the starting only. It fails
// with model.ErrConflict if there are too many, and as the program does if that cannot be
// started.
func (s *Set) Open(ctx context.Context, place string, run Program) (model.Terminal, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return model.Terminal{}, model.ErrClosed
	}
	if n := s.running(); n >= s.cfg.Open {
		s.mu.Unlock()
		return model.Terminal{}, fmt.Errorf("%w: %d terminals are open, and there may be no more: close one first", model.ErrConflict, n)
	}
	s.last++
	t := newTerminal(s.cfg, model.Terminal{ID: s.cfg.Prefix + strconv.Itoa(s.last), Place: place})
	s.all = append(s.all, t)
	s.work.Add(1)
	s.mu.Unlock()

	started := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		defer s.work.Done()
		code, err := run(t.ctx, IO{In: t, Out: t, Sizes: t.sizes, Started: sync.OnceFunc(func() { close(started) })})
		t.end(code)
		failed <- err
		s.forget()
	}()
	select {
	case <-started:
	case err := <-failed:
		select {
		case <-started: // and it has ended already
		default:
			s.remove(t)
			return model.Terminal{}, cmp.Or(err, error(model.ErrClosed))
		}
	case <-ctx.Done():
		s.remove(t)
		return model.Terminal{}, ctx.Err()
	}
	return t.state(), nil
}

// running counts those whose program runs; s.mu is held.
func (s *Set) running() (n int) {
	for _, t := range s.all {
		if !t.state().Ended {
			n++
		}
	}
	return n
}

// forget drops the oldest of those that have ended, if there are too many.
func (s *Set) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ended := len(s.all) - s.running(); ended > s.cfg.Open; ended-- {
		i := slices.IndexFunc(s.all, func(t *terminal) bool { return t.state().Ended })
		s.all[i].close()
		s.all = slices.Delete(s.all, i, i+1)
	}
}

// remove ends a terminal and lists it no more.
func (s *Set) remove(t *terminal) {
	t.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = slices.DeleteFunc(s.all, func(o *terminal) bool { return o == t })
}

// List are the terminals, oldest first.
func (s *Set) List() []model.Terminal {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]model.Terminal, len(s.all))
	for i, t := range s.all {
		all[i] = t.state()
	}
	return all
}

func (s *Set) find(id string) (*terminal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.all {
		if t.info.ID == id {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%w: there is no terminal %s", model.ErrNotFound, id)
}

// Delete ends a terminal's program and forgets it. The error is model.ErrNotFound.
func (s *Set) Delete(id string) error {
	t, err := s.find(id)
	if err == nil {
		s.remove(t)
	}
	return err
}

// View looks at a terminal. It fails with model.ErrNotFound, or with model.ErrConflict if
// too many do. Close it.
func (s *Set) View(id string) (*Viewer, error) {
	t, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return t.view()
}

// Leave ends all programs without a word of that, for a session that goes on elsewhere: viewers get
// ErrAway.
func (s *Set) Leave() {
	for _, t := range s.take() {
		t.leave()
	}
}

// Close ends all programs, and waits for them.
func (s *Set) Close() error {
	for _, t := range s.take() {
		t.close()
	}
	s.work.Wait()
	return nil
}

// take leaves the Set without terminals, for good.
func (s *Set) take() []*terminal {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	s.all, s.closed = nil, true
	return all
}
