// Command upstream prepares the copy of k8s.io/kubernetes that Podhop builds
// against: the module as published, out of the module cache, with the few named
// edits of edits.go applied (a kubelet that can be stopped, more than once in a
// process). The copy lands in an ignored folder to which go.mod's replace points.
//
// It must not know anything of Podhop's packages, and imports the standard
// library only: it runs before the main module can be loaded.
//
//	go -C internal/upstream run . -root ../..
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	module = "k8s.io/kubernetes"
	// The name says what to run, because `go build` prints it when the folder is missing.
	folder = ".build/kubernetes-from-make-prepare"
)

func main() {
	root := flag.String("root", ".", "the project's root")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	m := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(module) + ` (v\S+)`).FindSubmatch(gomod)
	if m == nil {
		return fmt.Errorf("go.mod does not require %s", module)
	}
	version, dst := string(m[1]), filepath.Join(root, folder)
	stamp, want := filepath.Join(dst, ".prepared"), fingerprint(version, edits)
	if got, err := os.ReadFile(stamp); err == nil && string(got) == want {
		return nil
	}
	src, err := download(version)
	if err != nil {
		return err
	}
	edited, err := apply(src, edits)
	if err != nil {
		return err // before anything is touched
	}
	// A build that runs meanwhile must find either all of the old or all of the new.
	if err := os.Remove(stamp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := sync(dst, src, edited); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
}

// download returns the folder of the module in the module cache.
func download(version string) (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", module+"@"+version)
	cmd.Dir = os.TempDir() // outside any module
	out, err := cmd.Output()
	var info struct{ Dir, Error string }
	if jerr := json.Unmarshal(out, &info); jerr != nil && err == nil {
		err = jerr
	}
	if info.Error != "" {
		err = errors.New(info.Error)
	}
	if err != nil {
		return "", fmt.Errorf("download %s@%s: %w", module, version, err)
	}
	return info.Dir, nil
}

// sync makes dst what a build needs of src (no tests, no documents), with the
// edited files in the place of src's. A file that is right already is not
// touched, so that build caches hold; what is too many goes.
func sync(dst, src string, edited map[string][]byte) error {
	keep := map[string]bool{".": true}
	err := filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (d.Name() == "testdata" || rel == "vendor" || rel == "docs"):
			return fs.SkipDir
		case d.IsDir():
			keep[rel] = true
			return os.MkdirAll(filepath.Join(dst, rel), 0o755)
		case strings.HasSuffix(rel, "_test.go") || strings.HasSuffix(rel, ".md") || !d.Type().IsRegular():
			return nil
		}
		keep[rel] = true
		text, ok := edited[filepath.ToSlash(rel)]
		if !ok {
			if text, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		return write(filepath.Join(dst, rel), text)
	})
	if err != nil {
		return err
	}
	return filepath.WalkDir(dst, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dst, path)
		if err != nil || keep[rel] {
			return err
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
}

// write replaces the file at once, unless it holds text already.
func write(path string, text []byte) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, text) {
		return nil
	}
	if err := os.WriteFile(path+"~", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+"~", path)
}

// An edit replaces Old by New in File, which must hold Old exactly Count times
// (1 if zero): when an upgrade moves the ground, the edit fails loudly.
type edit struct {
	File, Why, Old, New string
	Count               int
}

// apply answers the edited text of each file of src that an edit names, and
// reports every edit that does not fit. Edits of one file see those before them.
func apply(src string, edits []edit) (map[string][]byte, error) {
	edited := map[string][]byte{}
	var errs []error
	for _, e := range edits {
		text, ok := edited[e.File]
		if !ok {
			var err error
			if text, err = os.ReadFile(filepath.Join(src, e.File)); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		want, got := max(e.Count, 1), bytes.Count(text, []byte(e.Old))
		if got != want {
			errs = append(errs, fmt.Errorf("%s: %q stands there %d times, not %d (%s)", e.File, e.Old, got, want, e.Why))
			continue
		}
		edited[e.File] = bytes.ReplaceAll(text, []byte(e.Old), []byte(e.New))
	}
	return edited, errors.Join(errs...)
}

func fingerprint(version string, edits []edit) string {
	b, _ := json.Marshal(edits)
	return fmt.Sprintf("%s %x\n", version, sha256.Sum256(b))
}
