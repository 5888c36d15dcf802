package protocol

import (
	"maps"
	"slices"
)

// A phase is where a host is with a session.
type phase uint8

const (
	none      phase = iota
	creating        // makes its place, and the session
	claiming        // makes its place
	opening         // has it, and the engine takes it over
	serving         // has it
	parking         // has it, and the engine lets it go
	releasing       // takes the place away
	ending          // takes the place away, and the session
	dropping        // has lost it, and the engine lets it go
)

// A place is what a host has of a session.
type place struct {
	phase    phase
	busy     bool  // an Op is under way
	revision int64 // of the place, from opening on
}

// Create begins a session that was not there before, under an ID that nobody has had. The
// engine has it already.
func (h *Host) Create(session string) { h.places[session] = place{phase: creating} }

// Finish ends a session that the engine has ended.
func (h *Host) Finish(session string) {
	if p := h.places[session]; p.phase == serving || p.phase == parking {
		h.places[session] = place{phase: ending, busy: p.busy, revision: p.revision}
	}
}

// Has tells whether the host has anything to do with a session, and whether it is its own.
func (h *Host) Has(session string) (any, own bool) {
	p, ok := h.places[session]
	return ok, p.phase == opening || p.phase == serving
}

// compare finds out by the view which places are this host's no more, and which are though
// it thought that they were not: it had asked for them, heard nothing, and given up.
func (h *Host) compare() {
	for session, p := range h.places {
		if p.revision == 0 || h.view.Revision < p.revision || p.phase == releasing || p.phase == ending {
			continue
		}
		if h.view.Places[session] != (Place{h.id, p.revision}) || !h.view.Sessions[session] {
			h.places[session] = p.lost()
		}
	}
	if h.view.Revision < h.floor {
		return
	}
	for session, at := range h.view.Places {
		if _, known := h.places[session]; at.Host == h.id && !known {
			h.places[session] = place{phase: releasing, revision: at.Revision}
		}
	}
}

// look claims the orphans that are this host's to take.
func (h *Host) look() {
	if h.leaving || h.announced == (Record{}) {
		return
	}
	for _, o := range h.view.orphans {
		if _, known := h.places[o.session]; !known && (o.host == h.id || h.waiting[o.session]) {
			h.places[o.session] = place{phase: claiming}
		}
	}
}

// empty parks what a host that leaves has, some at a time, once the others know.
func (h *Host) empty() {
	if !h.leaving || !h.announced.Draining {
		return
	}
	moving := 0
	for _, p := range h.places {
		if p.phase == parking || p.phase == releasing {
			moving++
		}
	}
	for _, session := range slices.Sorted(maps.Keys(h.places)) {
		if p := h.places[session]; p.phase == serving && moving < h.cfg.Moves {
			p.phase = parking
			h.places[session] = p
			moving++
		}
	}
}

// next is what a phase asks for.
func (p place) next(session, host string) (op Op, ok bool) {
	if p.busy {
		return op, false
	}
	at := Places + session
	take := Change{Key: at, Value: host, Leased: true}
	mine := []Compare{{at, p.revision}}
	op.Session = session
	switch p.phase {
	case creating:
		op.Kind, op.Txn = Create, Txn{If: []Compare{{at, Absent}, {Sessions + session, Absent}}, Then: []Change{{Key: Sessions + session}, take}, Else: at}
	case claiming:
		op.Kind, op.Txn = Claim, Txn{If: []Compare{{at, Absent}, {Sessions + session, Present}}, Then: []Change{take}, Else: at}
	case releasing:
		op.Kind, op.Txn = Release, Txn{If: mine, Then: []Change{{Key: at, Delete: true}}}
	case ending:
		op.Kind, op.Txn = End, Txn{If: mine, Then: []Change{{Key: at, Delete: true}, {Key: Sessions + session, Delete: true}}}
	case opening:
		op.Kind = Open
	case parking:
		op.Kind = Park
	case dropping:
		op.Kind = Drop
	default:
		return op, false
	}
	return op, true
}

// lost is what becomes of a place that is another's, or nobody's. What the engine is doing
// must end before it lets the session go.
func (p place) lost() place {
	switch p.phase {
	case opening, serving, parking, dropping:
		return place{phase: dropping, busy: p.busy}
	}
	return place{}
}

// settle goes on after the answer to an Op of a session.
func (h *Host) settle(op Op, out Outcome) {
	p, ok := h.places[op.Session]
	if !ok {
		return
	}
	p.busy = false
	switch {
	case p.phase == dropping && op.Kind != Drop, p.phase == ending && op.Kind != End:
		// It was the engine's, and is over: now the next.
	case op.Kind == Create || op.Kind == Claim:
		p = p.claimed(op, out, h.id)
	case out.Result == Unknown: // once more
	case op.Kind == Open && out.Result == Done:
		p.phase = serving
	case op.Kind == Open:
		p.phase = ending
	case op.Kind == Park:
		p.phase = releasing
	case op.Kind == Release || op.Kind == End:
		if h.floor = max(h.floor, p.revision+1); out.Result == Done {
			h.floor = max(h.floor, out.Revision)
		}
		p = place{}
	case op.Kind == Drop:
		p = place{}
	}
	if h.places[op.Session] = p; p.phase == none {
		delete(h.places, op.Session)
	}
}

// claimed goes on after a Create or a Claim. One that was refused because this host has the
// place was asked for twice, and answered once.
func (p place) claimed(op Op, out Outcome, host string) place {
	switch {
	case out.Result == Done:
		p.revision = out.Revision
	case out.Result == Refused && out.Has.Value == host && host != "":
		p.revision = out.Has.Created
	case out.Result == Unknown:
		return p
	default:
		return place{}
	}
	if p.phase = opening; op.Kind == Create {
		p.phase = serving
	}
	return p
}
