package lessons

import (
	"io/fs"
	"path"

	"github.com/podhop/podhop/lessons/check"
)

// A Format reads lessons that are written otherwise than in ours.
type Format interface {
	// Sees reports whether the folder is one of the format: "." is all of fsys.
	Sees(fsys fs.FS, dir string) bool
	// Load reads a folder that Sees saw: a lesson, or a course of several. Those with
	// mistakes are left out; the errors are each an *Error, whose File is a path in fsys.
	Load(fsys fs.FS, dir string) ([]Lesson, []error)
}

// ours is the format that Load tells of.
type ours struct{ env *check.Environment }

// Sees takes every folder that is named as ours are, so that one without a lesson.yaml
// is told, and any that has one, so that a name that does not do is told.
func (ours) Sees(fsys fs.FS, dir string) bool {
	if dir != "." && folder.MatchString(dir) {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, lessonFile))
	return err == nil
}

func (o ours) Load(fsys fs.FS, dir string) ([]Lesson, []error) {
	l := loader{fsys: fsys, dir: dir, env: o.env}
	m := folder.FindStringSubmatch(dir)
	switch {
	case dir == ".":
		l.fail(lessonFile, 0, "this is one lesson: name the folder that its folder is in")
	case m == nil:
		l.fail("", 0, "a lesson's folder must be named by a number and words of small letters, such as 01-my-lesson")
	default:
		lesson := l.lesson(m[1])
		if len(l.errs) == 0 {
			return []Lesson{lesson}, nil
		}
	}
	return nil, l.errs
}
