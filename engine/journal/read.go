package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names of a folder's files. The number of a log is its generation.
const (
	snapshotName = "snapshot"
	newSuffix    = ".new"
	logPrefix    = "log."
)

// The first bytes of files, the last of which is the format's version.
var (
	snapshotMagic = []byte("PodhopS\x01")
	logMagic      = []byte("PodhopL\x01")
)

// A Report tells what became of a journal that was read.
type Report struct {
	// Cut is how many bytes at the end of the log were not a whole record: the power went
	// while they were written, or before they were synced.
	Cut int
}

// Read returns the state that a folder holds. It changes nothing there. It fails with
// ErrDamaged, and with fs.ErrNotExist if there is no journal.
func Read(dir string) (State, Report, error) {
	text, err := os.ReadFile(filepath.Join(dir, snapshotName))
	if err != nil {
		return State{}, Report{}, err
	}
	s, next, err := parseSnapshot(text)
	if err != nil {
		return State{}, Report{}, fmt.Errorf("snapshot: %w", err)
	}
	r := newReplay(s)
	for ; ; next++ {
		text, err := os.ReadFile(logName(dir, next))
		if errors.Is(err, fs.ErrNotExist) {
			break // the snapshot is newer than any change
		}
		if err != nil {
			return State{}, Report{}, err
		}
		last, err := empty(logName(dir, next+1))
		if err == nil {
			err = r.log(text, last)
		}
		if err != nil {
			return State{}, Report{}, fmt.Errorf("log %d: %w", next, err)
		}
	}
	return r.end(), r.report, nil
}

// empty tells whether there is no record in a log.
func empty(name string) (bool, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return err == nil && info.Size() <= int64(len(logMagic)), err
}

// generations are the numbers of the logs in a folder, in rising order.
func generations(dir string) (all []uint64, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if n, ok := strings.CutPrefix(e.Name(), logPrefix); ok {
			if g, err := strconv.ParseUint(n, 10, 64); err == nil {
				all = append(all, g)
			}
		}
	}
	slices.Sort(all)
	return all, err
}

func logName(dir string, generation uint64) string {
	return filepath.Join(dir, logPrefix+strconv.FormatUint(generation, 10))
}

// A replay makes changes to a state.
type replay struct {
	state   State
	objects map[string]Change
	last    uint64 // revision of the last record; 0: there was none
	report  Report
}

func newReplay(s State) *replay {
	r := &replay{state: s, objects: make(map[string]Change, len(s.Objects))}
	for _, c := range s.Objects {
		r.objects[c.Prefix+"\x00"+c.Key] = c
	}
	return r
}

// log replays one log. The last one may have a tail that is not whole.
func (r *replay) log(text []byte, last bool) error {
	rest, ok := bytes.CutPrefix(text, logMagic)
	if !ok {
		if last && bytes.HasPrefix(logMagic, text) || last && blank(text) {
			r.report.Cut += len(text)
			return nil
		}
		return fmt.Errorf("%w: it does not begin as one", ErrDamaged)
	}
	for len(rest) > 0 {
		at := len(text) - len(rest)
		payload, behind, ok := frame(rest)
		if !ok {
			if last && r.torn(rest) {
				r.report.Cut += len(rest)
				return nil
			}
			return fmt.Errorf("%w: the record at byte %d is not whole", ErrDamaged, at)
		}
		c, err := parse(payload)
		if err != nil {
			return fmt.Errorf("%w, at byte %d", err, at)
		}
		if err := r.change(c); err != nil {
			return fmt.Errorf("%w, at byte %d", err, at)
		}
		rest = behind
	}
	return nil
}

// torn tells whether b, which begins with no whole record, is the tail of a log that was
// being written: nothing that is behind it is a record.
func (r *replay) torn(b []byte) bool {
	if blank(b) {
		return true
	}
	looks := 0
	for i := 1; i+frameHead < len(b); i++ {
		// Looking at checksums has an end, though who wrote the values may not want it.
		if n := int(b[i]) | int(b[i+1])<<8 | int(b[i+2])<<16 | int(b[i+3])<<24; n == 0 || n > len(b)-i-frameHead {
			continue
		} else if looks += n; looks > 4*mostBytes {
			return false
		}
		if payload, _, ok := frame(b[i:]); ok {
			if c, err := parse(payload); err == nil && c.Revision > r.state.Revision {
				return false
			}
		}
	}
	return true
}

// blank tells whether nothing but zeros are there: a file system has made a file longer, and
// not written it.
func blank(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// change makes the state be as after a change. One that the snapshot has already says
// nothing new.
func (r *replay) change(c Change) error {
	if expected := r.last + 1; r.last != 0 && c.Revision != expected {
		return fmt.Errorf("%w: revision %d comes after %d", ErrDamaged, c.Revision, r.last)
	}
	r.last = c.Revision
	if c.Revision <= r.state.Revision {
		return nil
	}
	if c.Revision != r.state.Revision+1 {
		return fmt.Errorf("%w: revision %d comes after %d", ErrDamaged, c.Revision, r.state.Revision)
	}
	r.state.Revision = c.Revision
	r.state.Written[c.Resource] = c.Revision
	key := c.Prefix + "\x00" + c.Key
	if c.Value == nil {
		delete(r.objects, key)
	} else {
		r.objects[key] = c
	}
	return nil
}

// end returns the state, its objects in order.
func (r *replay) end() State {
	r.state.Objects = slices.SortedFunc(maps.Values(r.objects), func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Prefix, b.Prefix), cmp.Compare(a.Key, b.Key))
	})
	return r.state
}
