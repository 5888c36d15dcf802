package nsexec

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A container engine mounts a container's cgroups, and lets nobody write there who could. In a
// cgroup namespace of ours we mount them again: they begin with the group that we are in, and
// who may write is whoever owns that group, as everywhere.

// wantOwnCgroups tells whether what is mounted at root cannot be written, at its top, or is not
// for us to write there, because we were given a part of it (own is /proc/PID/cgroup).
func wantOwnCgroups(root, own string) bool {
	if unix.Access("/proc/self/ns/cgroup", unix.F_OK) != nil {
		return false // a kernel without
	}
	var fs unix.Statfs_t
	if unix.Statfs(root, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
		return unix.Access(root, unix.W_OK) != nil || delegated(root, own)
	}
	return unix.Access(filepath.Join(root, "memory"), unix.W_OK) != nil
}

// delegated tells whether systemd gave the group of version 2 that we are in to whom it started
// there (Delegate=yes, which it notes as systemd.resource-control(5) says): the limits of that
// unit are for sessions too, and beside it all groups are systemd's.
func delegated(root, own string) bool {
	text, err := os.ReadFile(own)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		if !ok {
			continue
		}
		for _, mark := range []string{"trusted.delegate", "user.delegate"} { // the first is root's to read
			value := make([]byte, 8)
			if n, err := unix.Getxattr(filepath.Join(root, path), mark, value); err == nil && string(value[:n]) == "1" {
				return true
			}
		}
	}
	return false
}

// mountCgroups mounts the hierarchies that /proc/PID/cgroup names onto the fresh /sys: those of
// version 1 that have controllers, or else that of version 2.
func mountCgroups(e *Environment, own string) error {
	text, err := os.ReadFile(own)
	if err != nil {
		return err
	}
	hierarchies := controllersOf(text)
	if len(hierarchies) == 0 {
		if err := unix.Mount("cgroup2", cgroupRoot, "cgroup2", safe, ""); err != nil {
			return fmt.Errorf("mount %s: %w", cgroupRoot, err)
		}
		e.Cgroup = "v2"
		return nil
	}
	if err := unix.Mount("tmpfs", cgroupRoot, "tmpfs", safe, "mode=0755"); err != nil {
		return fmt.Errorf("mount %s: %w", cgroupRoot, err)
	}
	for _, controllers := range hierarchies {
		to := filepath.Join(cgroupRoot, controllers)
		if err = os.Mkdir(to, 0o755); err == nil {
			err = unix.Mount("cgroup", to, "cgroup", safe, controllers)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("mount %s: %w", to, err), unix.Unmount(cgroupRoot, unix.MNT_DETACH))
		}
	}
	e.Cgroup = "v1"
	return nil
}

// controllersOf lists the controllers, with commas, of each hierarchy of version 1 in the text
// of a /proc/PID/cgroup (cgroups(7)); hierarchies with a name have none.
func controllersOf(text []byte) (all []string) {
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		f := strings.SplitN(s.Text(), ":", 3)
		if len(f) == 3 && f[1] != "" && !strings.HasPrefix(f[1], "name=") {
			all = append(all, f[1])
		}
	}
	slices.Sort(all)
	return all
}

// serverGroup is the group of the server, its supervisor and what they were started beside.
const serverGroup = "server"

// leaveInner moves the processes of the group at root into one below it, unless that is the
// machine's own root: in version 2 a group that limits others below it has no processes itself.
// It does nothing where we may not.
func leaveInner(root string, outside int) error {
	if unix.Access(filepath.Join(root, "cgroup.type"), unix.F_OK) != nil || unix.Access(filepath.Join(root, "cgroup.procs"), unix.W_OK) != nil {
		return nil // a group that is not ours is told of by whoever would make others in it
	}
	to := filepath.Join(root, serverGroup)
	if err := os.Mkdir(to, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("cgroups: %w", err)
	}
	from, err := os.Open(filepath.Join(root, "cgroup.procs"))
	if err != nil {
		return fmt.Errorf("cgroups: %w", err)
	}
	defer from.Close()
	group, err := os.OpenFile(filepath.Join(to, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cgroups: %w", err)
	}
	defer group.Close()
	if err := moveOutside(outside, from, group); err != nil {
		return fmt.Errorf("cgroups: %w", err)
	}
	return nil
}
