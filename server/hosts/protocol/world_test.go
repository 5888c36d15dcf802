package protocol

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"
)

const (
	sessions = 2 // at most
	hosts    = 3 // at most
	// write is an Op of a learner's: it is in no Host.
	write Kind = 100
)

// A setting is a small world, and what may go wrong in it. It says too which mistake is made:
// the tests must find each.
type setting struct {
	hosts, sessions int
	budget          budget
	ttl, margin     int // ticks
	moves           int
	// drift is how many ticks of any ttl the first host's clock may miss. Beyond the margin only
	// what the fence promises is asked for, unless reads says that the rest is too.
	drift int
	reads bool
	// mistake changes what a host asks for.
	mistake func(Op) Op
	// prompt has all hosts but the first get answers about their leases at once: there are
	// fewer worlds then, and the first host still sees them all.
	prompt bool
	// credulous hosts count their lease from when they hear of it.
	credulous bool
}

// A budget is how often each may still happen.
//
// What is under way may come in any order, but before the next tick; late is how many ticks
// may go by before that, if it is to or from the first host alone: that is cut off. Of these
// the first host's clock may miss some, and count others twice.
type budget struct{ late, miss, twice, crash, lose, leave, write, create, finish int8 }

// A machine is a host with its clock, its engine and what is on its way to it.
type machine struct {
	up      bool
	host    *Host
	now     int
	missed  uint8 // a bit for each of the last ticks, whether its clock missed it
	replies []reply
	doing   []Op
	memory  [sessions]uint8 // which writes its engine knows
}

type reply struct {
	op  Op
	out Outcome
}

// A request is on its way to etcd; nobody waits for the answer if from is negative.
type request struct {
	op   Op
	from int
}

type world struct {
	*setting
	budget  budget
	etcd    *store
	machine [hosts]machine
	net     []request
	acked   [sessions]uint8
	written [sessions]uint8
}

func (s *setting) begin() *world {
	w := &world{setting: s, budget: s.budget, etcd: &store{revision: 1}}
	w.etcd.look()
	for i := range s.hosts {
		w.start(i)
	}
	return w
}

// settled is the world when all hosts are up and know it, and each session was made, by
// the first host that has least.
func (s *setting) settled() *world {
	w := s.begin()
	w.budget.create = int8(s.sessions)
	for made := 0; ; made++ {
		for w.underWay() {
			var first *world
			w.next(func(_ step, fault bool, next *world) {
				if first == nil && !fault {
					first = next
				}
			})
			w = first
		}
		if made == s.sessions {
			return w
		}
		c := w.clone()
		c.budget.create--
		c.touch(made % s.hosts).host.Create(string(rune('0' + made)))
		c.wake(made % s.hosts)
		w = c
	}
}

func (w *world) start(i int) {
	view := NewView(0, nil)
	w.machine[i] = machine{up: true, host: New(Config{
		Record: Record{Name: string(rune('a' + i)), Capacity: 2},
		TTL:    time.Duration(w.ttl), Margin: time.Duration(w.margin), Beat: 1, Moves: w.moves,
	}, view)}
	w.wake(i)
}

func (w *world) clone() *world {
	c := *w
	return &c
}

// touch makes machine i this world's own.
func (w *world) touch(i int) *machine {
	m := &w.machine[i]
	h := *m.host
	h.places, h.waiting = maps.Clone(h.places), maps.Clone(h.waiting)
	m.host, m.replies, m.doing = &h, slices.Clone(m.replies), slices.Clone(m.doing)
	return m
}

// wake has a machine that was touched say what it wants.
func (w *world) wake(i int) {
	m := &w.machine[i]
	for _, op := range m.host.Wake(time.Duration(m.now)) {
		if op.Kind >= Open {
			m.doing = append(m.doing, op)
		} else {
			w.send(op, i)
		}
	}
}

func (w *world) send(op Op, from int) {
	if w.mistake != nil {
		op = w.mistake(op)
	}
	if from > 0 && w.prompt && (op.Kind == Grant || op.Kind == Renew || op.Kind == Announce) {
		var out Outcome
		w.etcd, out = w.etcd.do(op, w.ttl)
		w.answer(from, op, out)
		return
	}
	w.net = append(slices.Clone(w.net), request{op, from})
}

// answer gives machine i an outcome.
func (w *world) answer(i int, op Op, out Outcome) {
	m := &w.machine[i]
	if op.Kind != write {
		if w.credulous {
			op.Sent = time.Duration(m.now)
		}
		m.host.Answer(op, out)
		w.wake(i)
		return
	}
	if s, bit := op.Session[0]-'0', uint8(op.Sent); out.Result == Done {
		w.acked[s] |= bit
		m.memory[s] |= bit
	}
}

// tidy leaves out what can change nothing any more: requests that etcd will refuse, and
// answers that nobody waits for.
func (w *world) tidy() {
	var net []request
	for _, r := range w.net {
		if r.from >= 0 && r.op.Kind < Open && r.op.Lease != w.machine[r.from].host.lease {
			r.from = -1
		}
		if r.from >= 0 || !w.idle(r.op) {
			net = append(net, r)
		}
	}
	w.net = net
	for i := range w.hosts {
		m := &w.machine[i]
		m.replies = slices.DeleteFunc(slices.Clone(m.replies), func(r reply) bool { return r.op.Kind < Open && r.op.Lease != m.host.lease })
	}
}

// idle tells whether a request that nobody waits for can have no effect.
func (w *world) idle(op Op) bool {
	if op.Kind == Grant || op.Kind <= Claim && w.etcd.lease(op.Lease) < 0 {
		return true
	}
	for _, c := range op.Txn.If {
		if c.Created > 0 && !w.etcd.holds(c) { // revisions do not come again
			return true
		}
	}
	return false
}

// A step is an event, for whoever wants to know what led somewhere.
type step struct {
	what string
	a, b int
	op   Op
}

func (s step) String() string {
	return fmt.Sprintf("%s host %c (%d) %s", s.what, 'a'+rune(s.a), s.b, describe(s.op))
}

var kinds = map[Kind]string{Grant: "grant", Renew: "renew", Revoke: "revoke", Announce: "announce", Create: "create", Claim: "claim", Release: "release",
	End: "end", Open: "open", Park: "park", Drop: "drop", write: "write"}

func describe(op Op) string {
	if op.Kind == 0 {
		return ""
	}
	return fmt.Sprintf("%s lease %x session %q %+v", kinds[op.Kind], op.Lease, op.Session, op.Txn)
}

// serves tells whether machine i serves a session.
func (w *world) serves(i int, session string) bool {
	m := &w.machine[i]
	if !m.up {
		return false
	}
	return m.host.Serves(session, time.Duration(m.now))
}

// next calls yield with every world that may come next.
func (w *world) next(yielded func(s step, fault bool, next *world)) {
	yield := func(s step, fault bool, next *world) {
		next.tidy()
		yielded(s, fault, next)
	}
	w.nextNet(yield)
	for i := range w.hosts {
		if m := &w.machine[i]; m.up && !m.host.Left() {
			w.nextMachine(i, yield)
		} else {
			c := w.clone()
			c.start(i)
			yield(step{what: "start", a: i}, false, c)
		}
	}
	w.tick(yield)
	for _, l := range w.etcd.leases {
		if l.left == 0 {
			c := w.clone()
			c.etcd = w.etcd.expire(l.lease)
			yield(step{what: "expire", b: int(l.lease)}, false, c)
		}
	}
}

func (w *world) nextNet(yield func(step, bool, *world)) {
	for i, r := range w.net {
		if r.op.Kind == Grant && len(w.etcd.leases) > 2*w.setting.hosts {
			continue // old ones end first
		}
		c := w.clone()
		c.net = slices.Delete(slices.Clone(w.net), i, i+1)
		var out Outcome
		c.etcd, out = w.etcd.do(r.op, w.ttl)
		if r.from >= 0 {
			m := c.touch(r.from)
			m.replies = append(m.replies, reply{r.op, out})
		}
		yield(step{what: "etcd does, for", a: r.from, op: r.op}, false, c)
		if r.from >= 0 && w.budget.lose > 0 && r.op.Kind != write {
			c := w.clone()
			c.budget.lose--
			c.net = slices.Clone(w.net)
			c.net[i].from = -1 // it may arrive yet
			c.touch(r.from)
			c.answer(r.from, r.op, Outcome{})
			yield(step{what: "gives up waiting", a: r.from, op: r.op}, true, c)
		}
	}
}

func (w *world) nextMachine(i int, yield func(step, bool, *world)) {
	m := &w.machine[i]
	for j, r := range m.replies {
		for _, lost := range []bool{false, true} {
			if lost && (w.budget.lose == 0 || r.op.Kind == write) {
				continue
			}
			c := w.clone()
			t := c.touch(i)
			t.replies = slices.Delete(t.replies, j, j+1)
			what := "hears"
			if lost {
				what, r.out = "never hears", Outcome{}
				c.budget.lose--
			}
			c.answer(i, r.op, r.out)
			yield(step{what: what, a: i, b: int(r.out.Result), op: r.op}, lost, c)
		}
	}
	for j, op := range m.doing {
		c := w.clone()
		t := c.touch(i)
		t.doing = slices.Delete(t.doing, j, j+1)
		if op.Kind == Open {
			t.memory[op.Session[0]-'0'] = w.etcd.journal[op.Session[0]-'0']
		}
		c.answer(i, op, Outcome{Result: Done})
		yield(step{what: "engine does", a: i, op: op}, false, c)
	}
	if m.host.view != w.etcd.view {
		c := w.clone()
		c.touch(i).host.See(w.etcd.view)
		c.wake(i)
		yield(step{what: "sees", a: i}, false, c)
	}
	w.nextLearner(i, yield)
	if w.budget.crash > 0 {
		c := w.clone()
		c.budget.crash--
		c.machine[i] = machine{host: m.host}
		c.net = slices.Clone(w.net)
		for j := range c.net {
			if c.net[j].from == i {
				c.net[j].from = -1
			}
		}
		yield(step{what: "crash", a: i}, true, c)
	}
	if w.budget.leave > 0 && !m.host.leaving {
		c := w.clone()
		c.budget.leave--
		c.touch(i).host.Leave()
		c.wake(i)
		yield(step{what: "leave", a: i}, true, c)
	}
}

// nextLearner is what people ask of a host.
func (w *world) nextLearner(i int, yield func(step, bool, *world)) {
	m := &w.machine[i]
	for s := range w.sessions {
		id := string(rune('0' + s))
		if w.budget.create > 0 && s == w.sessions-int(w.budget.create) && m.host.ID() != "" {
			c := w.clone()
			c.budget.create--
			c.touch(i).host.Create(id)
			c.wake(i)
			yield(step{what: "create", a: i}, true, c)
		}
		if !w.serves(i, id) {
			continue
		}
		if w.budget.write > 0 {
			c := w.clone()
			c.budget.write--
			bit := w.written[s] + 1 // 1, 2
			c.written[s] |= bit
			fence, _ := m.host.Fence(id)
			c.send(Op{Kind: write, Session: id, Sent: time.Duration(bit), Txn: Txn{If: []Compare{fence},
				Then: []Change{{Key: journal + id + "/" + string(rune('0'+bit))}}}}, i)
			yield(step{what: "write", a: i, b: int(bit)}, true, c)
		}
		if w.budget.finish > 0 {
			c := w.clone()
			c.budget.finish--
			c.touch(i).host.Finish(id)
			c.wake(i)
			yield(step{what: "finish", a: i}, true, c)
		}
	}
}

// tick is the time that goes by.
func (w *world) tick(yield func(step, bool, *world)) {
	late := w.underWay()
	if late && (w.budget.late == 0 || w.waits()) {
		return
	}
	first := &w.machine[0]
	for _, counts := range []int{1, 0, 2} {
		c := w.clone()
		switch {
		case counts == 1:
		case !first.up:
			continue
		case counts == 0:
			if w.budget.miss == 0 || bits.OnesCount8(first.missed) >= w.drift {
				continue
			}
			c.budget.miss--
		case w.budget.twice == 0:
			continue
		default:
			c.budget.twice--
		}
		if late {
			c.budget.late--
		}
		c.etcd = w.etcd.clone()
		for i := range c.etcd.leases {
			l := &c.etcd.leases[i]
			l.left = max(l.left-1, 0)
		}
		for i := range w.hosts {
			if !w.machine[i].up {
				continue
			}
			m := c.touch(i)
			if i > 0 {
				m.now++
			} else {
				m.now += counts
				m.missed = m.missed << 1 & (1<<(w.ttl-1) - 1)
				if counts == 0 {
					m.missed |= 1
				}
			}
			c.wake(i)
		}
		yield(step{what: [...]string{"tick, missed by", "tick", "tick, counted twice by"}[counts]}, late, c)
	}
}

// waits tells whether something is to be done that is not the first host's.
func (w *world) waits() bool {
	for i := 1; i < w.hosts; i++ {
		m := &w.machine[i]
		if m.up && (len(m.replies) > 0 || len(m.doing) > 0 || m.host.view != w.etcd.view) {
			return true
		}
	}
	return slices.ContainsFunc(w.net, func(r request) bool { return r.from > 0 })
}

// underWay tells whether something can happen before the time goes on.
func (w *world) underWay() bool {
	for i := range w.hosts {
		m := &w.machine[i]
		if m.up && (len(m.replies) > 0 || len(m.doing) > 0 || m.host.view != w.etcd.view) {
			return true
		}
	}
	return len(w.net) > 0 || slices.ContainsFunc(w.etcd.leases, func(l leased) bool { return l.left == 0 })
}

// wrong says which promise is broken, "" if none is.
func (w *world) wrong() string {
	for s := range w.sessions {
		id, served := string(rune('0'+s)), 0
		for i := range w.hosts {
			if !w.serves(i, id) {
				continue
			}
			served++
			if !w.timely() && w.etcd.view.Places[id].Host != w.machine[i].host.ID() {
				continue // what it says may be old, and what it writes is refused
			}
			if missing := w.acked[s] &^ w.machine[i].memory[s]; missing != 0 && w.exists(id) {
				return fmt.Sprintf("host %c serves session %s without write %b, which was acknowledged", 'a'+rune(i), id, missing)
			}
		}
		if served > 1 && w.timely() {
			return fmt.Sprintf("%d hosts serve session %s", served, id)
		}
	}
	return ""
}

// timely tells whether clocks are to keep a host from saying what is not true any more.
func (w *world) timely() bool { return w.reads || w.drift <= w.margin }

func (w *world) exists(session string) bool {
	_, there := w.etcd.find(Sessions + session)
	return there
}

// well tells whether every session that there is is served.
func (w *world) well() bool {
	for s := range w.sessions {
		id, served := string(rune('0'+s)), false
		for i := range w.hosts {
			served = served || w.serves(i, id)
		}
		if !served && w.exists(id) {
			return false
		}
	}
	return true
}
