package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MountTmpfs mounts a tmpfs of its own at dir, a folder below Dir, as mode 1777.
// size is its limit in bytes; what is more than the session's own file system
// has, or no more than zero, counts as that.
func (s *Session) MountTmpfs(dir string, size int64) error {
	if size <= 0 || size > s.cfg.SizeBytes {
		size = s.cfg.SizeBytes
	}
	return s.mountAt(dir, func(at int) error {
		fd, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
		if err != nil {
			return fmt.Errorf("fsopen tmpfs: %w", err)
		}
		defer unix.Close(fd)
		for _, o := range [][2]string{{"source", "tmpfs"}, {"size", strconv.FormatInt(size, 10)}, {"nr_inodes", strconv.FormatInt(s.cfg.Inodes, 10)}, {"mode", "1777"}} {
			if err := unix.FsconfigSetString(fd, o[0], o[1]); err != nil {
				return fmt.Errorf("tmpfs with %s=%s: %w", o[0], o[1], err)
			}
		}
		if err := unix.FsconfigCreate(fd); err != nil {
			return fmt.Errorf("make tmpfs: %w", err)
		}
		mnt, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOSUID)
		if err != nil {
			return fmt.Errorf("fsmount: %w", err)
		}
		defer unix.Close(mnt)
		return move(mnt, at)
	})
}

// MountBind shows the folder source at dir, too; both are below Dir, and no
// symbolic link is followed on the way to either.
func (s *Session) MountBind(source, dir string, readonly bool) error {
	return s.mountAt(dir, func(at int) error {
		from, err := s.openBelow("fs", source)
		if err != nil {
			return err
		}
		defer unix.Close(from)
		mnt, err := unix.OpenTree(from, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return fmt.Errorf("open_tree %s: %w", source, err)
		}
		defer unix.Close(mnt)
		if readonly {
			if err := unix.MountSetattr(mnt, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
				return fmt.Errorf("make %s read-only: %w", source, err)
			}
		}
		return move(mnt, at)
	})
}

// mountAt has mount put something on dir, and shows the same with the session's
// ids where containers' mounts come from: a mount does not appear there by itself.
func (s *Session) mountAt(dir string, mount func(at int) error) error {
	s.mounting.Lock()
	defer s.mounting.Unlock()
	if s.isClosed() {
		return ErrClosed
	}
	at, err := s.openBelow("fs", dir)
	if err != nil {
		return err
	}
	err = mount(at)
	unix.Close(at)
	if err != nil {
		return fmt.Errorf("mount on %s: %w", dir, err)
	}
	if !s.mapped || !s.host.idmaps {
		return nil
	}
	twin, err := s.twin(dir)
	if err == nil {
		err = idmap(dir, twin, s.cfg.UserNS.FD(), false)
	}
	if err != nil {
		return errors.Join(err, unmount(dir))
	}
	return nil
}

// Unmount takes away what one of the above put on dir.
func (s *Session) Unmount(dir string) error {
	s.mounting.Lock()
	defer s.mounting.Unlock()
	return s.unmount(dir)
}

// UnmountBelow takes away all that is mounted below dir, as a machine does that is
// switched off.
func (s *Session) UnmountBelow(dir string) error {
	s.mounting.Lock()
	defer s.mounting.Unlock()
	var errs []error
	for _, mounted := range mountsBelow(dir) {
		errs = append(errs, s.unmount(mounted))
	}
	return errors.Join(errs...)
}

func (s *Session) unmount(dir string) error {
	twin, err := s.twin(dir)
	if err != nil {
		return err
	}
	if s.mapped && s.host.idmaps {
		err = unmount(twin)
	}
	return errors.Join(err, unmount(dir))
}

// unmount is no error where nothing is mounted.
func unmount(dir string) error {
	err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// twin is dir where its ids are the session's.
func (s *Session) twin(dir string) (string, error) {
	below, err := s.below(dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(s.path("id", "data"), below), nil
}

// below is dir as seen from Dir, and never Dir itself.
func (s *Session) below(dir string) (string, error) {
	below, ok := strings.CutPrefix(filepath.Clean(dir), s.Dir()+"/")
	if !ok {
		return "", fmt.Errorf("%s: %w", dir, ErrMountSource)
	}
	return below, nil
}

// openBelow opens a folder below Dir without following any link.
func (s *Session) openBelow(view, dir string) (int, error) {
	below, err := s.below(dir)
	if err != nil {
		return -1, err
	}
	root, err := unix.Open(s.path(view, "data"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: s.Dir(), Err: err}
	}
	defer unix.Close(root)
	for {
		fd, err := unix.Openat2(root, below, &unix.OpenHow{
			Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
		})
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return -1, &os.PathError{Op: "open", Path: dir, Err: err}
		}
		return fd, nil
	}
}

// move puts the detached mount mnt on the folder at.
func move(mnt, at int) error {
	if err := unix.MoveMount(mnt, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}
