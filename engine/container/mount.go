package container

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/internal/nsexec"
)

// idmap shows the folder from at the folder to, with ids as the user namespace
// maps them: what belongs to the server's root there belongs to the session's root.
func idmap(from, to string, userNS int, readonly bool) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, from, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open_tree %s: %w", from, err)
	}
	defer unix.Close(fd)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(userNS)}
	if readonly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return fmt.Errorf("idmapped mount of %s (tmpfs can since Linux 6.3): %w", from, err)
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, to, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount %s: %w", to, err)
	}
	return nil
}

// canIDMap tries on dir what idmap does.
func canIDMap(dir string, singleID bool) (bool, error) {
	if singleID {
		return false, nil
	}
	ns, err := nsexec.NewUserNS([]nsexec.IDMap{{Inner: 0, Outer: 1, Size: 1}})
	if err != nil {
		return false, err
	}
	defer ns.Close()
	fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return false, fmt.Errorf("open_tree %s: %w", dir, err)
	}
	defer unix.Close(fd)
	return unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.FD())}) == nil, nil
}

// giveRoot gives what belongs to the server's root, in and below dir, to the
// session's: for mounts, where ids cannot be mapped. What the server writes there
// later is still readable to the containers as far as its mode allows.
func giveRoot(dir string, base int) error {
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		uid, gid := -1, -1
		if st.Uid == 0 {
			uid = base
		}
		if st.Gid == 0 {
			gid = base
		}
		if uid < 0 && gid < 0 {
			return nil
		}
		return os.Lchown(name, uid, gid)
	})
}

// mountsBelow lists the mount points in dir, the latest first.
func mountsBelow(dir string) []string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var out []string
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			out = append(out, f[4])
		}
	}
	slices.Reverse(out)
	return out
}
