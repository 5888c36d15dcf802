package container

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestVersion2 puts a process into a group of version 2, on a hierarchy without
// controllers where version 1 has them.
func TestVersion2(t *testing.T) {
	root := t.TempDir()
	mounted := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWCGROUP)
		if err == nil {
			err = unix.Mount("cgroup2", root, "cgroup2", 0, "")
		}
		mounted <- err
	}()
	if err := <-mounted; err != nil {
		t.Fatal("mount cgroup2: ", err)
	}
	defer unix.Unmount(root, unix.MNT_DETACH)
	c := &cgroups{v2: true, dirs: map[string]string{"pids": filepath.Join(root, "podhop-test"), "memory": filepath.Join(root, "podhop-test")}}
	if err := os.Mkdir(c.dirs["pids"], 0o755); errors.Is(err, fs.ErrPermission) {
		t.Skip("the group we run in is not ours: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer removeTree(c.dirs["pids"], time.Second)
	g, err := c.make(cgroup{dirs: c.dirs}, "session", Resources{})
	if err != nil {
		t.Fatal(err)
	}
	sub, err := g.sub("container", Resources{})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat", "/proc/self/cgroup")
	var out strings.Builder
	cmd.Stdout = &out
	if err := sub.start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "/podhop-test/session/container\n") {
		t.Errorf("the process was in\n%s", &out)
	}
	if sub.oomKilled() {
		t.Error("it was not killed for memory")
	}
	if err := g.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(g.dirs["pids"]); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the group is still there: ", err)
	}
}

// TestControlFiles goes through setting up version 2 on plain files.
func TestControlFiles(t *testing.T) {
	root := t.TempDir()
	control := filepath.Join(root, "cgroup.subtree_control")
	os.WriteFile(control, []byte("cpuset cpu io memory pids\n"), 0o600)
	if err := enableControllers(root); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(control); string(text) != "cpuset cpu io memory pids\n" {
		t.Errorf("it was written needlessly: %q", text)
	}
	os.WriteFile(control, []byte("cpuset cpu\n"), 0o600)
	if err := enableControllers(root); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(control); !strings.HasPrefix(string(text), "+") {
		t.Errorf("pids and memory were not asked for: %q", text)
	}
	if err := enableControllers(filepath.Join(root, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no hierarchy: %v", err)
	}
	file := filepath.Join(root, "cgroup")
	os.WriteFile(file, []byte("5:cpu,cpuacct:/a\n3:pids:/user.slice\n0::/b/c\n"), 0o600)
	own, err := ownCgroups(file)
	if err != nil || own["cpu"] != "/a" || own["cpuacct"] != "/a" || own["pids"] != "/user.slice" || own[""] != "/b/c" {
		t.Errorf("%v, %v", own, err)
	}
	for _, dir := range []string{"cpu,cpuacct", "pids"} {
		os.Mkdir(filepath.Join(root, dir), 0o755)
	}
	if got := findHierarchy(root, "cpu"); got != filepath.Join(root, "cpu,cpuacct") {
		t.Errorf("cpu is at %q", got)
	}
	if got := findHierarchy(root, "memory"); got != "" {
		t.Errorf("memory is at %q", got)
	}
}

// TestOOMKilled reads the counters of both versions, as kernels write them.
func TestOOMKilled(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string
		v2, want         bool
	}{
		{"v1", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", false, true},
		{"v1, alive", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", false, false},
		{"v2", "memory.events", "low 0\nhigh 0\nmax 28\noom 2\noom_kill 2\noom_group_kill 1\n", true, true},
		{"v2, alive", "memory.events", "low 0\nhigh 0\nmax 28\noom 0\noom_kill 0\noom_group_kill 0\n", true, false},
		{"v2, of the other version's file", "memory.oom_control", "oom_kill 1\n", true, false},
	} {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o600)
		g := &cgroup{of: &cgroups{v2: tt.v2}, dirs: map[string]string{"memory": dir}}
		if got := g.oomKilled(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// TestLimitFiles writes to plain files, of which some are missing.
func TestLimitFiles(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"} {
		os.WriteFile(filepath.Join(dir, file), nil, 0o600)
	}
	g := &cgroup{of: &cgroups{}, dirs: map[string]string{"memory": dir}}
	if err := g.limit(Resources{Memory: 1 << 20, Pids: 5}); err != nil { // no pids controller: nothing to write
		t.Error(err)
	}
	os.Remove(filepath.Join(dir, "memory.memsw.limit_in_bytes")) // no accounting of swap
	if err := g.limit(Resources{Memory: 2 << 20}); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "memory.limit_in_bytes")); string(text) != "2097152" {
		t.Errorf("limit %q", text)
	}
	os.Remove(filepath.Join(dir, "memory.limit_in_bytes"))
	if err := g.limit(Resources{Memory: 3 << 20}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}
