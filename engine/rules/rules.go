// Package rules says when a container breaks the rules of the house, by what the kernel counts
// of it. It must not know what containers are, nor do anything about them.
//
// There is no rule about packets: pods of a session reach nothing outside, and who sends them
// pays for their way in CPU time, which is bounded.
package rules

import (
	"fmt"
	"time"
)

// The rules there are.
const (
	Forks   = "forks"   // it starts programs though it may not, again and again
	Memory  = "memory"  // its programs are killed for their memory, again and again
	Seccomp = "seccomp" // it made a system call that nobody makes who means well
	CPU     = "cpu"     // the session uses all the CPU time it may have, and this container most of it
)

const (
	// forksMost are refused forks between two looks. A program that meets its limit tries a few
	// times; a fork bomb does so as fast as it can.
	forksMost = 100
	// killsMost are programs killed for their memory within killsTime while the container runs on.
	killsMost = 30
	killsTime = time.Minute
	// gap is between two looks at a session from which on nobody knows when what was counted
	// happened: a calm session is not looked into.
	gap = 30 * time.Second
	// busy is of the CPU time that a session may have.
	busy = 0.95
)

// A Reading is what the kernel has counted of a container since it started.
type Reading struct {
	At              time.Time
	Refused, Killed uint64 // forks, and programs for their memory
	CPU             time.Duration
}

// A Breach is a rule broken, and how, in words that go on from the container's name.
type Breach struct{ Rule, Text string }

// Forbidden is the breach of a container that ended by a forbidden system call.
func Forbidden() Breach {
	return Breach{Seccomp, "made a system call that no container may make here, and that only somebody makes who wants out of one"}
}

// A Watch remembers what was read of one session. It is for one goroutine.
type Watch struct {
	// Patience is how long a session may use all that it may have; 0 is for ever.
	Patience   time.Duration
	containers map[string]*seen
	last       Reading
	busySince  time.Time
}

type seen struct {
	last  Reading
	began Reading // of the minute in which kills are counted
	busy  time.Duration
}

// Look takes readings of all containers of a session by their IDs, and of the session as a
// whole, which may have so many cores; 0 is no limit. It answers who has broken a rule since
// the last look. After a gap, as when it is the first, it answers nobody: what they did may
// have been long ago.
func (w *Watch) Look(whole Reading, cores float64, all map[string]Reading) map[string]Breach {
	breaches := map[string]Breach{}
	before, anew := w.containers, whole.At.Sub(w.last.At) > gap
	w.containers = make(map[string]*seen, len(all))
	for id, now := range all {
		s := before[id]
		switch {
		case anew:
			s = &seen{last: now, began: now}
		case s == nil: // it was started since
			s = &seen{began: Reading{At: now.At}}
		}
		w.containers[id] = s
		if b, ok := s.judge(now); ok {
			breaches[id] = b
		}
		s.busy += now.CPU - s.last.CPU
		s.last = now
	}
	if id, ok := w.judge(whole, cores); ok && breaches[id].Rule == "" {
		breaches[id] = Breach{CPU, fmt.Sprintf("used the CPU time that its session may have (%s) for %s without a pause", amount(cores), w.Patience)}
	}
	return breaches
}

func (s *seen) judge(now Reading) (Breach, bool) {
	if now.At.Sub(s.began.At) > killsTime {
		s.began = s.last
	}
	switch {
	case now.Refused >= s.last.Refused+forksMost:
		return Breach{Forks, fmt.Sprintf("tried to start more processes than it may have, %d times%s", now.Refused-s.last.Refused, span(s.last.At, now.At))}, true
	case now.Killed >= s.began.Killed+killsMost:
		text := fmt.Sprintf("wanted more memory than it may have, and %d of its programs were killed for it%s", now.Killed-s.began.Killed, span(s.began.At, now.At))
		s.began = now
		return Breach{Memory, text}, true
	}
	return Breach{}, false
}

// judge answers which container is to answer for the session's CPU time.
func (w *Watch) judge(now Reading, cores float64) (worst string, ok bool) {
	defer func() { w.last = now }()
	took := now.At.Sub(w.last.At)
	if w.Patience == 0 || cores == 0 || w.last.At.IsZero() || float64(now.CPU-w.last.CPU) < busy*cores*float64(took) {
		w.rest(time.Time{})
		return "", false
	}
	if w.busySince.IsZero() {
		w.busySince = w.last.At
	}
	if now.At.Sub(w.busySince) < w.Patience {
		return "", false
	}
	most := time.Duration(0)
	for id, s := range w.containers {
		if s.busy > most {
			worst, most = id, s.busy
		}
	}
	w.rest(now.At)
	return worst, worst != ""
}

// rest counts anew who uses how much.
func (w *Watch) rest(since time.Time) {
	w.busySince = since
	for _, s := range w.containers {
		s.busy = 0
	}
}

func amount(cores float64) string {
	if cores == 1 {
		return "1 core"
	}
	return fmt.Sprintf("%.3g cores", cores)
}

func span(from, to time.Time) string {
	if from.IsZero() { // it is looked at for the first time
		return ""
	}
	return " in " + max(to.Sub(from), time.Second).Round(time.Second).String()
}
