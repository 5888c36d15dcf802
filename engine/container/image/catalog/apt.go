package catalog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// ErrNoApt is returned where images must be built and there is no apt-get.
var ErrNoApt = errors.New("images are built from Debian packages, and there is no apt-get here")

// apt reads package lists and downloads packages; it installs nothing.
type apt struct {
	dir     string   // for downloads, and lists of our own if the system has none
	options []string // common to every call
}

// deb is one package of the archive.
type deb struct {
	Name, Version, Depends, File string
}

// newApt uses the machine's package lists if they have the probe package, and
// fetches lists of its own into dir otherwise, as in a fresh container or where
// the machine's are not ours to fetch.
func newApt(ctx context.Context, dir, probe string, progress func(string)) (*apt, error) {
	for _, tool := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%w (no %s)", ErrNoApt, tool)
		}
	}
	// The index that apt makes of the lists is kept in dir: the machine's may not
	// be ours to write, and Docker's images keep none.
	a := &apt{dir: dir, options: []string{"-q", "-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=2", "-o", "Dir::Cache=" + dir,
		"-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin"}}
	if found, err := a.show(ctx, []string{probe}); err == nil && len(found) > 0 {
		return a, nil
	}
	progress("package lists")
	lists := filepath.Join(dir, "lists")
	if err := os.MkdirAll(filepath.Join(lists, "partial"), 0o755); err != nil {
		return nil, err
	}
	a.options = append(a.options, "-o", "Dir::State::Lists="+lists)
	if _, err := a.run(ctx, dir, "apt-get", "update"); err != nil {
		return nil, err
	}
	if found, err := a.show(ctx, []string{probe}); err != nil || len(found) == 0 {
		return nil, errors.Join(fmt.Errorf("package lists: no package %q", probe), err)
	}
	return a, nil
}

func (a *apt) run(ctx context.Context, dir, tool string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, tool, append(slices.Clone(a.options), args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w: %s", tool, args[0], err, lastLine(stderr.String()))
	}
	return out, nil
}

// show looks packages up; unknown and purely virtual ones are left out.
func (a *apt) show(ctx context.Context, names []string) ([]deb, error) {
	out, err := a.run(ctx, "", "apt-cache", append([]string{"show", "--no-all-versions"}, names...)...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // apt-cache fails if only one is unknown
		return nil, err
	}
	return parseShow(bytes.NewReader(out)), nil
}

func parseShow(r io.Reader) []deb {
	var out []deb
	var d deb
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	flush := func() {
		if d.Name != "" && d.File != "" {
			out = append(out, d)
		}
		d = deb{}
	}
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "":
			flush()
		case "Package":
			d.Name = value
		case "Version":
			d.Version = value
		case "Filename":
			d.File = value
		case "Depends", "Pre-Depends":
			d.Depends += ", " + value
		}
	}
	flush()
	return out
}

var (
	dependency  = regexp.MustCompile(`^\s*([a-z0-9][a-z0-9+.-]*)`)
	libraryName = regexp.MustCompile(`^lib|^zlib|-libs$|^perl-modules-|^python3(\.\d+)?-minimal$`)
)

// libraries lists the libraries among a package's dependencies, those of languages
// whose packages are named by version too. Programs are not followed: a recipe
// names those it wants. Of alternatives the first counts.
func (d deb) libraries() []string {
	var out []string
	for _, clause := range strings.Split(d.Depends, ",") {
		if m := dependency.FindStringSubmatch(clause); m != nil && libraryName.MatchString(m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

// closure looks up packages and all libraries they need. Missing roots are an
// error; a missing library shows later, when a program's is not found.
func (a *apt) closure(ctx context.Context, roots []string) (map[string]deb, error) {
	found := map[string]deb{}
	asked := map[string]bool{}
	for wanted := roots; len(wanted) > 0; {
		for _, name := range wanted {
			asked[name] = true
		}
		debs, err := a.show(ctx, wanted)
		if err != nil {
			return nil, err
		}
		wanted = nil
		for _, d := range debs {
			found[d.Name] = d
			for _, lib := range d.libraries() {
				if !asked[lib] {
					asked[lib] = true
					wanted = append(wanted, lib)
				}
			}
		}
	}
	for _, name := range roots {
		if _, ok := found[name]; !ok {
			return nil, fmt.Errorf("no Debian package %q in this machine's package lists", name)
		}
	}
	return found, nil
}

// fetch downloads and unpacks packages and returns the folder of each. What is
// there from an earlier build in the same version is taken as it is.
func (a *apt) fetch(ctx context.Context, debs map[string]deb, progress func(done, total int)) (map[string]string, error) {
	folders := map[string]string{}
	var missing []string
	for name, d := range debs {
		folders[name] = filepath.Join(a.dir, "packages", name+"_"+strings.ReplaceAll(d.Version, ":", "%3a"))
		if _, err := os.Stat(folders[name]); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return folders, nil
	}
	slices.Sort(missing)
	downloads, err := os.MkdirTemp(a.dir, "download-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(downloads)
	wanted := make([]string, len(missing))
	for i, name := range missing {
		wanted[i] = name + "=" + debs[name].Version
	}
	progress(0, len(missing))
	if _, err := a.run(ctx, downloads, "apt-get", append([]string{"download"}, wanted...)...); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(downloads, "*.deb"))
	if err != nil {
		return nil, err
	}
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), "_")
		folder, ok := folders[name]
		if !ok {
			continue
		}
		group.Go(func() error {
			if err := unpack(ctx, file, folder); err != nil {
				return fmt.Errorf("unpack %s: %w", name, err)
			}
			progress(int(done.Add(1)), len(missing))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, name := range missing {
		if _, err := os.Stat(folders[name]); err != nil {
			return nil, fmt.Errorf("apt-get download did not bring %s", name)
		}
	}
	return folders, nil
}

// unpack unpacks a package into folder, which is there when it is whole.
func unpack(ctx context.Context, file, folder string) error {
	part := folder + ".part"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(filepath.Dir(folder), 0o755)); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", file, part).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, lastLine(string(out)))
	}
	return os.Rename(part, folder)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
