package container

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Usage is what a container uses and has used, with the further programs that
// run in it.
type Usage struct {
	// At is when this was read.
	At time.Time
	// CPU is the time of all its processes on all cores, since it started.
	CPU time.Duration
	// Memory is what it is charged for in bytes, with the files it has in memory.
	// WorkingSet is without those that the kernel could drop at once, as the
	// kubelet counts it; RSS is without files.
	Memory, WorkingSet, RSS uint64
	PageFaults, MajorFaults uint64
	Processes               uint64
	// Refused is how many forks the kernel refused its processes, Killed how many of them it
	// killed for their memory.
	Refused, Killed uint64
}

// meter remembers what a container has used, for when it can be read no more.
type meter struct {
	mu   sync.Mutex
	last Usage
	// counted is what the processes there are now had used when last counted; it
	// shrinks when some of them go.
	counted time.Duration
}

// Usage reads what the container uses, from its group, or where there are no
// groups from its processes. Once it has ended that is its CPU time alone. It
// tells false where nothing is known.
func (c *Container) Usage() (Usage, bool) {
	m := &c.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	now := Usage{At: time.Now()}
	pid := c.Status().Pid
	if pid == 0 && c.Status().StartedAt.IsZero() {
		return Usage{}, false
	}
	if c.cgroup == nil || !c.cgroup.usage(&now) {
		now.CPU = m.last.CPU
		if pid == 0 || !processes(pid).add(&now, &m.counted) {
			now.Memory, now.WorkingSet, now.RSS, now.Processes = 0, 0, 0, 0
			now.PageFaults, now.MajorFaults = m.last.PageFaults, m.last.MajorFaults
			return now, !m.last.At.IsZero()
		}
	}
	if pid == 0 {
		now.Memory, now.WorkingSet, now.RSS, now.Processes = 0, 0, 0, 0
	}
	m.last = now
	return now, true
}

// usage reads the group's files. What is read of memory is what cadvisor reads
// (container/libcontainer/handler.go); it tells false without a reading of CPU.
func (g *cgroup) usage(u *Usage) bool {
	if g.of.v2 {
		usec, ok := field(g.read("cpu", "cpu.stat"), "usage_usec")
		if !ok {
			return false
		}
		u.CPU = time.Duration(usec) * time.Microsecond
		u.memory(g.read("memory", "memory.current"), g.read("memory", "memory.stat"), "inactive_file", "anon", "pgfault", "pgmajfault")
	} else {
		nsec, ok := number(g.read("cpuacct", "cpuacct.usage"))
		if !ok {
			return false
		}
		u.CPU = time.Duration(nsec)
		u.memory(g.read("memory", "memory.usage_in_bytes"), g.read("memory", "memory.stat"), "total_inactive_file", "total_rss", "total_pgfault", "total_pgmajfault")
	}
	u.Processes, _ = number(g.read("pids", "pids.current"))
	u.Refused, _ = field(g.read("pids", "pids.events"), "max")
	u.Killed, _ = field(g.read("memory", g.eventsFile()), "oom_kill")
	return true
}

// eventsFile has what the kernel did to the group for its memory.
func (g *cgroup) eventsFile() string {
	if g.of.v2 {
		return "memory.events"
	}
	return "memory.oom_control"
}

// Usage reads what all containers of the session use together. It tells false where there are
// no groups.
func (s *Session) Usage() (Usage, bool) {
	u := Usage{At: time.Now()}
	return u, s.cgroup != nil && s.cgroup.usage(&u)
}

// Usage is Session.Usage of all sessions of the host together.
func (h *Host) Usage() (Usage, bool) {
	u := Usage{At: time.Now()}
	return u, h.cgroups != nil && (&cgroup{of: h.cgroups, dirs: h.cgroups.dirs}).usage(&u)
}

func (u *Usage) memory(usage, stat []byte, inactive, rss, faults, major string) {
	u.Memory, _ = number(usage)
	idle, _ := field(stat, inactive)
	u.WorkingSet = u.Memory - min(idle, u.Memory)
	u.RSS, _ = field(stat, rss)
	u.PageFaults, _ = field(stat, faults)
	u.MajorFaults, _ = field(stat, major)
}

// read reads a file of the group, which is small. Nil: it is not there.
func (g *cgroup) read(controller, file string) []byte {
	dir := g.dirs[controller]
	if dir == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil
	}
	return text
}

// number is of a file that has one number.
func number(text []byte) (uint64, bool) {
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}

// field finds a line "name number".
func field(text []byte, name string) (uint64, bool) {
	for line := range bytes.Lines(text) {
		if key, value, ok := bytes.Cut(line, []byte{' '}); ok && string(key) == name {
			return number(value)
		}
	}
	return 0, false
}
