package nsexec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestIDsAs(t *testing.T) {
	for _, tt := range []struct {
		name      string
		ids, want []IDMap
	}{
		{"a machine's root", []IDMap{{0, 0, 1}, {1, 1 << 24, 1 << 28}}, []IDMap{{0, 1000, 1}, {1, 1 << 24, 1 << 28}}},
		{"among few", []IDMap{{0, 0, 1}, {1, 1, 65535}}, []IDMap{{0, 1000, 1}, {1, 1, 999}, {1000, 1001, 999}, {1999, 2001, 63535}}},
		{"the first and the last", []IDMap{{0, 0, 1}, {1, 1000, 1001}}, []IDMap{{0, 1000, 1}, {1, 1001, 999}}},
	} {
		if got := idsAs(tt.ids, User{1000, 2000}); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// whoStage tells whether the limits of the server's own group can be lifted.
func whoStage(c io.Writer) {
	for _, limit := range []string{"memory.limit_in_bytes", "memory.max", "cgroup.procs"} {
		file := filepath.Join(ownTop(), limit)
		if unix.Access(file, unix.F_OK) == nil {
			fmt.Fprintf(c, "%s can be written: %v\n", limit, unix.Access(file, unix.W_OK) == nil)
		}
	}
}

// A server that root starts for another user is that user, supervisor and all, and has groups
// to make others in, but not the limits of those that it is in.
func TestAnotherUser(t *testing.T) {
	if Current().SubIDs < 10 {
		t.Skip("there are no other users here")
	}
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.type")); err == nil {
		t.Skip("the group we run in has processes of other pid namespaces, which cannot be moved from here")
	}
	probe := filepath.Join(ownTop(), "podhop-test-as")
	if err := os.Mkdir(probe, 0o755); errors.Is(err, fs.ErrPermission) || Current().Cgroup == "" {
		t.Skip("the group we run in is not ours: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(probe); err != nil {
		t.Fatal(err)
	}
	s := startStageAs(t, "another user")
	groups := groupsOf(t, s.cmd.Process.Pid)
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		for _, dir := range groups {
			until(t, "its groups are removed", func() bool {
				below, _ := filepath.Glob(filepath.Join(dir, "*/."))
				for _, b := range below {
					_ = unix.Rmdir(filepath.Clean(b))
				}
				err := unix.Rmdir(dir)
				return err == nil || errors.Is(err, unix.ENOENT)
			})
		}
	})
	said := s.say(t, "groups")
	if !strings.HasPrefix(said, Current().Cgroup+", mkdir: <nil>\n") {
		t.Errorf("the groups could not be used: %s", said)
	}
	if said := s.say(t, "who"); strings.Contains(said, "limit_in_bytes can be written: true") || strings.Contains(said, "max can be written: true") || !strings.Contains(said, "cgroup.procs can be written: true") {
		t.Errorf("the group is wrongly given: %s", said)
	}
	for _, p := range processes() { // the supervisor and the server, and what that has started
		pid, command, _ := strings.Cut(p, " ")
		text, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil || command == "" {
			continue // it has ended, or is ending
		}
		if !strings.Contains(string(text), "\nUid:\t7\t7\t7\t7\n") || !strings.Contains(string(text), "\nGid:\t8\t8\t8\t8\n") {
			t.Errorf("process %s is\n%s", p, text)
		}
	}
	s.say(t, "exit")
	if s.cmd.Wait(); s.cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("exit: %v", s.cmd.ProcessState)
	}
}

// groupsOf are the folders, as they are mounted here, of a process' groups that were made for a user.
func groupsOf(t *testing.T, pid int) (dirs []string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		before, _, ours := strings.Cut(f[2], "/podhop-7")
		if !ours {
			continue
		}
		dirs = append(dirs, filepath.Join(cgroupRoot, f[1], before, "podhop-7"))
	}
	if len(dirs) == 0 {
		t.Errorf("it is in no group of its own:\n%s", text)
	}
	return dirs
}
