package protocol

import (
	"slices"
	"strings"
	"time"
)

// An encoder writes a world so that two that can do the same have the same text: revisions
// by their order alone, leases by the order in which they occur, times as they are to now.
type encoder struct {
	out       []byte
	revisions []int64
	leases    []Lease
	ranking   bool // only collects revisions
}

func (e *encoder) encode(w *world) []byte {
	e.revisions, e.leases, e.ranking = e.revisions[:0], e.leases[:0], true
	e.world(w)
	slices.Sort(e.revisions)
	e.revisions = slices.Compact(e.revisions)
	e.out, e.leases, e.ranking = e.out[:0], e.leases[:0], false
	e.world(w)
	return e.out
}

func (e *encoder) num(n ...int) {
	for _, n := range n {
		e.out = append(e.out, byte(n))
	}
}

func (e *encoder) bool(b bool) {
	if b {
		e.num(1)
	} else {
		e.num(0)
	}
}

func (e *encoder) revision(r int64) {
	switch {
	case r <= 0:
		e.num(int(r))
	case e.ranking:
		e.revisions = append(e.revisions, r)
	default:
		i, _ := slices.BinarySearch(e.revisions, r)
		e.num(1 + i)
	}
}

func (e *encoder) lease(l Lease) {
	if l == 0 {
		e.num(0)
		return
	}
	i := slices.Index(e.leases, l)
	if i < 0 {
		i = len(e.leases)
		e.leases = append(e.leases, l)
	}
	e.num(1 + i)
}

// text writes what may be a host's ID, which has its lease in it.
func (e *encoder) text(s string) {
	if len(s) < 3 || s[1] != '.' {
		e.out = append(append(e.out, s...), 0)
		return
	}
	l := Lease(0)
	for _, c := range s[2:] {
		l = l*16 + Lease(strings.IndexRune("0123456789abcdef", c))
	}
	e.num(int(s[0]))
	e.lease(l)
}

func (e *encoder) world(w *world) {
	e.num(int(w.budget.late), int(w.budget.miss), int(w.budget.twice), int(w.budget.crash), int(w.budget.lose), int(w.budget.leave), int(w.budget.write), int(w.budget.create), int(w.budget.finish))
	for s := range w.sessions {
		e.num(int(w.acked[s]), int(w.written[s]), int(w.etcd.journal[s]))
	}
	for i := range w.hosts {
		e.machine(&w.machine[i], w)
	}
	e.num(len(w.net))
	for _, r := range sortedBy(w.net, func(r request) int { return r.from*100 + int(r.op.Kind) }) {
		e.num(r.from)
		e.op(r.op, w, r.from)
	}
	e.keys(w.etcd)
	for _, l := range w.etcd.leases {
		e.lease(l.lease)
		e.num(l.left)
	}
}

// sortedBy is a copy in an order that depends less on how it came to be.
func sortedBy[T any](list []T, by func(T) int) []T {
	if len(list) < 2 {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int { return by(a) - by(b) })
	return list
}

func (e *encoder) keys(s *store) {
	e.revision(s.view.Revision)
	for _, k := range s.keys {
		name := k.Name
		if id, ok := strings.CutPrefix(name, Hosts); ok {
			e.text(id)
			e.bool(s.view.Hosts[id].Draining)
		} else {
			e.num(int(name[0]), int(name[len(name)-1]))
			e.text(k.Value)
		}
		e.revision(k.Created)
		e.lease(k.lease)
	}
	e.num(255)
}

func (e *encoder) machine(m *machine, w *world) {
	if !m.up {
		e.num(254)
		return
	}
	e.num(int(m.missed))
	h, now := m.host, time.Duration(m.now)
	e.lease(h.lease)
	if h.lease != 0 {
		e.num(int(now-h.leased), int(min(now-h.asked, h.cfg.Beat)))
	}
	e.bool(h.flying)
	e.record(h.announced)
	e.record(h.announcing)
	e.bool(h.leaving)
	e.bool(h.left)
	e.view(h.view)
	if h.floor > h.view.Revision {
		e.revision(h.floor)
	}
	for s := range w.sessions {
		id := string(rune('0' + s))
		p := h.places[id]
		e.num(int(p.phase))
		e.bool(p.busy)
		e.revision(p.revision)
		again, waits := h.waiting[id]
		e.bool(again)
		e.bool(waits)
		e.num(int(m.memory[s]))
	}
	e.num(len(m.replies), len(m.doing))
	for _, r := range sortedBy(m.replies, func(r reply) int { return int(r.op.Kind) }) {
		e.op(r.op, w, -2)
		e.sent(r.op, m)
		e.num(int(r.out.Result))
		e.lease(r.out.Lease)
		e.revision(r.out.Revision)
		e.text(r.out.Has.Value)
		e.revision(r.out.Has.Created)
	}
	for _, op := range m.doing {
		e.op(op, w, -2)
	}
}

func (e *encoder) record(r Record) { e.num(r.Capacity); e.bool(r.Draining) }

func (e *encoder) view(v *View) {
	e.revision(v.Revision)
	ids := make([]string, 0, hosts)
	for id := range v.Hosts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		e.text(id)
		e.bool(v.Hosts[id].Draining)
	}
	for s := range sessions {
		id := string(rune('0' + s))
		p := v.Places[id]
		e.text(p.Host)
		e.revision(p.Revision)
		e.bool(v.Sessions[id])
	}
}

func (e *encoder) op(op Op, w *world, from int) {
	e.num(int(op.Kind))
	e.lease(op.Lease)
	e.out = append(e.out, op.Session...)
	for _, c := range op.Txn.If {
		e.revision(c.Created)
	}
	for _, c := range op.Txn.Then {
		if op.Kind == Announce {
			e.bool(strings.Contains(c.Value, "draining"))
		}
		e.text(c.Value)
	}
	if op.Kind == write {
		e.num(int(op.Sent))
	} else if from >= 0 {
		e.sent(op, &w.machine[from])
	}
}

// sent is when something was asked, as far as the answer is of use.
func (e *encoder) sent(op Op, m *machine) {
	if op.Kind == Grant || op.Kind == Renew {
		e.num(min(m.now-int(op.Sent), 2*int(m.host.cfg.TTL)))
	}
}
