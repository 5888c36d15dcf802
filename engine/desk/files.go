package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// maxFiles bounds what PutFiles writes at once, in bytes and in files.
const (
	maxFileBytes = 32 << 20
	maxFiles     = 2000
)

// root opens the learner's home, from which nothing leads out: the learner's own
// links, to wherever, are not followed beyond it.
func (d *Desk) root() (*os.Root, error) { return os.OpenRoot(d.dir("root")) }

// writeHome writes the files that the home begins with, but for those that are there.
func (d *Desk) writeHome() error {
	files, err := d.cfg.Home()
	if err != nil {
		return err
	}
	root, err := d.root()
	if err != nil {
		return err
	}
	defer root.Close()
	for name, text := range files {
		if _, err := root.Lstat(name); err == nil {
			continue // it is the learner's now
		}
		if err := mkdirAll(root, path.Dir(name)); err != nil {
			return err
		}
		if err := put(root, name, strings.NewReader(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// HostsChanged has /etc/hosts written anew, if there is a machine to have it.
func (d *Desk) HostsChanged() error {
	if err := d.writeHosts(0); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeHosts writes in place: the file is mounted by itself.
func (d *Desk) writeHosts(flag int) error {
	d.hosts.Lock()
	defer d.hosts.Unlock()
	f, err := os.OpenFile(d.dir("hosts"), flag|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(d.cfg.Hosts())
	return errors.Join(err, f.Close())
}

// PutFiles writes files into a folder of the machine's disk that the learner keeps: one
// below the home, to which a folder that is not absolute belongs. What is there of a name
// is replaced. Files keep whether they can be run. It fails with model.ErrInvalid for
// another folder, with model.ErrTooLarge for too much.
func (d *Desk) PutFiles(ctx context.Context, folder string, files fs.FS) error {
	at := path.Clean(folder)
	if folder == "~" || strings.HasPrefix(folder, "~/") {
		at = path.Join(home, folder[1:])
	}
	if !path.IsAbs(at) {
		at = path.Join(home, at)
	}
	if at != home && !strings.HasPrefix(at, home+"/") {
		return fmt.Errorf("%w: folder %s: must be below %s, which is what is kept of the machine", model.ErrInvalid, folder, home)
	}
	if _, err := d.running(ctx, nil); err != nil { // the home is there then
		return err
	}
	root, err := d.root()
	if err != nil {
		return err
	}
	defer root.Close()
	at = path.Clean("." + strings.TrimPrefix(at, home))
	left, count := int64(maxFileBytes), 0
	return fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		to := path.Join(at, name)
		if e.IsDir() {
			return mkdirAll(root, to)
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if count++; count > maxFiles || info.Size() > left {
			return fmt.Errorf("files for the learner's machine: %w: at most %d MB and %d files", model.ErrTooLarge, maxFileBytes>>20, maxFiles)
		}
		left -= info.Size()
		from, err := files.Open(name)
		if err != nil {
			return err
		}
		defer from.Close()
		return put(root, to, io.LimitReader(from, info.Size()), 0o644|info.Mode().Perm()&0o111)
	})
}

// put writes one file in the place of what is there.
func put(root *os.Root, name string, from io.Reader, mode fs.FileMode) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

func mkdirAll(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	if err := mkdirAll(root, path.Dir(dir)); err != nil {
		return err
	}
	if err := root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
