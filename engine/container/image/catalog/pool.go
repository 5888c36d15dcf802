package catalog

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// pool is the files of the packages an image may take from, by their path on a
// machine where /bin, /lib and /sbin are links into /usr.
type pool struct {
	files map[string]string // path in the image -> file on this machine
	// sonames finds a shared library by the name programs ask for.
	sonames map[string]string
}

// merged gives the path that a file has on a merged-/usr system.
func merged(p string) string {
	for _, dir := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		if p == "/"+dir || strings.HasPrefix(p, "/"+dir+"/") {
			return "/usr" + p
		}
	}
	return p
}

// newPool indexes the unpacked packages.
func newPool(folders []string) (*pool, error) {
	p := &pool{files: map[string]string{}, sonames: map[string]string{}}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name := merged(strings.TrimPrefix(file, folder))
			p.files[name] = file
			if base := path.Base(name); strings.Contains(base, ".so") && libraryDir(path.Dir(name)) {
				p.sonames[base] = name
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// libraryDir tells whether the dynamic linker looks in dir by itself.
func libraryDir(dir string) bool {
	if dir == "/usr/lib" || dir == "/usr/lib64" {
		return true
	}
	rest, ok := strings.CutPrefix(dir, "/usr/lib/")
	return ok && strings.Contains(rest, "-linux-gnu") && !strings.Contains(rest, "/")
}

// match finds the files of a Keep line.
func (p *pool) match(pattern string) []string {
	pattern = merged(pattern)
	if _, ok := p.files[pattern]; ok {
		return []string{pattern}
	}
	var out []string
	below, all := strings.CutSuffix(pattern, "/**")
	for name := range p.files {
		if all && isBelow(below, name) {
			out = append(out, name)
		} else if ok, _ := path.Match(pattern, name); ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// isBelow tells whether a file lies below a folder, given by a pattern.
func isBelow(folder, name string) bool {
	parts := strings.SplitAfterN(name, "/", strings.Count(folder, "/")+2)
	if len(parts) < strings.Count(folder, "/")+2 {
		return false
	}
	ok, _ := path.Match(folder+"/", strings.Join(parts[:len(parts)-1], ""))
	return ok
}

// need returns the files that must come along with one: what a link points to,
// a program's loader and its libraries.
func (p *pool) need(name string) ([]string, error) {
	file := p.files[name]
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(file)
		if err != nil {
			return nil, err
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		if target = merged(target); p.files[target] == "" {
			return nil, nil // a link to a folder, or to what another layer brings
		}
		return []string{target}, nil
	}
	f, err := elf.Open(file)
	if err != nil {
		return nil, nil // no program
	}
	defer f.Close()
	var out []string
	for _, prog := range f.Progs {
		if prog.Type != elf.PT_INTERP {
			continue
		}
		text := make([]byte, prog.Filesz)
		if _, err := prog.ReadAt(text, 0); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, merged(strings.TrimRight(string(text), "\x00")))
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, soname := range libraries {
		lib, ok := p.sonames[soname]
		if !ok {
			return nil, fmt.Errorf("%s needs %s, which none of the packages has", name, soname)
		}
		out = append(out, lib)
	}
	return out, nil
}

// closure returns all files that the Keep lines ask for, with all they need.
func (p *pool) closure(keep []string) ([]string, error) {
	seen := map[string]bool{}
	var todo []string
	for _, pattern := range keep {
		found := p.match(pattern)
		if len(found) == 0 {
			return nil, fmt.Errorf("no package has %s", pattern)
		}
		todo = append(todo, found...)
	}
	var out []string
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[name] {
			continue
		}
		seen[name] = true
		if p.files[name] == "" {
			return nil, fmt.Errorf("no package has %s", name)
		}
		out = append(out, name)
		more, err := p.need(name)
		if err != nil {
			return nil, err
		}
		todo = append(todo, more...)
	}
	slices.Sort(out)
	return out, nil
}
