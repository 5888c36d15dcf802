package nsexec

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestControllersOf(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"version 2", "0::/system.slice/podhop.service\n", nil},
		{"version 1 and a hybrid's", "9:name=systemd:/a\n4:memory:/docker/1\n1:cpu,cpuacct:/docker/1\n0::/\n", []string{"cpu,cpuacct", "memory"}},
		{"nothing", "", nil},
	} {
		if got := controllersOf([]byte(tt.text)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Only the group that the process is in is looked at, and only a mark that says yes counts.
func TestDelegated(t *testing.T) {
	root := t.TempDir()
	for path, mark := range map[string]string{"given.service": "1", "given.service/below": "", "kept.service": "0", "plain.service": ""} {
		dir := filepath.Join(root, "system.slice", path)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if mark == "" {
			continue
		}
		if err := unix.Setxattr(dir, "user.delegate", []byte(mark), 0); errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip("no attributes here: ", err)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, own string
		want      bool
	}{
		{"a unit with Delegate=yes", "0::/system.slice/given.service\n", true},
		{"a group below it", "0::/system.slice/given.service/below\n", false},
		{"a unit that says no", "0::/system.slice/kept.service\n", false},
		{"a unit that says nothing", "0::/system.slice/plain.service\n", false},
		{"a hybrid", "4:memory:/system.slice/given.service\n0::/system.slice/plain.service\n", false},
		{"none that is there", "0::/gone\n", false},
		{"the root", "0::/\n", false},
	} {
		own := filepath.Join(t.TempDir(), "cgroup")
		if err := os.WriteFile(own, []byte(tt.own), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := delegated(root, own); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// ownTop is a folder of groups that can be written where there are limits at all.
func ownTop() string {
	if Current().Cgroup == "v2" {
		return cgroupRoot
	}
	return filepath.Join(cgroupRoot, "memory")
}

// groupsStage tells of the groups of a server.
func groupsStage(c io.Writer) {
	dir := filepath.Join(ownTop(), fmt.Sprintf("podhop-test-%d", time.Now().UnixNano()))
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = os.Remove(dir)
	}
	if have, _ := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil && slices.Contains(strings.Fields(string(have)), "pids") {
		// refused while processes are in it
		err = os.WriteFile(filepath.Join(cgroupRoot, "cgroup.subtree_control"), []byte("+pids"), 0)
	}
	text, _ := os.ReadFile("/proc/self/cgroup")
	fmt.Fprintf(c, "%s, mkdir: %v\n%s", Current().Cgroup, err, text)
}

// moveStage has the supervisor read and write files that are no groups.
func moveStage(c io.Writer) {
	in, _ := told()
	for _, text := range []string{"", "17\n"} {
		from, _ := os.CreateTemp("", "from")
		to, _ := os.CreateTemp("", "to")
		_, _ = from.WriteString(text)
		err := moveOutside(in.Outside, from, to)
		_, _ = to.Seek(0, io.SeekStart)
		wrote, _ := io.ReadAll(to)
		fmt.Fprintf(c, "%v %.4s\n", err, wrote)
		_, _ = os.Remove(from.Name()), os.Remove(to.Name())
	}
}

// readOnlyCgroups has no group be written by its mount, as a container engine does.
func readOnlyCgroups() error {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	for s := bufio.NewScanner(f); s.Scan(); {
		at := strings.Fields(s.Text())[1]
		if at != cgroupRoot && !strings.HasPrefix(at, cgroupRoot+"/") {
			continue
		}
		if err := unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|safe, ""); err != nil && !errors.Is(err, fs.ErrNotExist) { // beneath another
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}

// A server in a container, whose groups are mounted read-only, mounts them anew.
func TestReadOnlyCgroups(t *testing.T) {
	probe := filepath.Join(ownTop(), "podhop-test-own")
	if err := os.Mkdir(probe, 0o755); errors.Is(err, fs.ErrPermission) || Current().Cgroup == "" {
		t.Skip("the group we run in is not ours: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(probe); err != nil {
		t.Fatal(err)
	}
	s := startStageWith(t, "read-only groups", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS})
	said := s.say(t, "groups")
	if !strings.HasPrefix(said, Current().Cgroup+", mkdir: <nil>\n") {
		t.Errorf("the groups could not be used: %s", said)
	}
	for line := range strings.Lines(said) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 && f[2] != "/" && f[2] != "/"+serverGroup {
			t.Errorf("its groups do not begin with its own: %s", line)
		}
	}
}

// The supervisor moves what it is asked to.
func TestMoveOutside(t *testing.T) {
	if said, want := startStage(t).say(t, "move"), "<nil> \nprocesses kept coming 1717\n"; said != want {
		t.Errorf("%q, want %q", said, want)
	}
}

func TestMoveAll(t *testing.T) {
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
	t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
	group := func(name string, mode int) *os.File {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrPermission) {
			t.Skip("the group we run in is not ours: ", err)
		} else if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			until(t, "the group is removed", func() bool { return unix.Rmdir(dir) == nil })
		})
		f, err := os.OpenFile(filepath.Join(dir, "cgroup.procs"), mode, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	name := fmt.Sprintf("podhop-move-%d", time.Now().UnixNano())
	from, to := group(name+"-from", os.O_RDWR), group(name+"-to", os.O_WRONLY)
	var pids []int
	for range 3 {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer cmd.Process.Kill()
		if _, err := fmt.Fprint(from, cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, cmd.Process.Pid)
	}
	if err := moveAll(from, to); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid)); !strings.Contains(string(text), name+"-to\n") {
			t.Errorf("process %d is in\n%s", pid, text)
		}
	}
}
