package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/rules"
)

const (
	// lookEvery is how often the kernel's counts are read.
	lookEvery = 5 * time.Second
	// breachTime is how long a breach is held against a session.
	breachTime = time.Hour
	// breachesKept are the latest, for whoever runs the server.
	breachesKept = 200
	// calm is the share of a core below which a session breaks no rules that are counted.
	calm = 0.02
)

// breaches are what containers did that they may not. It is safe for concurrent use.
type breaches struct {
	mu     sync.Mutex
	latest []model.Breach
	tell   func(model.Breach)
}

func (b *breaches) add(m model.Breach) {
	b.mu.Lock()
	b.latest = append(b.latest, m)
	b.latest = b.latest[max(0, len(b.latest)-breachesKept):]
	tell := b.tell
	b.mu.Unlock()
	if tell != nil {
		tell(m)
	}
}

// Breaches are the latest, oldest first.
func (e *Engine) Breaches() []model.Breach {
	e.breaches.mu.Lock()
	defer e.breaches.mu.Unlock()
	return slices.Clone(e.breaches.latest)
}

// OnBreach has f told of each from now on, one at a time or not.
func (e *Engine) OnBreach(f func(model.Breach)) {
	e.breaches.mu.Lock()
	defer e.breaches.mu.Unlock()
	e.breaches.tell = f
}

// keepRules reads what containers do until ctx is done, and stops those that break rules.
func (e *Engine) keepRules(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for _, s := range e.opened() {
			s.inspect()
		}
	}
}

// opened are the sessions that are open.
func (e *Engine) opened() []*Session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.sessions))
}

// conduct is what a session did that it may not.
type conduct struct {
	mu    sync.Mutex
	watch rules.Watch     // of keepRules alone
	last  container.Usage // so is this
	times []time.Time
	cores float64 // of the time between the latest looks
}

// now tells how many cores the session uses, and how many breaches are held against it.
func (r *conduct) now(now time.Time) (cores float64, breaches int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.times {
		if now.Sub(t) <= breachTime {
			breaches++
		}
	}
	return r.cores, breaches
}

func (r *conduct) use(cores float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cores = cores
}

// count counts a breach, and tells how many there are.
func (r *conduct) count(now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times = slices.DeleteFunc(r.times, func(t time.Time) bool { return now.Sub(t) > breachTime })
	r.times = append(r.times, now)
	return len(r.times)
}

// inspect reads what the session's containers do. Of one that is calm it reads one group.
func (s *Session) inspect() {
	whole, ok := s.containers.Usage()
	if !ok {
		return
	}
	r := &s.conduct
	took := whole.At.Sub(r.last.At)
	used := whole.CPU - r.last.CPU
	if !r.last.At.IsZero() {
		r.use(float64(used) / float64(took))
	}
	r.last = whole
	if float64(used) < calm*float64(took) {
		return
	}
	readings, all := map[string]rules.Reading{}, map[string]*container.Container{}
	for _, c := range s.containers.Containers() {
		if c.Status().State != container.Running {
			continue
		}
		if u, ok := c.Usage(); ok {
			all[c.ID()] = c
			readings[c.ID()] = rules.Reading{At: u.At, Refused: u.Refused, Killed: u.Killed, CPU: u.CPU}
		}
	}
	r.watch.Patience = s.engine.cfg.Patience
	cores := 0.0
	if has := s.engine.cfg.share(); has.CPUQuota > 0 {
		cores = float64(has.CPUQuota) / float64(has.CPUPeriod)
	}
	for id, b := range r.watch.Look(rules.Reading{At: whole.At, CPU: whole.CPU}, cores, readings) {
		_ = all[id].Signal(unix.SIGKILL) // it may have ended
		s.breach(id, b)
	}
}

// forbidden is told of a container that ended by a system call that it may not make.
func (s *Session) forbidden(id string) { s.breach(id, rules.Forbidden()) }

// breach tells everybody whom it concerns, and ends a session that has too many.
func (s *Session) breach(id string, b rules.Breach) {
	now := time.Now()
	n, most := s.conduct.count(now), s.engine.cfg.MaxBreaches
	told := model.Breach{Time: now.UTC().Format(time.RFC3339), Session: shorten(s.id), Rule: b.Rule, Ended: most > 0 && n >= most}
	who := "The learner's machine, or a node's shell,"
	for _, p := range s.powers() {
		namespace, pod, name, ok := p.runtime.PodOf(id)
		if !ok {
			continue
		}
		told.Pod, told.Container = namespace+"/"+pod, name
		who = "Container " + name
		p.runtime.Warn(id, "RuleBroken", fmt.Sprintf("Container %s was stopped: it %s.%s", name, b.Text, warning(n, most)))
	}
	told.Text = fmt.Sprintf("%s %s, and was stopped.", who, b.Text)
	s.log.Warn("a container broke a rule and was stopped", "rule", b.Rule, "pod", told.Pod, "container", told.Container, "text", told.Text, "breaches", n)
	s.engine.breaches.add(told)
	if told.Ended {
		s.log.Warn("a session is ended: it has broken too many rules", "breaches", n)
		s.engine.behind(func() { s.Close() })
	}
}

// warning says what is to come.
func warning(n, most int) string {
	if most <= 0 {
		return ""
	}
	return fmt.Sprintf(" That is %d of %d times in an hour: then the whole session is ended.", n, most)
}

// powers are those of the nodes that are on.
func (s *Session) powers() (all []*power) {
	for _, m := range s.nodes.list() {
		if p := m.power.Load(); p != nil && p.kubelet.Load() != nil { // which is set after the runtime
			all = append(all, p)
		}
	}
	return all
}

// shorten is as much of a session's ID as tells it from others and opens nothing.
func shorten(id string) string { return id[:min(len(id), 8)] }
