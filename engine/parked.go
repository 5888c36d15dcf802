package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/span"
)

const (
	// reopenTimeout bounds how long a parked session takes to open.
	reopenTimeout = time.Minute
	// lockPatience is how long another server may take to end.
	lockPatience = 5 * time.Second
)

// A parked session is one of a server before this: a folder, until somebody asks for it.
// Its time goes on.
type parked struct {
	kept keptFile
	slot int
	life lifetime

	mu   sync.Mutex // held while it is opened
	gone error      // why it is not parked any more; nil while it is
}

var sessionID = regexp.MustCompile(`^[a-z0-9]{26}$`)

// lockSessions makes the folder of kept sessions this server's alone, until the file that it
// returns is closed, or the process ends.
func lockSessions(ctx context.Context, dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sessions cannot be kept: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sessions cannot be kept: %w", err)
	}
	patience, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("sessions cannot be kept: lock %s: %w", f.Name(), err), f.Close())
		}
		select {
		case <-time.After(20 * time.Millisecond): // one that was killed has not ended yet
		case <-patience.Done():
			return nil, errors.Join(fmt.Errorf("another server keeps its sessions in %s: choose another folder with --data", dir), f.Close())
		}
	}
	// A disk without room says so now, and not to the first learner.
	probe := filepath.Join(dir, "probe")
	err = journal.WriteFile(probe, make([]byte, 1<<20), true)
	if err == nil {
		err = os.Remove(probe)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sessions cannot be kept: %w", err), f.Close())
	}
	return f, nil
}

// park finds the sessions of servers before this one, and removes what is over.
func (e *Engine) park(ctx context.Context) error {
	ids, err := e.keeper.List(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !sessionID.MatchString(id) {
			continue
		}
		kept, err := readKept(ctx, e.keeper, id)
		newer := new(newerError)
		switch {
		case errors.As(err, &newer):
			e.log.Error("a session is left as it is", "session", id, "err", err)
			e.lost[id] = fmt.Errorf("%w: %w", model.ErrLost, err)
		case errors.Is(err, journal.ErrDamaged):
			_ = e.setAside(id, err)
		case errors.Is(err, fs.ErrNotExist): // nobody was told of it, or it was being removed
			e.remove(id)
		case err != nil:
			return fmt.Errorf("session %s: %w", id, err)
		case !time.Now().Before(kept.Until):
			e.log.Info("the session's time is over", "session", id)
			e.remove(id)
		default:
			e.parkOne(kept)
		}
	}
	if n := len(e.parked); n > 0 {
		e.log.Info("sessions go on when they are asked for", "sessions", n)
	}
	return nil
}

func (e *Engine) parkOne(kept keptFile) {
	p := &parked{kept: kept}
	p.slot, _ = e.slots.takeOver() // it has a place, however many there may be now
	e.parked[kept.ID] = p
	p.life.begin(kept.Born, kept.Until, func() { e.over(p) })
}

// over removes a parked session whose time is up, if it has not been opened meanwhile.
func (e *Engine) over(p *parked) { e.endParked(p, "the session's time is over") }

// endParked removes a parked session, if it has not been opened meanwhile; the log says why.
func (e *Engine) endParked(p *parked, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone != nil {
		return
	}
	p.leave(model.ErrNotFound)
	e.mu.Lock()
	delete(e.parked, p.kept.ID)
	e.slots.give(p.slot)
	e.mu.Unlock()
	e.log.Info(why, "session", p.kept.ID)
	e.remove(p.kept.ID)
}

func (e *Engine) remove(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), reopenTimeout)
	defer cancel()
	if err := e.keeper.Remove(ctx, id); err != nil {
		e.log.Warn("removing what is kept of a session", "session", id, "err", err)
	}
}

// setAside keeps what cannot be read for who runs the server. It fails with journal.ErrFenced if
// another server has the session, which wrote while it was read: there is nothing wrong with it.
func (e *Engine) setAside(id string, why error) error {
	ctx, cancel := context.WithTimeout(context.Background(), reopenTimeout)
	defer cancel()
	to, err := e.keeper.SetAside(ctx, id)
	if errors.Is(err, journal.ErrFenced) {
		return err
	}
	e.log.Error("a session cannot be opened again, and is set aside", "session", id, "why", why, "at", to, "err", err)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost[id] = fmt.Errorf("%w: %w", model.ErrLost, withoutPath(why))
	return nil
}

// settle waits until it is open, or closed, or stays parked.
func (p *parked) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
}

// leave notes why it is no longer parked. p.mu is held.
func (p *parked) leave(why error) {
	p.gone = why
	p.life.stop()
}

// reopen opens a parked session. Who comes meanwhile waits for the same.
func (e *Engine) reopen(p *parked) (*Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone != nil {
		return e.Session(p.kept.ID) // as it is now
	}
	return e.openParked(context.Background(), p)
}

// openParked opens one that is parked still, for whoever asks next if who asks now goes. p.mu
// is held.
func (e *Engine) openParked(ctx context.Context, p *parked) (_ *Session, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reopenTimeout)
	defer cancel()
	ctx, of := span.Root(ctx, e.cfg.Traces, "adopt session", span.Session(p.kept.ID))
	defer func() { span.End(of, err) }()
	select {
	case e.reopening <- struct{}{}:
		defer func() { <-e.reopening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, model.ErrClosed
	}
	e.opening.Add(1)
	e.mu.Unlock()
	defer e.opening.Done()

	begun := time.Now()
	s, err := e.open(ctx, birth{id: p.kept.ID, slot: p.slot, keeper: e.keeper, kept: &p.kept})
	if errors.Is(err, journal.ErrDamaged) { // it will not be better next time
		if ferr := e.setAside(p.kept.ID, err); ferr != nil {
			return nil, ferr
		}
		e.unpark(p, err)
		return e.Session(p.kept.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("open the session again: %w", err)
	}
	if err := e.enter(p, s); err != nil {
		return nil, err
	}
	_ = s.begin(p.kept.Born, p.kept.Until) // it is kept as it was
	s.again(ctx, p.kept)
	s.log.Info("the session goes on", "took", time.Since(begun).Round(time.Millisecond))
	return s, nil
}

// enter has a parked session be one of those that are open; or not, if the engine closes, which
// has seen by then which are. It goes on in the next server then. p.mu is held.
func (e *Engine) enter(p *parked, s *Session) error {
	p.leave(model.ErrConflict)
	e.mu.Lock()
	closed := e.closed
	if !closed {
		delete(e.parked, s.id)
		e.sessions[s.id] = s
	}
	e.mu.Unlock()
	if closed {
		return errors.Join(model.ErrClosed, s.suspend())
	}
	return nil
}

// restored is what a session's API goes on from.
func (b birth) restored(ctx context.Context, log func(cut int)) (*api.Restored, error) {
	if b.fork != nil {
		return &api.Restored{State: b.fork.state, Fork: true, Secrets: b.fork.secrets}, nil
	}
	if b.kept == nil {
		return nil, nil
	}
	state, report, err := b.keeper.Read(ctx, b.id)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: there is no snapshot", journal.ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	if report.Cut > 0 {
		log(report.Cut)
	}
	return &api.Restored{State: fromJournal(state), Identity: b.kept.API}, nil
}
