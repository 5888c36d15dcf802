package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/podhop/podhop/engine/model"
)

// Park closes a session and keeps it as one of a server before this is kept: ID, token and
// objects stay, its viewers are told that it goes away and not that it is gone, its time goes
// on, it has its place among those that there may be, and whoever asks next has it opened
// again. One that is parked already stays so. Once begun it ends though ctx does. Park fails
// with model.ErrNotFound, with model.ErrConflict if the session is not kept, or is being
// started over, and with model.ErrClosed.
//
// With Config.Keeper it is no longer here: any server may adopt it. One that another has
// adopted already is closed, and what is kept of it is the other's.
func (e *Engine) Park(ctx context.Context, id string) error {
	e.mu.Lock()
	s, waiting, closed, lost := e.sessions[id], e.parked[id], e.closed, e.lostOf(id)
	switch {
	case closed:
		e.mu.Unlock()
		return model.ErrClosed
	case s == nil:
		e.mu.Unlock()
		switch {
		case waiting == nil:
			return lost
		case e.cfg.Keeper == nil:
			return nil
		}
		waiting.settle()
		return e.Park(ctx, id)
	case s.journal == nil:
		e.mu.Unlock()
		return fmt.Errorf("%w: this server keeps no sessions", model.ErrConflict)
	case !s.life.replace(true):
		e.mu.Unlock()
		return fmt.Errorf("%w: somebody starts this session over", model.ErrConflict)
	}
	p := &parked{slot: s.slot, kept: keptFile{ID: id}}
	p.mu.Lock() // who asks from now on waits
	s.heir = p
	delete(e.sessions, id)
	e.parked[id] = p
	done := make(chan error, 1)
	e.opening.Go(func() {
		defer p.mu.Unlock()
		done <- e.parkInto(p, s)
	})
	e.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// parkInto closes a session that goes on as a parked one. p.mu is held.
func (e *Engine) parkInto(p *parked, s *Session) error {
	err := s.suspend()
	if e.cfg.Keeper != nil {
		e.unpark(p, model.ErrNotFound)
		s.log.Info("the session is parked")
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), reopenTimeout)
	defer cancel()
	kept, rerr := readKept(ctx, e.keeper, p.kept.ID)
	if rerr != nil {
		if errors.Is(rerr, fs.ErrNotExist) { // somebody closed it for good meanwhile
			rerr = model.ErrNotFound
		}
		rerr = fmt.Errorf("session %s: %w", p.kept.ID, rerr)
		e.unpark(p, rerr)
		return rerr
	}
	p.kept = kept
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed { // else it goes on in the next server
		p.life.begin(kept.Born, kept.Until, func() { e.over(p) })
		s.log.Info("the session is parked")
	}
	return err
}
