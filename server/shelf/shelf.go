// Package shelf keeps files that people share by links: so many, so large together,
// so long; the oldest go first.
//
// The folder is all the state there is. It must not know what the files are.
package shelf

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// Config says where files are kept, and how many. Zero fields take the defaults named.
type Config struct {
	// Dir is made where it is missing.
	Dir string
	// Files and Bytes bound all files together: 500 and 512 MiB. Age is how long each
	// stays: 30 days.
	Files int
	Bytes int64
	Age   time.Duration
}

// A Shelf is safe for concurrent use.
type Shelf struct {
	cfg Config
	mu  sync.Mutex // of writers; readers find a file whole or not at all
}

// A Place is where a file was put.
type Place struct {
	// ID is the file's name, and cannot be guessed. Key is what its ID was made of,
	// and what removes it.
	ID, Key string
	// Until is when it goes at the latest.
	Until time.Time
}

const extension = ".kept"

var name = regexp.MustCompile(`^[a-z2-7]{26}$`)

// Open makes a Shelf of a folder, and throws out what was left half written, or is too old.
func Open(cfg Config) (*Shelf, error) {
	cfg.Files = cmp.Or(cfg.Files, 500)
	cfg.Bytes = cmp.Or(cfg.Bytes, 512<<20)
	cfg.Age = cmp.Or(cfg.Age, 30*24*time.Hour)
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	s := &Shelf{cfg: cfg}
	half, err := filepath.Glob(filepath.Join(cfg.Dir, "*.half"))
	for _, path := range half {
		err = errors.Join(err, os.Remove(path))
	}
	return s, errors.Join(err, s.tidy(0), s.forget())
}

// Put keeps a file on the account of its owners. The oldest give it room, but none if an owner has too
// much: then it fails with a *QuotaError.
func (s *Shelf) Put(data []byte, by ...Owner) (Place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int64(len(data)) > s.cfg.Bytes {
		return Place{}, fmt.Errorf("%w: %d bytes are kept here, of all files together", model.ErrTooLarge, s.cfg.Bytes)
	}
	err := s.may(int64(len(data)), by)
	if err == nil {
		err = s.tidy(int64(len(data)))
	}
	if err != nil {
		return Place{}, err
	}
	key := strings.ToLower(rand.Text())
	place := Place{ID: nameOf(key), Key: key, Until: time.Now().Add(s.cfg.Age)}
	return place, errors.Join(s.sign(place.ID, by), s.write(place.ID, data), s.forget())
}

// write has the file be there whole, whatever ends the server meanwhile.
func (s *Shelf) write(id string, data []byte) error {
	f, err := os.CreateTemp(s.cfg.Dir, "*.half")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path(id))
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// Get is the file of a name; it fails with model.ErrNotFound.
func (s *Shelf) Get(id string) ([]byte, error) {
	if err := s.Has(id); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(s.path(id))
	if errors.Is(err, fs.ErrNotExist) { // it has just gone
		err = notFound(id)
	}
	return data, err
}

// Has fails with model.ErrNotFound if there is no file of that name.
func (s *Shelf) Has(id string) error {
	if !name.MatchString(id) {
		return notFound(id)
	}
	info, err := os.Stat(s.path(id))
	if errors.Is(err, fs.ErrNotExist) || err == nil && time.Since(info.ModTime()) > s.cfg.Age {
		return notFound(id)
	}
	return err
}

// Remove takes a file away for who has its key: for others it fails with
// model.ErrNotFound, as if it were not there.
func (s *Shelf) Remove(id, key string) error {
	if !name.MatchString(id) || nameOf(key) != id { // a hash of theirs: comparing it tells nothing of the key
		return notFound(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := os.Remove(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return notFound(id)
	}
	return errors.Join(err, s.forget())
}

// tidy removes what is too old, and the oldest until there is room for one more of so many bytes.
func (s *Shelf) tidy(room int64) error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), extension) {
			files = append(files, info)
			room += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for i, f := range files {
		if time.Since(f.ModTime()) <= s.cfg.Age && len(files)-i < s.cfg.Files && room <= s.cfg.Bytes {
			return nil
		}
		if err := os.Remove(filepath.Join(s.cfg.Dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		room -= f.Size()
	}
	return nil
}

func (s *Shelf) path(id string) string { return filepath.Join(s.cfg.Dir, id+extension) }

func nameOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

func notFound(id string) error { return fmt.Errorf("file %q: %w", id, model.ErrNotFound) }
