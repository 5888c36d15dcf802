package reload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settled is how long nothing must change: editors write a file in several steps.
	settled = 200 * time.Millisecond
	// atLeast is how often changes that never settle are looked at.
	atLeast = 2 * time.Second
	// watchedAtMost is how many folders are watched, of those that a kernel lets a user have.
	watchedAtMost = 2000
)

// A watcher tells when something below one of its folders changes.
type watcher struct {
	notify  *fsnotify.Watcher
	folders []watched
}

// watched is a folder by a descriptor: its path may not lead there from where we are.
type watched struct {
	Folder
	dir *os.File
}

func newWatcher(folders []Folder) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{notify: notify}
	for _, f := range folders {
		dir, err := f.Root.Open(".")
		if err != nil {
			w.close()
			return nil, err
		}
		w.folders = append(w.folders, watched{f, dir})
	}
	if err := w.watch(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *watcher) close() {
	_ = w.notify.Close()
	for _, f := range w.folders {
		_ = f.dir.Close()
	}
}

// watch watches every folder below; those that it watches already stay watched.
func (w *watcher) watch() error {
	n := 0
	for _, f := range w.folders {
		err := fs.WalkDir(f.Root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // it was removed meanwhile, and that is told
				return nil
			case err != nil:
				return fmt.Errorf("%s: %w", path.Join(f.Name, name), err)
			case !d.IsDir():
				return nil
			case name != "." && strings.HasPrefix(d.Name(), "."): // .git and its like
				return fs.SkipDir
			}
			if n++; n > watchedAtMost {
				return fmt.Errorf("%s: there are more than %d folders in it", f.Name, watchedAtMost)
			}
			err = w.notify.Add(path.Join(fmt.Sprintf("/proc/self/fd/%d", f.dir.Fd()), name))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// run calls changed after each change, once it has settled, until ctx is done.
func (w *watcher) run(ctx context.Context, changed func()) {
	var first time.Time // of the changes that changed was not called for
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if e.Op == fsnotify.Chmod { // backups and indexers do that
				continue
			}
		case _, ok := <-w.notify.Errors: // too many changes to tell each
			if !ok {
				return
			}
		case <-timer.C:
			if first.IsZero() {
				continue
			}
			first = time.Time{}
			_ = w.watch() // folders that are new; what cannot be watched is loaded all the same
			changed()
			continue
		}
		if first.IsZero() {
			first = time.Now()
		}
		timer.Reset(min(settled, max(0, atLeast-time.Since(first))))
	}
}
