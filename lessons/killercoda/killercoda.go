// Package killercoda reads scenarios and courses of Killercoda's format from a folder, as
// they are: index.json with what it names, structure.json, or folders of scenarios.
//
// The format is described at https://killercoda.com/creators, with examples at
// https://github.com/killercoda/scenario-examples and scenario-examples-courses.
//
// It must not know how lessons are shown or where they run. It trusts no folder: what a
// scenario names is a file below it and no symbolic link, or a mistake.
package killercoda

import (
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/podhop/podhop/lessons"
)

const (
	scenarioFile  = "index.json"
	structureFile = "structure.json"
	// deepest is how far courses may lie in courses, and most how many scenarios one folder gives.
	deepest = 6
	most    = 1000
)

// A Format is lessons' Format of these scenarios.
type Format struct{}

// Sees takes a folder that is a scenario or a course, or in which there are some.
func (Format) Sees(fsys fs.FS, dir string) bool {
	if dir == "." {
		return has(fsys, path.Join(dir, scenarioFile)) || has(fsys, path.Join(dir, structureFile))
	}
	return !strings.HasPrefix(dir, ".") && !has(fsys, path.Join(dir, "lesson.yaml")) && sees(fsys, dir, deepest)
}

func sees(fsys fs.FS, dir string, deep int) bool {
	if has(fsys, path.Join(dir, scenarioFile)) || has(fsys, path.Join(dir, structureFile)) {
		return true
	}
	for _, sub := range folders(fsys, dir) {
		if deep > 0 && sees(fsys, sub, deep-1) {
			return true
		}
	}
	return false
}

// Load reads the scenarios of a folder. One with mistakes is left out.
func (Format) Load(fsys fs.FS, dir string) ([]lessons.Lesson, []error) {
	r := reader{fsys: fsys}
	r.walk(dir, item{}, course{}, nil)
	return r.lessons, r.errs
}

// A reader gathers what a folder gives.
type reader struct {
	fsys    fs.FS
	lessons []lessons.Lesson
	errs    []error
	full    bool
}

func (r *reader) fail(file string, line int, message string) {
	r.errs = append(r.errs, &lessons.Error{File: file, Line: line, Message: message})
}

// An item is how a course names what is of it, and says otherwise than that does itself.
type item struct{ title, description string }

// A course is what a scenario is of.
type course struct {
	title string
	slug  string // of the folders that lead there
}

// walk reads a scenario or a course. above are the courses that it was reached through.
func (r *reader) walk(dir string, as item, of course, above []string) {
	for _, each := range above {
		if each == dir {
			r.fail(path.Join(dir, structureFile), 0, "this course is in itself")
			return
		}
	}
	switch above = append(above[:len(above):len(above)], dir); {
	case len(above) > deepest:
		r.fail(dir, 0, "courses lie too deep in each other")
	case has(r.fsys, path.Join(dir, structureFile)):
		r.structure(dir, as, of, above)
	case has(r.fsys, path.Join(dir, scenarioFile)):
		r.add(dir, as, of)
	default:
		of = course{title: or(as.title, path.Base(dir)), slug: join(of.slug, dir)}
		for _, sub := range folders(r.fsys, dir) {
			if sees(r.fsys, sub, deepest) {
				r.walk(sub, item{}, of, above)
			}
		}
	}
}

// structure reads a course whose structure.json says what is of it, and in which order.
func (r *reader) structure(dir string, as item, of course, above []string) {
	file := path.Join(dir, structureFile)
	v, ok := r.json(file)
	if !ok {
		return
	}
	of = course{title: or(as.title, v.get("title").text, of.title), slug: join(of.slug, dir)}
	items := v.get("items")
	if len(items.items) == 0 {
		r.fail(file, items.line, "items: there must be at least one")
	}
	for _, i := range sorted(items.items) {
		name := i.get("path")
		at := path.Join(dir, name.text)
		switch {
		case name.text == "":
			r.fail(file, i.line, "an item must have a path")
		case strings.HasPrefix(name.text, "/"), !fs.ValidPath(at), strings.Contains(name.text, `\`):
			r.fail(file, name.line, quoted(name.text)+": must be a folder inside the one that was given")
		case linked(r.fsys, at):
			r.fail(file, name.line, quoted(name.text)+": a symbolic link leads there")
		case !sees(r.fsys, at, deepest):
			r.fail(file, name.line, quoted(name.text)+": there is no scenario")
		default:
			r.walk(at, item{i.get("title").text, i.get("description").text}, of, above)
		}
	}
}

func (r *reader) add(dir string, as item, of course) {
	if len(r.lessons) >= most {
		if !r.full {
			r.full = true
			r.fail(dir, 0, "there are more scenarios than are read of one folder")
		}
		return
	}
	s := scenario{reader: r, dir: dir, slug: join(of.slug, dir)}
	before := len(r.errs)
	lesson := s.read(as)
	lesson.Course = of.title
	if len(r.errs) == before {
		r.lessons = append(r.lessons, lesson)
	}
}

var wordless = regexp.MustCompile(`[^a-z0-9]+`)

// join makes one slug of a course's and of a folder's name.
func join(slug, dir string) string {
	base := path.Base(dir)
	if base == "." {
		base = ""
	}
	word := strings.Trim(wordless.ReplaceAllString(strings.ToLower(base), "-"), "-")
	return strings.Trim(slug+"-"+word, "-")
}

// or is the first that is not empty.
func or(all ...string) string {
	for _, each := range all {
		if each != "" {
			return each
		}
	}
	return ""
}
