package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// A disk is where the files are; tests have ones that fail.
type disk interface {
	// create makes a file that was not there, for appending.
	create(name string) (file, error)
	rename(from, to string) error
	remove(name string) error
	// syncDir makes what the folder lists outlast the power.
	syncDir(name string) error
}

type file interface {
	io.WriteCloser
	// Truncate and Sync are as os.File's.
	Truncate(size int64) error
	Sync() error
}

// system is the operating system's.
type system struct{}

func (system) create(name string) (file, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return dataFile{f}, nil
}

func (system) rename(from, to string) error { return os.Rename(from, to) }
func (system) remove(name string) error     { return os.Remove(name) }

func (system) syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// A dataFile syncs its bytes, and of what the file system says of it the length alone.
type dataFile struct{ *os.File }

func (f dataFile) Sync() error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	if err := raw.Control(func(fd uintptr) { serr = syscall.Fdatasync(int(fd)) }); err != nil {
		return err
	}
	return os.NewSyscallError("fdatasync", serr)
}

// WriteFile puts a file into a folder that is there whole or as it was before, whatever
// ends the server, and with sync the machine too.
func WriteFile(name string, text []byte, sync bool) error {
	return replaceFile(system{}, name, sync, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

func replaceFile(d disk, name string, sync bool, write func(io.Writer) error) (err error) {
	if err := d.remove(name + newSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // of a server that ended meanwhile
	}
	f, err := d.create(name + newSuffix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.remove(name+newSuffix))
		}
	}()
	err = write(f)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := d.rename(name+newSuffix, name); err != nil || !sync {
		return err
	}
	return d.syncDir(filepath.Dir(name))
}

// syncFile syncs a file that somebody else has written.
func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
