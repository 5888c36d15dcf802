package terminal

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/podhop/podhop/engine/model"
)

// terminal is one. Its program reads and writes it.
type terminal struct {
	cfg   Config
	pace  *rate.Limiter
	input chan []byte
	rest  []byte // of the input that the program has not read; its reader's alone
	sizes chan Size

	// ctx ends when the terminal is to go; ended is closed when its program is over.
	ctx    context.Context
	cancel context.CancelCauseFunc
	ended  chan struct{}

	mu      sync.Mutex
	info    model.Terminal
	kept    kept
	viewers map[*Viewer]struct{}
	changed chan struct{} // closed when there is more to see, or more room
}

func newTerminal(cfg Config, info model.Terminal) *terminal {
	t := &terminal{cfg: cfg, info: info, pace: rate.NewLimiter(rate.Limit(cfg.Rate), cfg.Rate), input: make(chan []byte), sizes: make(chan Size, 1),
		ended: make(chan struct{}), kept: kept{size: cfg.Kept}, viewers: map[*Viewer]struct{}{}, changed: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	t.sizes <- Size{Columns: 80, Rows: 24}
	return t
}

func (t *terminal) state() model.Terminal {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.info
}

// tell wakes whoever waits; t.mu is held.
func (t *terminal) tell() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// end says that the program is over.
func (t *terminal) end(code int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.info.Ended, t.info.Code = true, code
	close(t.ended)
	t.tell()
}

// close ends the program, and lets the viewers go.
func (t *terminal) close() { t.cancel(model.ErrClosed) }

// leave is close for a session that goes on elsewhere.
func (t *terminal) leave() { t.cancel(ErrAway) }

// gone is why there is no more to see.
func (t *terminal) gone() error {
	return fmt.Errorf("terminal %s: %w", t.info.ID, context.Cause(t.ctx))
}

// Read is the program's.
func (t *terminal) Read(p []byte) (int, error) {
	if len(t.rest) == 0 {
		select {
		case t.rest = <-t.input:
		case <-t.ended:
			return 0, io.EOF
		case <-t.ctx.Done():
			return 0, io.EOF
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// Write is the program's: it waits for its turn, and for those who look.
func (t *terminal) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), t.cfg.Ahead, t.pace.Burst())
		_ = t.pace.WaitN(t.ctx, n) // when it is to go, nothing is waited for
		t.await()
		t.mu.Lock()
		t.kept.write(rest[:n])
		t.tell()
		t.mu.Unlock()
		rest = rest[n:]
	}
	return len(p), nil
}

// await waits until no viewer who reads is too far behind.
func (t *terminal) await() {
	for {
		t.mu.Lock()
		slowest := time.Duration(-1)
		for v := range t.viewers {
			if !v.spared && t.kept.end-v.at > int64(t.cfg.Ahead) {
				left := t.cfg.Patience - time.Since(v.moved)
				if left <= 0 {
					v.spared = true // until it has caught up
					continue
				}
				slowest = max(slowest, left)
			}
		}
		changed := t.changed
		t.mu.Unlock()
		if slowest < 0 {
			return
		}
		timer := time.NewTimer(slowest)
		select {
		case <-changed:
		case <-timer.C:
		case <-t.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// resize has the program told of a size; the last one wins.
func (t *terminal) resize(s Size) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.sizes:
	default:
	}
	t.sizes <- s
}

func (t *terminal) view() (*Viewer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.viewers) >= t.cfg.Viewers {
		return nil, fmt.Errorf("%w: %d are looking at this terminal, and there may be no more", model.ErrConflict, len(t.viewers))
	}
	v := &Viewer{t: t, lost: true, moved: time.Now()}
	v.at = t.kept.end // it is waited for from when it reads
	t.viewers[v] = struct{}{}
	return v, nil
}
