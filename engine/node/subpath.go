package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"k8s.io/kubernetes/pkg/volume/util/subpath"
)

// subpather answers for subPath mounts by resolving them inside of their volume;
// the runtime then mounts only what it reaches without a symbolic link, so that
// a container that changes its volume meanwhile gets an error and nothing more.
type subpather struct{}

var _ subpath.Interface = subpather{}

func (subpather) PrepareSafeSubpath(s subpath.Subpath) (string, func(), error) {
	if !filepath.IsAbs(s.Path) || s.Path != s.VolumePath && !strings.HasPrefix(s.Path, s.VolumePath+"/") {
		return "", nil, fmt.Errorf("subPath %s is not inside of its volume %s", s.Path, s.VolumePath)
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(s.Path, s.VolumePath), "/")
	path, err := resolve(s.VolumePath, rel)
	if err != nil {
		return "", nil, fmt.Errorf("subPath %s: %w", rel, err)
	}
	return path, func() {}, nil
}

func (subpather) CleanSubPaths(string, string) error { return nil }

// SafeMakeDir makes base/subdir, and all that is missing on the way, inside of
// base, with the mode perm whatever the umask.
func (subpather) SafeMakeDir(subdir, base string, perm os.FileMode) error {
	fd, err := unix.Open(base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", base, err)
	}
	defer func() { unix.Close(fd) }()
	done := "."
	for part := range strings.SplitSeq(filepath.Clean(subdir), "/") {
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			return fmt.Errorf("%s: leads out of its volume", subdir)
		}
		done = filepath.Join(done, part)
		made := unix.Mkdirat(fd, part, uint32(perm.Perm()))
		if made != nil && made != unix.EEXIST {
			return fmt.Errorf("mkdir %s: %w", done, made)
		}
		// From base again: a link to elsewhere in the volume is fine.
		next, err := openBeneath(base, done, unix.O_DIRECTORY)
		if err != nil {
			return fmt.Errorf("%s: %w", done, err)
		}
		unix.Close(fd)
		fd = next
		if made == nil {
			if err := os.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), perm); err != nil {
				return fmt.Errorf("chmod %s: %w", done, err)
			}
		}
	}
	return nil
}

// resolve answers where base/rel is, all links followed, none out of base.
func resolve(base, rel string) (string, error) {
	fd, err := openBeneath(base, rel, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
}

func openBeneath(base, rel string, flags uint64) (int, error) {
	root, err := unix.Open(base, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if rel == "" {
		return root, nil
	}
	defer unix.Close(root)
	for {
		fd, err := unix.Openat2(root, rel, &unix.OpenHow{
			Flags: unix.O_PATH | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
		})
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		return fd, err
	}
}
