package classes

import (
	"context"
	"sync"
	"time"
)

// A pen writes what happens often: a member's document at most once a second, and in the end always
// what came last. It is safe for concurrent use.
type pen struct {
	write func(context.Context, ref, []func(*memberDoc)) error
	mu    sync.Mutex
	lines map[ref]*jot
}

// A jot is what is to be written of one member. It is there while something is, and a while longer.
type jot struct {
	notes   []func(*memberDoc)
	refused int       // how many of them are refusals
	acted   time.Time // the latest; zero if there is none to write
	actDue  time.Time // when that alone is worth a write
	rested  time.Time // no write before
	due     time.Time // of the timer; zero if it is not set
	timer   *time.Timer
	writing sync.Mutex
}

const (
	// between is how long a member's document is left alone after it was written, and idly how
	// long it is not written for that alone that they are not idle.
	between, idly = time.Second, 5 * time.Second
	// notesAtMost are kept before they are written all the same.
	notesAtMost = 256
	// refusalsAtMost are counted between two writes: a program that asks for the same all the time makes no
	// more of them, and nobody makes so many mistakes in a second.
	refusalsAtMost = 10
	writeTime      = 10 * time.Second
)

func newPen(write func(context.Context, ref, []func(*memberDoc)) error) *pen {
	return &pen{write: write, lines: map[ref]*jot{}}
}

// note has a change be written soon: now, if none was for a while.
func (p *pen) note(r ref, change func(*memberDoc)) {
	p.mu.Lock()
	j := p.line(r)
	j.notes = append(j.notes, change)
	full := len(j.notes) >= notesAtMost
	p.soon(r, j, time.Now())
	p.mu.Unlock()
	if full {
		p.run(r, j, true)
	}
}

// refuse is note of what somebody may bring about as often as they like.
func (p *pen) refuse(r ref, change func(*memberDoc)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j := p.line(r)
	if j.refused++; j.refused > refusalsAtMost {
		return
	}
	j.notes = append(j.notes, change)
	p.soon(r, j, time.Now())
}

// act says that a member does something, now.
func (p *pen) act(r ref, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j := p.line(r)
	if j.acted.IsZero() {
		j.actDue = time.Now().Add(idly)
	}
	j.acted = now
	p.soon(r, j, j.actDue)
}

func (p *pen) line(r ref) *jot {
	if p.lines[r] == nil {
		p.lines[r] = &jot{}
	}
	return p.lines[r]
}

// soon has the timer go off by then, but not while the document is left alone. p.mu is held.
func (p *pen) soon(r ref, j *jot, at time.Time) {
	if at = laterOf(at, j.rested); !j.due.IsZero() && !at.Before(j.due) {
		return
	}
	j.due = at
	if in := max(0, time.Until(at)); j.timer == nil {
		j.timer = time.AfterFunc(in, func() { p.run(r, j, false) })
	} else {
		j.timer.Reset(in)
	}
}

// run writes what there is, if it is due or has to be.
func (p *pen) run(r ref, j *jot, now bool) {
	j.writing.Lock()
	defer j.writing.Unlock()
	p.mu.Lock()
	j.due = time.Time{}
	due := j.rested
	if len(j.notes) == 0 && !j.acted.IsZero() {
		due = laterOf(due, j.actDue)
	}
	if !now && time.Now().Before(due) {
		p.soon(r, j, due)
		p.mu.Unlock()
		return
	}
	notes, acted := j.notes, j.acted
	j.notes, j.acted, j.refused = nil, time.Time{}, 0
	if len(notes) == 0 && acted.IsZero() {
		if p.lines[r] == j { // nothing for a while
			delete(p.lines, r)
		}
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	if !acted.IsZero() {
		notes = append(notes, func(m *memberDoc) { m.Active = laterOf(m.Active, acted) })
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	err := p.write(ctx, r, notes)
	p.mu.Lock()
	defer p.mu.Unlock()
	j.rested = time.Now().Add(between)
	if err != nil { // the store is away: it is tried again, with what comes meanwhile
		j.rested = time.Now().Add(idly)
		j.notes = append(notes, j.notes...)
		j.notes = j.notes[max(0, len(j.notes)-notesAtMost):]
	}
	p.soon(r, j, j.rested)
}

// flush writes what there is of a class's members, now.
func (p *pen) flush(class string) {
	p.flushIf(func(r ref) bool { return r.class == class })
}

func (p *pen) flushAll() { p.flushIf(func(ref) bool { return true }) }

func (p *pen) flushIf(wanted func(ref) bool) {
	p.mu.Lock()
	lines := map[ref]*jot{}
	for r, j := range p.lines {
		if wanted(r) {
			lines[r] = j
		}
	}
	p.mu.Unlock()
	for r, j := range lines {
		p.run(r, j, true)
	}
}
