package container

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// What is here bounds what all sessions of the machine have one of, and no cgroup counts: who
// takes all of it keeps the others from starting anything. What user namespaces count is
// bounded by nsexec.Shares.

// defaultSocketBytes is a 64th of the machine's memory: a quarter of where TCP begins to be
// sparing with everybody (tcp_mem, a 16th by default).
func defaultSocketBytes() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 64 << 20
	}
	return max(int64(info.Totalram)*int64(info.Unit)/64, 16<<20)
}

// limitSockets bounds what the group's sockets hold. Version 2 counts that as any memory;
// version 1 by itself, and only for processes in groups that have a limit of it, so all have.
func (g *cgroup) limitSockets() error {
	if g.of.v2 || g.sockets == 0 {
		return nil
	}
	return g.write(write{"memory", "memory.kmem.tcp.limit_in_bytes", strconv.FormatInt(g.sockets, 10), true})
}

// Pseudo-terminals are bounded for the machine (kernel.pty.max, 4096, of which 3072 are not
// the host's), and by mount: each container has some.
const (
	sessionTerminals = 512 // but the least for each container comes on top
	mostTerminals    = 32
	leastTerminals   = 2
)

// terminals is how many pseudo-terminals one more container may have, when those before it may
// have so many together.
func terminals(given int) int {
	return min(max((sessionTerminals-given)/16, leastTerminals), mostTerminals)
}

// giveTerminals notes how many c may have.
func (s *Session) giveTerminals(c *Container) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := 0
	for _, other := range s.containers {
		if other != c {
			given += other.terminals
		}
	}
	c.terminals = terminals(given)
	return c.terminals
}

// openFilesOf is how many files each process of a session of so many may have open, when all of the
// machine may have allFiles (fs.file-max, which who is not root outside cannot pass): together not
// more than half of those, but each as many as most programs expect.
func openFilesOf(processes int64, allFiles, may uint64) uint64 {
	return min(max(allFiles/2/uint64(processes), 1024), may, 65536)
}

// allFiles reads fs.file-max; what cannot be read bounds nothing.
func allFiles() uint64 {
	text, _ := os.ReadFile("/proc/sys/fs/file-max")
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 1 << 62
	}
	return n
}
