package protocol

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Config says who a host is, and what it may rely on.
type Config struct {
	Record Record
	// TTL is the time to live of leases, and Beat how often one is renewed.
	TTL, Beat time.Duration
	// Margin is how much slower than etcd's clock the host's may be in a TTL, and how long
	// what is under way may take to stop.
	Margin time.Duration
	// Moves is how many sessions are parked at once when a host is drained.
	Moves int
}

// A Host is what one host knows and is about to do. It is not safe for concurrent use.
// Times are those of one clock of its own that never goes back.
type Host struct {
	cfg    Config
	lease  Lease
	id     string
	leased time.Duration // when the newest renewal that was answered had been asked for
	asked  time.Duration // when the newest was
	flying bool          // an Op of the lease is under way
	// announced is what other hosts were told last, announcing what they are being told.
	announced, announcing Record
	leaving, left         bool

	view   *View
	places map[string]place
	// floor is the revision from which on a view knows which places this host has let go.
	floor int64
	// waiting are the orphans that there were at the last renewal, and whether they were
	// there at the one before: then the host that was to take them did not.
	waiting map[string]bool
}

// New returns a host that has nothing. view must not be nil.
func New(cfg Config, view *View) *Host {
	return &Host{cfg: cfg, view: view, places: map[string]place{}}
}

// ID is the host's as long as it has its lease: one that has lost it is another. It is ""
// without one.
func (h *Host) ID() string { return h.id }

// Until is when the host must not serve any more if nothing comes between.
func (h *Host) Until() time.Duration {
	if h.lease == 0 {
		return 0
	}
	return h.leased + h.cfg.TTL - h.cfg.Margin
}

// Serves tells whether the host may serve a session.
func (h *Host) Serves(session string, now time.Duration) bool {
	return h.places[session].phase == serving && now < h.Until()
}

// Own are the sessions that the host may serve.
func (h *Host) Own(now time.Duration) (all []string) {
	for session := range h.places {
		if h.Serves(session, now) {
			all = append(all, session)
		}
	}
	return all
}

// Fence is what to compare, in the transaction, when something of a session is written. It
// fails if the session is not this host's to write.
func (h *Host) Fence(session string) (c Compare, ok bool) {
	switch p := h.places[session]; p.phase {
	case opening, serving, parking:
		return Compare{Key: Places + session, Created: p.revision}, true
	}
	return c, false
}

// Left tells whether a host that was to leave has nothing any more.
func (h *Host) Left() bool { return h.left }

// See tells the host what there is. Views must not go back.
func (h *Host) See(v *View) { h.view = v }

// Leave has the host give away what it has, and its lease. Wake says how.
func (h *Host) Leave() { h.leaving = true }

// Wake says what is to be done now. It must be called after each of the other methods that
// change something, and not later than each Beat.
func (h *Host) Wake(now time.Duration) (ops []Op) {
	if h.lease != 0 && now >= h.leased+h.cfg.TTL+h.cfg.Margin {
		h.lose() // by any clock
	}
	if h.lease != 0 {
		h.compare()
		if now < h.Until() {
			h.look()
		}
		h.empty()
	}
	ops = append(ops, h.ofLease(now)...)
	for _, session := range slices.Sorted(maps.Keys(h.places)) {
		p := h.places[session]
		if op, ok := p.next(session, h.id); ok && (h.lease != 0 || op.Kind >= Open) {
			op.Lease, op.Sent = h.lease, now
			p.busy = true
			h.places[session] = p
			ops = append(ops, op)
		}
	}
	return ops
}

// ofLease is what the lease is about, and what is bound to it.
func (h *Host) ofLease(now time.Duration) (ops []Op) {
	if h.lease == 0 {
		switch {
		case h.leaving:
			h.left = h.left || !h.flying && len(h.places) == 0
		case !h.flying:
			h.flying, h.asked = true, now
			ops = append(ops, Op{Kind: Grant, Sent: now})
		}
		return ops
	}
	if h.leaving && len(h.places) == 0 && !h.flying {
		h.flying = true
		return append(ops, Op{Kind: Revoke, Lease: h.lease, Sent: now})
	}
	if !h.flying && now >= h.asked+h.cfg.Beat {
		h.flying, h.asked = true, now
		ops = append(ops, Op{Kind: Renew, Lease: h.lease, Sent: now})
	}
	if r := h.record(); r != h.announced && h.announcing == (Record{}) {
		text, _ := json.Marshal(r) // of strings and numbers
		h.announcing = r
		ops = append(ops, Op{Kind: Announce, Lease: h.lease, Sent: now,
			Txn: Txn{Then: []Change{{Key: Hosts + h.id, Value: string(text), Leased: true}}}})
	}
	return ops
}

func (h *Host) record() Record {
	r := h.cfg.Record
	r.Draining = r.Draining || h.leaving
	return r
}

// Answer tells the host how an Op ended that Wake had asked for.
func (h *Host) Answer(op Op, out Outcome) {
	if op.Kind < Open && op.Lease != h.lease {
		return // of a lease that was lost
	}
	if out.Result == Expired {
		h.lose()
		return
	}
	switch op.Kind {
	case Grant:
		h.flying = false
		if out.Result == Done {
			h.lease, h.leased = out.Lease, op.Sent
			h.id = fmt.Sprintf("%s.%x", h.cfg.Record.Name, int64(out.Lease))
		}
	case Renew:
		h.flying = false
		if out.Result == Done {
			h.leased = max(h.leased, op.Sent)
			h.beat()
		}
	case Revoke:
		h.lose() // whatever came of it: nobody will renew it
	case Announce:
		if out.Result == Done {
			h.announced = h.announcing
		}
		h.announcing = Record{}
	default:
		h.settle(op, out)
	}
}

// lose gives up what was bound to the lease.
func (h *Host) lose() {
	h.lease, h.id, h.flying = 0, "", false
	h.announced, h.announcing = Record{}, Record{}
	h.waiting = nil
	for session, p := range h.places {
		if p = p.lost(); p.phase == none {
			delete(h.places, session)
		} else {
			h.places[session] = p
		}
	}
}

// beat notes which sessions wait for somebody.
func (h *Host) beat() {
	before := h.waiting
	h.waiting = nil
	for _, o := range h.view.orphans {
		if h.waiting == nil {
			h.waiting = map[string]bool{}
		}
		_, again := before[o.session]
		h.waiting[o.session] = again
	}
}
