package engine

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/capacity"
	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/model"
)

// planEvery is how long a plan is good: everybody who waits asks for it.
const planEvery = time.Second

// planned is the latest plan. It is safe for concurrent use.
type planned struct {
	mu   sync.Mutex
	at   time.Time
	plan capacity.Plan
}

// Capacity is how many sessions more this machine can take now, by what it has, and by what
// those use that there are.
func (e *Engine) Capacity() capacity.Plan {
	p := &e.planned
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.at) > planEvery || now.Before(p.at) {
		p.plan, p.at = capacity.Make(e.measure()), now
	}
	e.mu.Lock()
	used, most := e.slots.used, e.slots.most
	e.mu.Unlock()
	plan := p.plan
	if left := max(most-used, 0); left < plan.Room { // sessions that were opened since
		plan.Room, plan.Binds = left, capacity.Places
	}
	return plan
}

func (e *Engine) measure() capacity.Measured {
	m := capacity.Machine{Proc: "/proc", Cgroup: "/sys/fs/cgroup", Data: e.cfg.Sessions}.Read()
	e.mu.Lock()
	m.Sessions, m.Most = e.slots.used, e.slots.most
	e.mu.Unlock()
	m.PressureMost = e.cfg.PressureMost
	if u, ok := e.containers.Usage(); ok {
		m.MemoryUsed, m.Processes = u.Memory, u.Processes
	}
	m.MemoryUsed += capacity.Resident("/proc")
	return m
}

// Ends are when sessions end at the latest, in no order.
func (e *Engine) Ends() (all []time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sessions {
		all = append(all, s.life.end())
	}
	for _, p := range e.parked {
		all = append(all, p.life.end())
	}
	return all
}

// Overview is all sessions, the oldest first.
func (e *Engine) Overview() []model.OperatorSession {
	all := []model.OperatorSession{}
	e.mu.Lock()
	for id, p := range e.parked {
		all = append(all, overviewOf(id, "parked", &p.life))
	}
	e.mu.Unlock()
	for _, s := range e.opened() {
		all = append(all, s.overview())
	}
	slices.SortFunc(all, func(a, b model.OperatorSession) int {
		return strings.Compare(a.Born+a.ID, b.Born+b.ID)
	})
	return all
}

func overviewOf(id, state string, l *lifetime) model.OperatorSession {
	born, until := l.span()
	return model.OperatorSession{ID: id, Session: shorten(id), State: state, Born: born.UTC().Format(time.RFC3339), Until: until.UTC().Format(time.RFC3339)}
}

func (s *Session) overview() model.OperatorSession {
	o := overviewOf(s.id, "open", &s.life)
	if u, ok := s.containers.Usage(); ok {
		o.Memory, o.Processes = int64(u.Memory), int(u.Processes)
	}
	for _, c := range s.containers.Containers() {
		if c.Status().State == container.Running {
			o.Containers++
		}
	}
	o.CPU, o.Breaches = s.conduct.now(time.Now())
	asked := s.api.Asked()
	o.Nodes, o.Viewers, o.Objects = len(s.nodes.on()), s.feed.Viewers(), s.api.Usage().Objects
	o.Pods, o.LastError = len(s.pods.all()), s.failed.String()
	o.Asked, o.Refused = asked.Taken.Seconds(), asked.Refused
	if j, ok := s.journal.(interface{ Size() int64 }); ok {
		o.Journal = j.Size()
	}
	return o
}

// End ends a session for good, one too that is parked. It fails with model.ErrNotFound.
func (e *Engine) End(_ context.Context, id string) error {
	e.mu.Lock()
	s, p, lost := e.sessions[id], e.parked[id], e.lostOf(id)
	e.mu.Unlock()
	if s == nil && p == nil {
		return lost
	}
	if p != nil {
		e.endParked(p, "the session is ended") // it does nothing if somebody had it opened meanwhile
		e.mu.Lock()
		s = e.sessions[id]
		e.mu.Unlock()
	}
	if s == nil {
		return nil
	}
	return s.Close()
}
