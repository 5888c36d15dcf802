package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// UnpackOptions says how Unpack writes a layer.
type UnpackOptions struct {
	// SingleID leaves all files to the caller's own user: no other is mapped.
	SingleID bool
	// Base is added to user and group ids, for a kernel that cannot map the
	// ids of a mount.
	Base int
	// MaxBytes and MaxFiles bound what is written; 0 is no bound.
	MaxBytes, MaxFiles int64
	// Room, if set, is called where the file system is full; true means that
	// there may be room now.
	Room func() bool
}

// Unpack writes the layer into dir, an empty folder, as a lower layer of
// overlayfs mounted with userxattr: a deleted file becomes a 0/0 character
// device (which Linux lets any user namespace make), an opaque folder has
// user.overlay.opaque. Nothing is written outside of dir, whatever the archive
// says; devices and extended attributes are left out. The archive is checked
// against DiffID.
func (l Layer) Unpack(dir string, opt UnpackOptions) error {
	archive, err := l.Open()
	if err != nil {
		return fmt.Errorf("layer %s: %w", l.DiffID, err)
	}
	defer archive.Close()
	root, err := os.OpenRoot(dir) // refuses paths and links that leave dir
	if err != nil {
		return err
	}
	defer root.Close()
	digest := sha256.New()
	all := io.TeeReader(archive, digest)
	u := unpacker{root: root, opt: opt}
	if err := u.archive(tar.NewReader(all)); err != nil {
		return fmt.Errorf("layer %s: %w", l.DiffID, err)
	}
	if _, err := io.Copy(io.Discard, all); err != nil { // padding behind the end mark
		return fmt.Errorf("layer %s: %w", l.DiffID, err)
	}
	if got := "sha256:" + hex.EncodeToString(digest.Sum(nil)); got != l.DiffID {
		return fmt.Errorf("layer %s: its content has digest %s", l.DiffID, got)
	}
	return nil
}

type unpacker struct {
	root    *os.Root
	opt     UnpackOptions
	written int64
	files   int64
}

// roomy does something again for as long as room can be made for it.
func (u *unpacker) roomy(do func() error) error {
	for {
		err := do()
		if !errors.Is(err, unix.ENOSPC) || u.opt.Room == nil || !u.opt.Room() {
			return err
		}
	}
}

func (u *unpacker) archive(tr *tar.Reader) error {
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.entry(h, tr); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	if name == "" {
		return nil
	}
	if u.files++; u.opt.MaxFiles > 0 && u.files > u.opt.MaxFiles {
		return fmt.Errorf("%w: more than %d files", ErrTooLarge, u.opt.MaxFiles)
	}
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	if dir != "" {
		if err := u.roomy(func() error { return u.parents(dir) }); err != nil {
			return err
		}
	}
	mode := h.FileInfo().Mode()
	switch {
	case base == opaque:
		return u.at(dir, func(fd int) error { return unix.Fsetxattr(fd, "user.overlay.opaque", []byte("y"), 0) })
	case strings.HasPrefix(base, whiteout):
		return u.at(dir, func(fd int) error { return unix.Mknodat(fd, strings.TrimPrefix(base, whiteout), unix.S_IFCHR, 0) })
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.roomy(func() error { return u.root.Mkdir(name, 0o755) }); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case tar.TypeReg:
		if err := u.file(name, content); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := u.replace(name); err != nil {
			return err
		}
		if err := u.roomy(func() error { return u.root.Symlink(h.Linkname, name) }); err != nil {
			return err
		}
	case tar.TypeLink:
		if err := u.replace(name); err != nil {
			return err
		}
		return u.roomy(func() error { return u.root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), name) })
	default:
		return nil // devices and pipes: a container gets its own /dev
	}
	if err := u.own(name, h); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeSymlink {
		return nil
	}
	if err := u.root.Chmod(name, mode); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeReg {
		return u.root.Chtimes(name, h.ModTime, h.ModTime)
	}
	return nil
}

// parents makes the folders that the archive does not mention before what is in them.
func (u *unpacker) parents(dir string) error {
	if _, err := u.root.Stat(dir); err == nil {
		return nil
	}
	if err := u.root.MkdirAll(dir, 0o755); err != nil || u.opt.Base == 0 {
		return err
	}
	for ; dir != "."; dir = path.Dir(dir) {
		if err := u.root.Lchown(dir, u.opt.Base, u.opt.Base); err != nil {
			return err
		}
	}
	return nil
}

// at calls fn with a descriptor of a folder.
func (u *unpacker) at(dir string, fn func(fd int) error) error {
	if dir == "" {
		dir = "."
	}
	f, err := u.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return u.roomy(func() error { return fn(int(f.Fd())) })
}

func (u *unpacker) replace(name string) error {
	if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (u *unpacker) file(name string, content io.Reader) error {
	if err := u.replace(name); err != nil {
		return err
	}
	var f *os.File
	if err := u.roomy(func() (err error) {
		f, err = u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		return err
	}); err != nil {
		return err
	}
	if u.opt.MaxBytes > 0 {
		content = io.LimitReader(content, u.opt.MaxBytes-u.written+1)
	}
	n, err := io.Copy(writerFunc(func(p []byte) (n int, err error) {
		err = u.roomy(func() error {
			m, err := f.Write(p[n:])
			n += m
			return err
		})
		return n, err
	}), content)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if u.written += n; err == nil && u.opt.MaxBytes > 0 && u.written > u.opt.MaxBytes {
		err = fmt.Errorf("%w: more than %d MB unpacked", ErrTooLarge, u.opt.MaxBytes>>20)
	}
	return err
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// own gives a file to its owner. One whose id is not mapped here stays root's.
func (u *unpacker) own(name string, h *tar.Header) error {
	if u.opt.SingleID || h.Uid+u.opt.Base == 0 && h.Gid+u.opt.Base == 0 {
		return nil
	}
	err := u.root.Lchown(name, h.Uid+u.opt.Base, h.Gid+u.opt.Base)
	if errors.Is(err, unix.EINVAL) {
		err = u.root.Lchown(name, u.opt.Base, u.opt.Base)
	}
	return err
}
