package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// compact goes on in a new log, and has a snapshot written that the old ones are not needed
// for. j.mu is held.
func (j *Journal) compact() {
	if j.compacting || j.closed {
		return
	}
	err := j.mend() // what is behind it in no other log than the last is damage
	var next file
	if err == nil {
		next, err = j.newLog(j.generation + 1)
	}
	if err != nil {
		j.later(err)
		return
	}
	old, before := j.log, j.size+j.older
	j.log, j.generation = next, j.generation+1
	j.older, j.size = before, int64(len(logMagic))
	j.compacting = true
	generation, last := j.generation, j.last
	j.work.Go(func() {
		// First: the new log says nothing without it.
		err := errors.Join(old.Sync(), old.Close())
		if err != nil {
			j.cfg.Log.Warn("closing a log", "err", err) // the snapshot will have what is in it
		}
		s := j.cfg.State()
		var size int64
		if s.Revision < last {
			err = fmt.Errorf("the state is of revision %d, and the log of %d", s.Revision, last)
		} else {
			size, err = j.write(s, generation, true)
		}
		j.mu.Lock()
		j.compacting = false
		if err != nil {
			j.later(err)
		} else {
			j.snapshot, j.older, j.fresh = size, j.older-before, false
			j.compactAt = max(j.cfg.Least, size)
		}
		j.mu.Unlock()
		if err == nil {
			j.forgetBefore(generation)
		}
	})
}

// later has compaction wait until the log has grown by as much again. j.mu is held.
func (j *Journal) later(err error) {
	j.cfg.Log.Warn("the session's journal cannot be made shorter", "err", err)
	j.compactAt = j.size + j.older + j.cfg.Least
}

// syncFolder makes all but the logs, and that the folder is there, outlast the power.
func (j *Journal) syncFolder() error {
	d := j.cfg.disk
	entries, err := os.ReadDir(j.cfg.Dir)
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), logPrefix) {
			err = errors.Join(err, syncFile(filepath.Join(j.cfg.Dir, e.Name())))
		}
	}
	return errors.Join(err, d.syncDir(j.cfg.Dir), d.syncDir(filepath.Dir(j.cfg.Dir)))
}
