package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process is one of the machine's, by its /proc folder.
type process struct {
	parent     int
	command    string
	namespaces []string // of the kinds that a server makes
}

func processes() map[int]process {
	all := map[int]process{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		if err != nil {
			continue
		}
		// The name, in parentheses, may hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		p := process{parent: parent}
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		p.command = strings.ReplaceAll(string(command), "\x00", " ")
		for _, kind := range []string{"net", "mnt", "pid", "user"} {
			if ns, err := os.Readlink(filepath.Join(dir, "ns", kind)); err == nil {
				p.namespaces = append(p.namespaces, ns)
			}
		}
		all[pid] = p
	}
	return all
}

// family returns the namespaces of all descendants of pid, less pid's own, and
// the descendants' command lines.
func family(pid int) (namespaces map[string]bool, commands []string) {
	all := processes()
	namespaces = map[string]bool{}
	for id := range all {
		for up := all[id].parent; up > 1; up = all[up].parent {
			if up != pid {
				continue
			}
			commands = append(commands, all[id].command)
			for _, ns := range all[id].namespaces {
				namespaces[ns] = true
			}
			break
		}
	}
	for _, ns := range all[pid].namespaces {
		delete(namespaces, ns)
	}
	return namespaces, commands
}

// left lists what still names one of the namespaces or lies under data.
func left(data string, namespaces map[string]bool) (found []string) {
	for pid, p := range processes() {
		for _, ns := range p.namespaces {
			if namespaces[ns] {
				found = append(found, fmt.Sprintf("process %d %s", pid, p.command))
				break
			}
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for _, line := range strings.Split(string(mounts), "\n") {
		if strings.Contains(line, data) {
			found = append(found, "mount "+line)
		}
	}
	return found
}

// cgroups lists the machine's cgroups that are Podhop's.
func cgroups() map[string]bool {
	found := map[string]bool{}
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(path, "podhop") {
			found[path] = true
		}
		return nil
	})
	return found
}

// TestKill kills the server with -9 while pods run, and finds nothing of it: no
// process, mount, namespace or temporary file at once, no cgroup once it is started again.
func TestKill(t *testing.T) {
	data, temporary := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	before := cgroups()
	s := start(t, data)
	x := s.open()
	x.apply(article("3-my-deployment.yaml"))
	x.terminal("client").shows("$ ")
	until(t, 60*time.Second, "the pods run", func() string {
		return map[bool]string{false: "not yet"}[len(x.pods("my-deployment")) == 3]
	})
	var namespaces map[string]bool
	// The server inside, three nginx masters and their workers; a namespace of each kind
	// at least. A master names itself so a moment after its container has started.
	until(t, patience, "the test sees what it looks for", func() string {
		var commands []string
		namespaces, commands = family(s.cmd.Process.Pid)
		if n := strings.Count(strings.Join(commands, "\n"), "nginx: master"); n != 3 || len(namespaces) < 4 {
			return fmt.Sprintf("%d nginx, %d namespaces: %q", n, len(namespaces), commands)
		}
		return ""
	})

	s.stop(syscall.SIGKILL)
	until(t, patience, "nothing of the killed server is left", func() string {
		found := left(data, namespaces)
		for _, f := range must(os.ReadDir(temporary)) {
			found = append(found, "file "+f.Name())
		}
		return strings.Join(found, "\n")
	})

	again := start(t, data)
	y := again.open()
	y.apply(article("1-my-pod.yaml"))
	until(t, 60*time.Second, "a pod runs after the restart", func() string {
		return map[bool]string{false: "not yet"}[len(y.pods("my-pod")) == 1]
	})
	namespaces, _ = family(again.cmd.Process.Pid)
	again.stop(syscall.SIGTERM)
	until(t, patience, "nothing of the ended server is left", func() string {
		found := left(data, namespaces)
		for group := range cgroups() {
			if !before[group] {
				found = append(found, "cgroup "+group)
			}
		}
		return strings.Join(found, "\n")
	})
}
