package shelf

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Quota is how many files, of how many bytes together; the zero Quota is as many as there is room
// for.
type Quota struct {
	Files int
	Bytes int64
}

// An Owner is on whose account a file is kept, among others: what is opaque here, and is kept as a
// hash. One without a name, or a quota, counts nothing.
type Owner struct {
	Name string
	May  Quota
}

// A QuotaError says that an owner would have too much. Nothing was kept.
type QuotaError struct {
	Owner Owner
	Has   Quota // without what was to be kept
}

func (e *QuotaError) Error() string {
	return fmt.Sprintf("%d files of %d bytes are kept already, and may be %d of %d", e.Has.Files, e.Has.Bytes, e.Owner.May.Files, e.Owner.May.Bytes)
}

// ownersExtension is of what lies beside a file: a hash a line.
const ownersExtension = ".by"

// mark is what is kept of an owner's name.
func mark(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}

// may fails if one of the owners would have too much with another file of that size. s.mu is held.
func (s *Shelf) may(size int64, by []Owner) error {
	if len(by) == 0 {
		return nil
	}
	has, err := s.owned()
	if err != nil {
		return err
	}
	for _, owner := range by {
		of := has[mark(owner.Name)]
		if owner.Name != "" && owner.May != (Quota{}) && (of.Files+1 > owner.May.Files || of.Bytes+size > owner.May.Bytes) {
			return &QuotaError{owner, of}
		}
	}
	return nil
}

// owned is what each owner has, by mark.
func (s *Shelf) owned() (map[string]Quota, error) {
	beside, err := filepath.Glob(filepath.Join(s.cfg.Dir, "*"+ownersExtension))
	if err != nil {
		return nil, err
	}
	has := map[string]Quota{}
	for _, file := range beside {
		info, err := os.Stat(strings.TrimSuffix(file, ownersExtension) + extension)
		if errors.Is(err, fs.ErrNotExist) || err == nil && time.Since(info.ModTime()) > s.cfg.Age {
			continue
		}
		text, err2 := os.ReadFile(file)
		if err = errors.Join(err, err2); err != nil {
			return nil, err
		}
		for m := range strings.FieldsSeq(string(text)) {
			has[m] = Quota{has[m].Files + 1, has[m].Bytes + info.Size()}
		}
	}
	return has, nil
}

// sign writes whose a file is, which is not there yet.
func (s *Shelf) sign(id string, by []Owner) error {
	var text strings.Builder
	for _, owner := range by {
		if owner.Name != "" {
			fmt.Fprintln(&text, mark(owner.Name))
		}
	}
	if text.Len() == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(s.cfg.Dir, id+ownersExtension), []byte(text.String()), 0o600)
}

// forget removes what lies beside files that are no more.
func (s *Shelf) forget() error {
	beside, err := filepath.Glob(filepath.Join(s.cfg.Dir, "*"+ownersExtension))
	for _, file := range beside {
		if _, gone := os.Stat(strings.TrimSuffix(file, ownersExtension) + extension); errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, os.Remove(file))
		}
	}
	return err
}
