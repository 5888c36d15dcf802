package nsexec

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// takeCgroups takes hold of the cgroup mounts before a fresh /sys hides them.
// They were mounted by a more privileged namespace, so they can be neither moved
// nor unmounted one by one, but each can be cloned.
func takeCgroups(e *Environment) (map[string]int, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &fs); err != nil {
		return nil, nil
	}
	clone := func(path string) (int, error) {
		fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return -1, fmt.Errorf("clone mount %s: %w", path, err)
		}
		return fd, nil
	}
	if fs.Type == unix.CGROUP2_SUPER_MAGIC {
		fd, err := clone(cgroupRoot)
		if err != nil {
			return nil, err
		}
		e.Cgroup = "v2"
		return map[string]int{".": fd}, nil
	}
	entries, err := os.ReadDir(cgroupRoot)
	if err != nil {
		return nil, fmt.Errorf("cgroups: %w", err)
	}
	out := map[string]int{}
	for _, d := range entries {
		path := filepath.Join(cgroupRoot, d.Name())
		if unix.Statfs(path, &fs) != nil || fs.Type != unix.CGROUP_SUPER_MAGIC || d.Type()&os.ModeSymlink != 0 {
			continue // a hybrid's "unified" stays behind
		}
		if out[d.Name()], err = clone(path); err != nil {
			return out, err
		}
		e.Cgroup = "v1"
	}
	return out, nil
}

// putCgroups mounts what takeCgroups took onto the fresh /sys.
func putCgroups(e *Environment, fds map[string]int) error {
	defer closeAll(slices.Collect(maps.Values(fds)))
	if e.Cgroup == "v1" {
		if err := unix.Mount("tmpfs", cgroupRoot, "tmpfs", safe, "mode=0755"); err != nil {
			return fmt.Errorf("mount %s: %w", cgroupRoot, err)
		}
	}
	for name, fd := range fds {
		to := filepath.Join(cgroupRoot, name)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("cgroups: %w", err)
		}
		if err := unix.MoveMount(fd, "", unix.AT_FDCWD, to, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return fmt.Errorf("mount %s: %w", to, err)
		}
	}
	return nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
