package lessons

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"testing"
	"testing/fstest"
)

// lists is a format whose folders have a file that lists slugs of lessons.
type lists struct{}

func (lists) Sees(fsys fs.FS, dir string) bool {
	_, err := fs.Stat(fsys, path.Join(dir, "list"))
	return err == nil
}

func (lists) Load(fsys fs.FS, dir string) (found []Lesson, errs []error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.txt"))
	if err != nil || len(names) == 0 {
		return nil, []error{&Error{File: path.Join(dir, "list"), Line: 1, Message: "lists nothing"}}
	}
	for _, name := range names {
		found = append(found, Lesson{Slug: path.Base(name[:len(name)-len(".txt")])})
	}
	return found, nil
}

func TestFormats(t *testing.T) {
	good := map[string]string{"01-good/lesson.yaml": goodYAML, "01-good/1.md": "hello", "samples/a.yaml": "kind: Pod"}
	for _, c := range []struct {
		name   string
		files  map[string]string
		also   []Format
		slugs  []string
		errors []string
	}{
		{"ours", nil, nil, []string{"good"}, nil},
		{"passed over", map[string]string{"assets/x.png": "", "README.md": "", ".git/HEAD": ""}, nil, []string{"good"}, nil},
		{"another's", map[string]string{"course/list": "", "course/b.txt": "", "course/a.txt": ""}, []Format{lists{}}, []string{"good", "a", "b"}, nil},
		{"nobody reads it", map[string]string{"course/list": "", "course/a.txt": ""}, nil, []string{"good"}, nil},
		{"another's of our name", map[string]string{"00-course/list": "", "00-course/a.txt": ""}, []Format{lists{}}, []string{"a", "good"}, nil},
		{"all is another's", map[string]string{"list": "", "a.txt": ""}, []Format{lists{}}, []string{"a"}, nil},
		{"another's mistake", map[string]string{"course/list": ""}, []Format{lists{}}, []string{"good"}, []string{"course/list:1: lists nothing"}},
		{"twice", map[string]string{"course/list": "", "course/good.txt": ""}, []Format{lists{}}, []string{"good"}, []string{`course: another folder has the slug "good" already`}},
		{"a name that does not do", map[string]string{"My lesson/lesson.yaml": goodYAML}, nil, []string{"good"},
			[]string{"My lesson: a lesson's folder must be named by a number and words of small letters, such as 01-my-lesson"}},
		{"the lesson itself", map[string]string{"lesson.yaml": goodYAML}, nil, nil, []string{"lesson.yaml: this is one lesson: name the folder that its folder is in"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for _, files := range []map[string]string{good, c.files} {
				for name, text := range files {
					fsys[name] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			lib, errs := Load(fsys, c.also...)
			var slugs, errors []string
			for _, l := range lib.Lessons {
				slugs = append(slugs, l.Slug)
			}
			for _, err := range errs {
				errors = append(errors, err.Error())
			}
			if !slices.Equal(slugs, c.slugs) || fmt.Sprint(errors) != fmt.Sprint(c.errors) {
				t.Errorf("got lessons %q and errors %q, want %q and %q", slugs, errors, c.slugs, c.errors)
			}
		})
	}
}
