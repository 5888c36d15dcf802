package nsexec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// A User is who the server is outside of its namespaces, instead of root.
type User struct{ UID, GID int }

// envGroups has this program, started again, hand a group to a user: see giveGroups.
const envGroups = "PODHOP_NSEXEC_GROUPS"

// group is the name of the group below the supervisor's own that becomes the user's.
func (u User) group() string { return fmt.Sprintf("podhop-%d", u.UID) }

// giveGroups has a process in a cgroup namespace of its own, in which groups can be written that
// a container engine mounts read-only, make a group in ours, with our limits, move us there and
// give it to the user: the server makes its groups in that one, and cannot lift ours.
func giveGroups(to User) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), envGroups+"="+to.group())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWCGROUP,
		UidMappings: []syscall.SysProcIDMap{{HostID: 0, Size: 1}, {ContainerID: 1, HostID: to.UID, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: 0, Size: 1}, {ContainerID: 1, HostID: to.GID, Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cgroups for the user: %w: %s", err, strings.TrimSpace(string(text)))
	}
	return nil
}

// limiting are the hierarchies of version 1 in which the server makes groups.
var limiting = regexp.MustCompile(`^(pids|memory|(cpu|cpuacct)(,(cpu|cpuacct))?)$`)

// giveInside is what the process that giveGroups starts does.
func giveInside(name string) error {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// Between them, since nothing is mounted upon itself.
	if err := syscall.Mount("tmpfs", cgroupRoot, "tmpfs", safe, ""); err != nil {
		return fmt.Errorf("mount %s: %w", cgroupRoot, err)
	}
	var e Environment
	if err := mountCgroups(&e, "/proc/self/cgroup"); err != nil {
		return err
	}
	if e.Cgroup == "v2" {
		return give(cgroupRoot, name, true)
	}
	hierarchies, err := os.ReadDir(cgroupRoot)
	if err != nil {
		return err
	}
	for _, d := range hierarchies {
		if !limiting.MatchString(d.Name()) {
			continue
		}
		if err := give(filepath.Join(cgroupRoot, d.Name()), name, false); err != nil {
			return err
		}
	}
	return nil
}

// give makes the user's group in the one at top, in one hierarchy.
func give(top, name string, v2 bool) error {
	group := filepath.Join(top, name)
	if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := moveToUser(top, group, v2); err != nil {
		return err
	}
	if v2 {
		for _, controller := range []string{"pids", "memory", "cpu"} {
			if err := os.WriteFile(filepath.Join(top, "cgroup.subtree_control"), []byte("+"+controller), 0); err != nil && controller != "cpu" {
				return err
			}
		}
	}
	// They are ours already; there the server sees them.
	for _, limit := range []string{"memory.max", "memory.limit_in_bytes", "pids.max"} {
		if err := inherit(top, group, limit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range []string{".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"} {
		if err := os.Chown(filepath.Join(group, name), 1, 1); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// moveToUser moves the supervisor, and in version 2, where a group with limits below it has no
// processes, all that are beside it.
func moveToUser(top, group string, v2 bool) error {
	to, err := os.OpenFile(filepath.Join(group, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := os.Stat(filepath.Join(top, "cgroup.type")); v2 && err == nil {
		from, err := os.Open(filepath.Join(top, "cgroup.procs"))
		if err != nil {
			return err
		}
		defer from.Close()
		return moveAll(from, to)
	}
	_, err = to.WriteString(strconv.Itoa(os.Getppid()))
	return err
}

func inherit(from, to, file string) error {
	text, err := os.ReadFile(filepath.Join(from, file))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, file), text, 0)
}

// idsAs are root's ids with the user in root's place. Nobody else may be mapped to the user.
func idsAs(ids []IDMap, u User) []IDMap {
	out, inner := []IDMap{{Inner: 0, Outer: u.UID, Size: 1}}, 1
	for _, m := range ids[1:] {
		start, end := m.Outer, m.Outer+m.Size
		for _, cut := range []int{min(u.UID, u.GID), max(u.UID, u.GID)} {
			if cut < start || cut >= end {
				continue
			}
			if cut > start {
				out = append(out, IDMap{Inner: inner, Outer: start, Size: cut - start})
				inner += cut - start
			}
			start = cut + 1
		}
		if end > start {
			out = append(out, IDMap{Inner: inner, Outer: start, Size: end - start})
			inner += end - start
		}
	}
	return out
}

// become gives up being root, in all threads.
func become(u User) error {
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(u.GID); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	if err := syscall.Setuid(u.UID); err != nil {
		return fmt.Errorf("setuid: %w", err)
	}
	return nil
}
