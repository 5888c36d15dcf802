package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"
)

// Annotations of the layout's index entries.
const (
	// AnnotationName is the recipe's name.
	AnnotationName = "dev.podhop.catalog.name"
	// AnnotationNames is a JSON list of Names.
	AnnotationNames = "dev.podhop.catalog.names"
	// AnnotationVersion says in words what is in it: "nginx 1.22.1-9+deb12u1 (Debian)".
	AnnotationVersion     = "dev.podhop.catalog.version"
	annotationFingerprint = "dev.podhop.catalog.fingerprint"
)

// Config is what Build needs.
type Config struct {
	// Dir is the OCI layout's folder.
	Dir string
	// Cache holds downloaded packages; it may be removed at any time. The
	// default is the folder "podhop" of the user's cache.
	Cache string
	// ModuleDir is a checkout of Podhop, for the programs built from its
	// dependencies (agnhost); the default is the working directory.
	ModuleDir string
	// Recipes to build; the default is the whole catalogue.
	Recipes []Recipe
	// Refresh builds all anew, for newer packages.
	Refresh bool
	// Progress, if set, hears of each step; total is 0 where it is unknown. It
	// may be called from several goroutines.
	Progress func(step string, done, total int)
}

// Result says what Build did.
type Result struct {
	Built, UpToDate []string
	// Skipped are images that could not be built here, such as those of Go
	// programs where there is no Go, and why. The others are there.
	Skipped map[string]error
}

// Build brings the layout in Dir up to date; where it is, that takes
// milliseconds and needs neither apt nor Go. It needs no rights but to write
// its folders. Concurrent calls, also of other processes, wait for each other;
// readers see the old index or the new one.
func Build(ctx context.Context, cfg Config) (Result, error) {
	if cfg.Progress == nil {
		cfg.Progress = func(string, int, int) {}
	}
	if cfg.Recipes == nil {
		cfg.Recipes = Recipes()
	}
	if cfg.Cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			dir = os.TempDir()
		}
		cfg.Cache = filepath.Join(dir, "podhop")
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return Result{}, err
	}
	unlock, err := lock(filepath.Join(cfg.Dir, ".lock"))
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	b := build{Config: cfg, recipes: map[string]Recipe{}, result: Result{Skipped: map[string]error{}}, made: map[string]*made{}}
	for _, r := range cfg.Recipes {
		b.recipes[r.Name] = r
	}
	if b.sources, err = ownSources(); err != nil {
		return Result{}, err
	}
	err = b.run(ctx)
	return b.result, err
}

// build is one call of Build.
type build struct {
	Config
	recipes map[string]Recipe
	sources map[string]string
	layout  layout.Path
	temp    string
	debs    map[string]deb
	folders map[string]string
	made    map[string]*made
	result  Result
}

func (b *build) run(ctx context.Context) error {
	var err error
	if b.layout, err = layout.FromPath(b.Dir); err != nil {
		if b.layout, err = layout.Write(b.Dir, empty.Index); err != nil {
			return fmt.Errorf("catalogue %s: %w", b.Dir, err)
		}
	}
	have, err := b.fingerprints()
	if err != nil {
		return err
	}
	var todo []Recipe
	for _, r := range b.Config.Recipes {
		switch {
		case len(r.Names) == 0:
		case !b.Refresh && have[r.Name] == b.fingerprint(r):
			b.result.UpToDate = append(b.result.UpToDate, r.Name)
		default:
			todo = append(todo, r)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(b.Cache, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if b.temp, err = os.MkdirTemp(b.Cache, "build-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.temp)
	if err := b.packages(ctx, todo); err != nil {
		return err
	}
	for i, r := range todo {
		b.Progress("image "+r.Name, i, len(todo))
		if err := b.image(ctx, r); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			b.result.Skipped[r.Name] = err
			continue
		}
		b.result.Built = append(b.result.Built, r.Name)
	}
	b.Progress("images", len(todo), len(todo))
	return b.collect()
}

// fingerprint is the recipe's, with what it depends on.
func (b *build) fingerprint(r Recipe) string {
	inputs := []string{runtime.GOARCH}
	for below, ok := r, true; ok; below, ok = b.recipes[below.Base] {
		for program := range below.Programs {
			if _, own := b.sources[program]; !own {
				inputs = append(inputs, upstreamVersion())
			}
		}
	}
	return fingerprint(r, b.recipes, b.sources, inputs...)
}

// fingerprints reads those of the images that are there, with all of their blobs.
func (b *build) fingerprints() (map[string]string, error) {
	index, err := b.layout.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", b.Dir, err)
	}
	out := map[string]string{}
	for _, m := range manifest.Manifests {
		if !b.whole(m.Digest) {
			continue
		}
		out[m.Annotations[AnnotationName]] = m.Annotations[annotationFingerprint]
	}
	return out, nil
}

// whole tells whether the layout has the image's manifest and what that names. One
// that lost a blob, to a full disk or a hand, is built anew.
func (b *build) whole(digest v1.Hash) bool {
	img, err := b.layout.Image(digest)
	if err != nil {
		return false
	}
	manifest, err := img.Manifest()
	if err != nil {
		return false
	}
	for _, d := range append(manifest.Layers, manifest.Config) {
		if info, err := os.Stat(filepath.Join(b.Dir, "blobs", d.Digest.Algorithm, d.Digest.Hex)); err != nil || info.Size() != d.Size {
			return false
		}
	}
	return true
}

// packages fetches what the recipes and their bases need.
func (b *build) packages(ctx context.Context, todo []Recipe) error {
	roots := map[string]bool{}
	for _, r := range todo {
		for ok := true; ok; r, ok = b.recipes[r.Base] {
			for _, name := range r.Packages {
				roots[name] = true
			}
		}
	}
	if len(roots) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(roots))
	b.Progress("package lists", 0, 0)
	a, err := newApt(ctx, b.Cache, names[0], func(step string) { b.Progress(step, 0, 0) })
	if err != nil {
		return err
	}
	if b.debs, err = a.closure(ctx, names); err != nil {
		return err
	}
	b.folders, err = a.fetch(ctx, b.debs, func(done, total int) { b.Progress("packages", done, total) })
	return err
}

// image builds one image and writes it into the layout.
func (b *build) image(ctx context.Context, r Recipe) error {
	m, err := b.make(ctx, r)
	if err != nil {
		return err
	}
	version := r.Version
	if d, ok := b.debs[r.VersionOf]; ok {
		version = d.Version + " (Debian)"
	}
	version = strings.TrimSpace(r.Name + " " + version)
	var addenda []mutate.Addendum
	for i, l := range m.layers {
		addenda = append(addenda, mutate.Addendum{Layer: l, History: v1.History{CreatedBy: "podhop images build: " + m.history[i], Created: v1.Time{Time: epoch}}})
	}
	img, err := mutate.Append(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1), addenda...)
	if err != nil {
		return err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", runtime.GOARCH, v1.Time{Time: epoch}
	file.Config = r.Config
	file.Config.Labels = map[string]string{"org.opencontainers.image.title": r.Name, "org.opencontainers.image.version": version,
		"org.opencontainers.image.description": "Built by Podhop; not the image of the registry it answers for."}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return err
	}
	names, err := json.Marshal(r.Names)
	if err != nil {
		return err
	}
	return b.layout.ReplaceImage(img, match.Annotation(AnnotationName, r.Name), layout.WithAnnotations(map[string]string{
		AnnotationName: r.Name, AnnotationNames: string(names), AnnotationVersion: version, annotationFingerprint: b.fingerprint(r)}))
}

// collect removes images that are no recipe's any more, and blobs of none.
func (b *build) collect() error {
	err := b.layout.RemoveDescriptors(func(d v1.Descriptor) bool {
		r, ok := b.recipes[d.Annotations[AnnotationName]]
		return !ok || len(r.Names) == 0
	})
	if err != nil {
		return err
	}
	garbage, err := b.layout.GarbageCollect()
	if err != nil {
		return err
	}
	for _, hash := range garbage {
		if err := b.layout.RemoveBlob(hash); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return readable(b.Dir)
}

// readable lets everybody read the layout; its blobs were temporary files.
func readable(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(name, 0o644)
	})
}

// lock waits for an exclusive lock on file.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", file, err)
		}
		time.Sleep(time.Millisecond)
	}
}
