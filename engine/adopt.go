package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/engine/model"
)

// Adopt opens a session here that Config.Keeper has, from its journal, as the next server opens
// one of a server before: ID, token, certificates, UIDs, time, nodes, faults and objects are
// what they were. The caller must have the session: what another server still writes is not
// written from the moment on at which the Keeper takes it for the caller's. One that is open here
// is returned; who asks for it meanwhile waits. Adopt fails with model.ErrNotFound if there is
// no such session or its time is over, with model.ErrLost if it cannot be read, with
// model.ErrClosed, and with journal.ErrFenced if the caller does not have it.
func (e *Engine) Adopt(ctx context.Context, id string) (*Session, error) {
	if e.cfg.Keeper == nil {
		return e.Session(id)
	}
	if s, err := e.Session(id); !errors.Is(err, model.ErrNotFound) {
		return s, err
	}
	kept, err := readKept(ctx, e.keeper, id)
	newer := new(newerError)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("session %s: %w", id, model.ErrNotFound)
	case errors.As(err, &newer):
		return nil, fmt.Errorf("%w: %w", model.ErrLost, err)
	case errors.Is(err, journal.ErrDamaged):
		if ferr := e.setAside(id, err); ferr != nil {
			return nil, fmt.Errorf("session %s: %w", id, ferr)
		}
		return nil, fmt.Errorf("%w: %w", model.ErrLost, err)
	case err != nil:
		return nil, fmt.Errorf("session %s: %w", id, err)
	case !time.Now().Before(kept.Until):
		if err := e.keeper.Remove(ctx, id); err != nil {
			return nil, fmt.Errorf("session %s: %w", id, err)
		}
		return nil, fmt.Errorf("session %s: %w", id, model.ErrNotFound)
	}
	e.mu.Lock()
	if e.sessions[id] != nil || e.parked[id] != nil { // somebody was quicker
		e.mu.Unlock()
		return e.Session(id)
	}
	p := &parked{kept: kept}
	p.slot, _ = e.slots.takeOver() // it has a place in the cluster of servers, however many there may be here
	p.mu.Lock()
	e.parked[id] = p
	delete(e.lost, id)
	e.mu.Unlock()
	defer p.mu.Unlock()
	s, err := e.openParked(ctx, p)
	if err != nil && p.gone == nil {
		e.unpark(p, err)
	}
	return s, err
}

// unpark forgets one that is not to be opened here any more. p.mu is held.
func (e *Engine) unpark(p *parked, why error) {
	p.leave(why)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.parked, p.kept.ID)
	e.slots.give(p.slot)
}

// Over tells whether a session is over that the caller has, and removes what is left of it then: it is
// not open here, so nothing here ends it when its time is up. It fails with model.ErrNotFound if there is
// nothing of it, as there is not yet of one that is being opened.
func (e *Engine) Over(ctx context.Context, id string) (over bool, err error) {
	e.mu.Lock()
	here := e.sessions[id] != nil || e.parked[id] != nil
	e.mu.Unlock()
	if here {
		return false, nil
	}
	kept, err := readKept(ctx, e.keeper, id)
	newer := new(newerError)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("session %s: %w", id, model.ErrNotFound)
	case errors.Is(err, journal.ErrDamaged), errors.As(err, &newer):
		return false, nil // who asks for it is told
	case err != nil:
		return false, fmt.Errorf("session %s: %w", id, err)
	case time.Now().Before(kept.Until):
		return false, nil
	}
	e.log.Info("the session's time is over", "session", id)
	return true, e.keeper.Remove(ctx, id)
}
