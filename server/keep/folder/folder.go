// Package folder keeps documents as files, each whole or as it was before whatever ends the
// server or the machine: it is written beside the old one, synced, and put in its place.
//
// The first line of a file says what it is: the format, the document's revision, and a
// checksum. A name is the document's key with + for each slash.
package folder

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/podhop/podhop/server/keep"
)

// format is that of files. One that is newer is left alone; an older one must be read.
const format = 1

const (
	newSuffix = "+new" // no key ends so
	lockName  = "+lock"
	asideName = "+damaged"
	// patience is how long another server may take to end.
	patience = 5 * time.Second
)

var (
	// ErrNewer says that a newer Podhop has written a file.
	ErrNewer = errors.New("a newer Podhop has written it")
	// ErrLocked says that another server has the folder.
	ErrLocked = errors.New("another server keeps its documents there")
	errClosed = errors.New("the folder of documents is closed")
)

// A Store keeps documents in a folder.
type Store struct {
	keep.Store
	files *files
	// Damaged are the files that could not be read, and were set aside.
	Damaged []string
}

// Open makes a folder this server's alone, until Close or the end of the process. It
// changes nothing there if it fails.
func Open(dir string) (*Store, error) { return open(dir, patience) }

func open(dir string, patience time.Duration) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("documents cannot be kept: %w", err)
	}
	lock, err := lockFolder(dir, patience)
	if err != nil {
		return nil, err
	}
	s := &Store{files: &files{dir: dir, lock: lock}}
	have, err := s.read()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.Store = keep.Backed(s.files, have)
	return s, nil
}

// Close gives the folder to who comes next. Later writes fail.
func (s *Store) Close() error {
	s.files.mu.Lock()
	defer s.files.mu.Unlock()
	if s.files.closed {
		return nil
	}
	s.files.closed = true
	return s.files.lock.Close()
}

func lockFolder(dir string, patience time.Duration) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("documents cannot be kept: %w", err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) { // one that was killed has not ended yet
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("documents cannot be kept: lock %s: %w", f.Name(), err), f.Close())
		case time.Now().After(end):
			return nil, errors.Join(fmt.Errorf("%s: %w: choose another folder with --data", dir, ErrLocked), f.Close())
		}
	}
}

// read reads all documents, and clears away what a server left that was ended.
func (s *Store) read() (have []keep.Document, err error) {
	entries, err := os.ReadDir(s.files.dir)
	if err != nil {
		return nil, err
	}
	var damaged, left []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, newSuffix) {
			left = append(left, name)
			continue
		}
		key := strings.ReplaceAll(name, "+", "/")
		if !e.Type().IsRegular() || keep.Check(key, nil) != nil {
			continue // not ours
		}
		text, err := os.ReadFile(filepath.Join(s.files.dir, name))
		if err != nil {
			return nil, err
		}
		d, err := parse(text)
		switch {
		case errors.Is(err, ErrNewer):
			return nil, fmt.Errorf("document %s: %w; this one reads formats up to %d", filepath.Join(s.files.dir, name), err, format)
		case err != nil:
			damaged = append(damaged, name)
			continue
		}
		d.Key = key
		have = append(have, d)
	}
	for _, name := range left {
		err = errors.Join(err, os.Remove(filepath.Join(s.files.dir, name)))
	}
	return have, errors.Join(err, s.setAside(damaged))
}

// setAside keeps files that cannot be read for who runs the server.
func (s *Store) setAside(names []string) error {
	for _, name := range names {
		to := filepath.Join(s.files.dir, asideName, name)
		err := os.MkdirAll(filepath.Dir(to), 0o700)
		if err == nil {
			err = os.Rename(filepath.Join(s.files.dir, name), to)
		}
		if err != nil {
			return err
		}
		s.Damaged = append(s.Damaged, to)
	}
	return nil
}

var table = crc32.MakeTable(crc32.Castagnoli)

// head is the first line. The checksum is of the revision and the value.
func head(revision uint64, value []byte) []byte {
	sum := crc32.Update(crc32.Checksum(fmt.Append(nil, revision), table), table, value)
	return fmt.Appendf(nil, "podhop-document %d %d %08x\n", format, revision, sum)
}

func parse(text []byte) (d keep.Document, err error) {
	line, value, ok := bytes.Cut(text, []byte("\n"))
	var version int
	var sum uint32
	if !ok {
		return d, errors.New("there is no first line")
	} else if _, err := fmt.Sscanf(string(line), "podhop-document %d", &version); err != nil {
		return d, err
	} else if version > format {
		return d, fmt.Errorf("%w, in format %d", ErrNewer, version)
	} else if _, err := fmt.Sscanf(string(line), "podhop-document %d %d %x", &version, &d.Revision, &sum); err != nil {
		return d, err
	} else if version < 1 || d.Revision == 0 || !bytes.Equal(head(d.Revision, value), text[:len(line)+1]) {
		return d, errors.New("it is not as it was written")
	}
	d.Value = value
	return d, nil
}

// files are a keep.Backing.
type files struct {
	dir  string
	lock *os.File

	mu     sync.RWMutex // of writers, for reading
	closed bool
}

func (f *files) name(key string) string {
	return filepath.Join(f.dir, strings.ReplaceAll(key, "/", "+"))
}

// Put implements keep.Backing.
func (f *files) Put(d keep.Document) (err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return errClosed
	}
	beside := f.name(d.Key) + newSuffix
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("the document cannot be kept: %w", withoutPath(err)), remove(beside))
		}
	}()
	if err := writeSynced(beside, append(head(d.Revision, d.Value), d.Value...)); err != nil {
		return err
	}
	if err := os.Rename(beside, f.name(d.Key)); err != nil {
		return err
	}
	return f.sync()
}

// Remove implements keep.Backing.
func (f *files) Remove(key string) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return errClosed
	}
	err := os.Remove(f.name(key))
	if err == nil {
		err = f.sync()
	}
	return withoutPath(err)
}

func writeSynced(name string, text []byte) error {
	w, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	if err == nil {
		err = w.Sync()
	}
	return errors.Join(err, w.Close())
}

func remove(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return withoutPath(err)
	}
	return nil
}

// sync makes what the folder lists outlast the power.
func (f *files) sync() error {
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// withoutPath leaves out where the server has its files: people read it.
func withoutPath(err error) error {
	if at := new(fs.PathError); errors.As(err, &at) {
		return at.Err
	}
	if at := new(os.LinkError); errors.As(err, &at) {
		return at.Err
	}
	return err
}
