package container

import (
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// DefaultSizeBytes is the size of a session's file system that is not told another.
const DefaultSizeBytes = 256 << 20

// Disk is what the container has written: what its writable layer takes, in
// bytes and inodes. Logs and volumes are not among it.
func (c *Container) Disk() (bytes, inodes uint64) { return c.disk.of(filepath.Join(c.root, "upper")) }

// disk remembers what a folder takes. A layer may have as many files as the
// session's file system, so a reading is good for as long as 20 take.
type disk struct {
	mu            sync.Mutex
	bytes, inodes uint64
	until         time.Time
}

func (d *disk) of(dir string) (bytes, inodes uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	began := time.Now()
	if began.After(d.until) {
		d.bytes, d.inodes = du(dir)
		now := time.Now()
		d.until = now.Add(20 * now.Sub(began))
	}
	return d.bytes, d.inodes
}

// du adds up a folder. What goes meanwhile is not counted, and hard links are
// counted as often as they are found, which on a layer is once.
func du(dir string) (bytes, inodes uint64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { //nolint:errcheck // it never fails
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				bytes, inodes = bytes+uint64(st.Blocks)*512, inodes+1
			}
		}
		return nil
	})
	return bytes, inodes
}
