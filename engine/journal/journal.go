package journal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
)

// Config says where a journal is, and how large. Zero fields take the defaults named.
type Config struct {
	// Dir is the folder; it must be there, and be the journal's alone but for files of
	// other names.
	Dir string
	// State returns everything that was appended so far, or more. It is called without locks
	// held, and may wait for who is appending.
	State func() State
	// Least is the size of a log that is worth a new snapshot, in bytes, if it is the
	// larger of the two: 1 MiB.
	Least int64
	// Limit bounds snapshot and log together: 64 MiB. While a new snapshot is written, there
	// may be twice that. Deletions may go an eighth beyond it.
	Limit  int64
	Syncer *Syncer
	Log    *slog.Logger

	disk disk
}

// A Journal writes. It is safe for concurrent use.
type Journal struct {
	cfg Config

	mu         sync.Mutex
	log        file
	generation uint64 // of log
	size       int64  // of log
	last       uint64 // revision that was written
	older      int64  // bytes of the logs that the snapshot does not have yet
	snapshot   int64  // bytes
	compactAt  int64  // of size and older, when a new snapshot is due
	torn       bool   // behind size there is what should not be
	unsynced   bool
	fresh      bool // the snapshot is not synced
	compacting bool
	closed     bool
	discarded  bool
	work       sync.WaitGroup
}

// Size is what the journal takes, in bytes.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.snapshot + j.older + j.size
}

// Create begins a journal with a state, in the place of what was in the folder, which is
// whole until the new one is. It survives the power from the Syncer's next round on.
func Create(cfg Config, begin State) (*Journal, error) {
	if cfg.Least == 0 {
		cfg.Least = 1 << 20
	}
	if cfg.Limit == 0 {
		cfg.Limit = 64 << 20
	}
	if cfg.disk == nil {
		cfg.disk = system{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	all, err := generations(cfg.Dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{cfg: cfg, generation: 1, fresh: true}
	if n := len(all); n > 0 {
		j.generation = all[n-1] + 1
	}
	if j.log, err = j.newLog(j.generation); err != nil {
		return nil, err
	}
	j.size = int64(len(logMagic))
	if j.snapshot, err = j.write(begin, j.generation, false); err != nil {
		return nil, errors.Join(err, j.log.Close(), cfg.disk.remove(logName(cfg.Dir, j.generation)))
	}
	j.forgetBefore(j.generation)
	j.compactAt = max(cfg.Least, j.snapshot)
	j.dirty()
	return j, nil
}

func (j *Journal) newLog(generation uint64) (file, error) {
	f, err := j.cfg.disk.create(logName(j.cfg.Dir, generation))
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(logMagic); err != nil {
		return nil, errors.Join(err, f.Close(), j.cfg.disk.remove(logName(j.cfg.Dir, generation)))
	}
	return f, nil
}

// write puts a snapshot in the place of the one before, and returns its size.
func (j *Journal) write(s State, next uint64, sync bool) (size int64, err error) {
	err = replaceFile(j.cfg.disk, filepath.Join(j.cfg.Dir, snapshotName), sync, func(w io.Writer) error {
		c := &counter{w: w}
		err := writeSnapshot(c, s, next)
		size = c.n
		return err
	})
	return size, err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// forgetBefore removes the logs that the snapshot has.
func (j *Journal) forgetBefore(generation uint64) {
	all, err := generations(j.cfg.Dir)
	for _, g := range all {
		if g < generation {
			err = errors.Join(err, j.cfg.disk.remove(logName(j.cfg.Dir, g)))
		}
	}
	if err != nil {
		j.cfg.Log.Warn("removing logs that are no longer needed", "err", err)
	}
}

// Append writes a change. When it returns nil, the change outlasts the process; when it
// returns an error, the change is not there, and whoever comes next may find room again.
// Lazy is what the power may take with it, unless something that is not lazy follows.
func (j *Journal) Append(c Change, lazy bool) error {
	b := appendFrame(nil, c.append)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.discarded:
		return nil
	case j.closed:
		return ErrClosed
	}
	if err := j.mend(); err != nil {
		return err
	}
	limit := j.cfg.Limit
	if c.Value == nil {
		limit += limit / 8
	}
	used := j.snapshot + j.older + j.size + int64(len(b))
	if used > j.cfg.Limit/4*3 && j.size+j.older > j.cfg.Least/4 {
		j.compact() // much of it may have been written over or deleted since
	}
	if used > limit {
		return fmt.Errorf("%w: %d MiB", ErrFull, j.cfg.Limit>>20)
	}
	if n, err := j.log.Write(b); err != nil {
		j.torn = n > 0
		return errors.Join(err, j.mend())
	}
	j.size, j.last = j.size+int64(len(b)), c.Revision
	if !lazy {
		j.dirty()
	}
	if j.size+j.older > j.compactAt {
		j.compact()
	}
	return nil
}

// mend takes away what a write left that failed. j.mu is held.
func (j *Journal) mend() error {
	if !j.torn {
		return nil
	}
	if err := j.log.Truncate(j.size); err != nil {
		return err
	}
	j.torn = false
	return nil
}

// dirty has the journal be synced. j.mu is held, or nobody else knows it.
func (j *Journal) dirty() {
	if !j.unsynced && j.cfg.Syncer != nil {
		j.unsynced = true
		j.cfg.Syncer.add(j)
	}
}

// sync makes what is written now outlast the power.
func (j *Journal) sync() {
	j.mu.Lock()
	if j.closed || !j.unsynced {
		j.mu.Unlock()
		return
	}
	log, fresh := j.log, j.fresh
	j.unsynced, j.fresh = false, false
	j.work.Add(1)
	j.mu.Unlock()
	defer j.work.Done()
	err := log.Sync()
	if fresh {
		err = errors.Join(err, j.syncFolder())
	}
	if err == nil {
		return
	}
	// What could not be synced may be lost though it can be read: write all anew.
	j.cfg.Log.Warn("syncing the session's journal", "err", err)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.compact()
}

// Close syncs what there is. Later changes fail with ErrClosed.
func (j *Journal) Close() error {
	if !j.end(false) {
		return nil
	}
	err := errors.Join(j.mend(), j.log.Sync())
	if j.fresh {
		err = errors.Join(err, j.syncFolder())
	}
	return errors.Join(err, j.log.Close())
}

// Discard is for a session that is no longer wanted: later changes are written nowhere.
// The folder may be removed when it returns.
func (j *Journal) Discard() {
	if j.end(true) {
		j.log.Close()
	}
}

// end tells whether the caller is the first who ends it.
func (j *Journal) end(discard bool) bool {
	j.mu.Lock()
	first := !j.closed
	j.closed, j.discarded = true, j.discarded || discard
	j.mu.Unlock()
	j.work.Wait()
	return first
}
