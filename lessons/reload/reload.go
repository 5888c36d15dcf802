// Package reload keeps the lessons that come with the program beside those of folders,
// which are loaded anew whenever they are edited.
//
// It must not know what a lesson is, nor who reads one.
package reload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"sync/atomic"

	"github.com/podhop/podhop/lessons"
)

// Config says which lessons there are.
type Config struct {
	// Own are those that come with the program.
	Own fs.FS
	// Folders are of whoever runs it. Their lessons follow, in this order.
	Folders []Folder
	// Formats are those that lessons may be written in besides ours.
	Formats []lessons.Format
	// Log is told of mistakes when they are new, and of what was loaded again.
	Log *slog.Logger
}

// A Folder is one of lessons. It was opened before the program got mounts of its own, so
// that it may be anywhere; nothing outside of it is read, whatever links there are.
type Folder struct {
	Name string // as it was given
	Root *os.Root
}

// OpenFolder opens one. It fails as os.OpenRoot does.
func OpenFolder(name string) (Folder, error) {
	root, err := os.OpenRoot(name)
	return Folder{Name: name, Root: root}, err
}

// Lessons are what there is now. They are safe for concurrent use.
type Lessons struct {
	cfg Config
	now atomic.Pointer[state]
}

type state struct {
	library lessons.Library
	errs    []error
}

// New loads everything once.
func New(cfg Config) *Lessons {
	l := &Lessons{cfg: cfg}
	l.load()
	return l
}

// Library is every lesson that loaded. What was taken from it stays good, whatever is
// loaded after it.
func (l *Lessons) Library() lessons.Library { return l.now.Load().library }

// Lesson finds a lesson by its slug.
func (l *Lessons) Lesson(slug string) (lessons.Lesson, bool) { return l.Library().Lesson(slug) }

// Mistakes are what is wrong in the folders of whoever runs the program: each says file
// and line.
func (l *Lessons) Mistakes() []error { return l.now.Load().errs }

// load takes the place of what there was.
func (l *Lessons) load() {
	next := &state{}
	var own []error
	next.library, own = lessons.Load(l.cfg.Own)
	for _, f := range l.cfg.Folders {
		next.add(f, l.cfg.Formats)
	}
	var before []error
	if last := l.now.Swap(next); last != nil {
		before = last.errs
	} else {
		for _, err := range own { // a test keeps these away
			l.cfg.Log.Warn("a lesson does not load", "err", err)
		}
	}
	said := func(among []error, err error) bool {
		return slices.ContainsFunc(among, func(e error) bool { return e.Error() == err.Error() })
	}
	for _, err := range next.errs {
		if !said(before, err) {
			l.cfg.Log.Warn("a lesson does not load", "err", err)
		}
	}
	for _, err := range before {
		if !said(next.errs, err) {
			l.cfg.Log.Info("a lesson's mistake is mended", "was", err)
		}
	}
}

// add loads a folder's lessons behind those that there are.
func (s *state) add(f Folder, formats []lessons.Format) {
	found, errs := lessons.Load(f.Root.FS(), formats...)
	for _, err := range errs {
		s.errs = append(s.errs, within(f.Name, err))
	}
	for _, l := range found.Lessons {
		if _, twice := s.library.Lesson(l.Slug); twice {
			s.errs = append(s.errs, &lessons.Error{File: f.Name, Message: fmt.Sprintf("there is another lesson with the slug %q", l.Slug)})
			continue
		}
		s.library.Lessons = append(s.library.Lessons, l)
	}
	if len(found.Lessons)+len(errs) == 0 {
		s.errs = append(s.errs, &lessons.Error{File: f.Name, Message: "there is no lesson in it: podhop lessons new writes one"})
	}
	s.library.Samples = append(s.library.Samples, found.Samples...)
}

// within says in which folder a mistake is.
func within(folder string, err error) error {
	var e *lessons.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", folder, err)
	}
	inside := *e
	inside.File = path.Join(folder, e.File)
	return &inside
}

// Run loads the folders anew when something in them changes, until ctx is done.
func (l *Lessons) Run(ctx context.Context) {
	if len(l.cfg.Folders) == 0 {
		return
	}
	w, err := newWatcher(l.cfg.Folders)
	if err != nil {
		l.cfg.Log.Warn("lessons are not loaded again when they are edited", "err", err)
		return
	}
	defer w.close()
	l.load() // what was edited before there was a watch
	w.run(ctx, func() {
		l.load()
		l.cfg.Log.Info("lessons were loaded again", "lessons", len(l.Library().Lessons), "mistakes", len(l.Mistakes()))
	})
}
