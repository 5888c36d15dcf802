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
	if err := os.RemoveAll(dst); err != nil {
		return err
	}
	if err := copyTree(dst, src); err != nil {
		return err
	}
	if err := apply(dst, edits); err != nil {
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

// copyTree copies what a build needs: no tests, no documents.
func copyTree(dst, src string) error {
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(src, path)
		to := filepath.Join(dst, rel)
		switch {
		case d.IsDir() && (d.Name() == "testdata" || rel == "vendor" || rel == "docs"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case strings.HasSuffix(rel, "_test.go") || strings.HasSuffix(rel, ".md") || !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	})
}

// An edit replaces Old by New in File, which must hold Old exactly Count times
// (1 if zero): when an upgrade moves the ground, the edit fails loudly.
type edit struct {
	File, Why, Old, New string
	Count               int
}

// apply makes all edits, and reports every one that does not fit.
func apply(dst string, edits []edit) error {
	var errs []error
	for _, e := range edits {
		path := filepath.Join(dst, e.File)
		b, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		want, got := max(e.Count, 1), strings.Count(string(b), e.Old)
		if got != want {
			errs = append(errs, fmt.Errorf("%s: %q stands there %d times, not %d (%s)", e.File, e.Old, got, want, e.Why))
			continue
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), e.Old, e.New)), 0o644); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func fingerprint(version string, edits []edit) string {
	b, _ := json.Marshal(edits)
	return fmt.Sprintf("%s %x\n", version, sha256.Sum256(b))
}
