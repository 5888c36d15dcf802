package killercoda

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/podhop/podhop/lessons/markdown"
)

// largest bounds a file that is read into a lesson, in bytes.
const largest = 1 << 20

func has(fsys fs.FS, name string) bool {
	info, err := fs.Stat(fsys, name)
	return err == nil && info.Mode().IsRegular()
}

// folders are those in dir that may have scenarios, in the order of their names.
func folders(fsys fs.FS, dir string) (out []string) {
	entries, _ := fs.ReadDir(fsys, dir) // what cannot be read has none
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "node_modules" {
			out = append(out, path.Join(dir, e.Name()))
		}
	}
	return out
}

// linked reports whether a symbolic link is on the way to name, or what it names.
func linked(fsys fs.FS, name string) bool {
	for at := name; at != "." && at != "/" && at != ""; at = path.Dir(at) {
		if info, err := fs.Lstat(fsys, at); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// file reads a file that a scenario names, or says at from and line why not.
func (s *scenario) file(name, from string, line int) (full string, data []byte, ok bool) {
	full, wrong := s.inside(name)
	if wrong == "" {
		switch info, err := fs.Stat(s.fsys, full); {
		case errors.Is(err, fs.ErrNotExist):
			wrong = "there is no such file"
		case err != nil:
			wrong = err.Error()
		case !info.Mode().IsRegular():
			wrong = "it is no file"
		case info.Size() > largest:
			wrong = "it is larger than 1 MiB"
		}
	}
	if wrong == "" {
		var err error
		if data, err = fs.ReadFile(s.fsys, full); err == nil {
			return full, markdown.Clean(data), true
		}
		wrong = err.Error()
	}
	s.fail(from, line, quoted(name)+": "+wrong)
	return "", nil, false
}

// inside is a path below the scenario's folder, or wrong says why it is none.
func (s *scenario) inside(name string) (full, wrong string) {
	name = strings.TrimPrefix(name, "./")
	if !fs.ValidPath(name) || strings.Contains(name, `\`) {
		return "", "must be a file inside the scenario's folder"
	}
	full = path.Join(s.dir, name)
	if linked(s.fsys, full) {
		return "", "it is a symbolic link, or in one"
	}
	return full, ""
}

func quoted(s string) string { return strconv.Quote(s) }
