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
	g, err := c.make(c.dirs, "session", Resources{})
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
