// Command build makes web/dist, which is committed: it verifies the packages of
// packages.lock, writes the browser's types from engine/model, and bundles
// web/app with esbuild. No Node is needed.
//
//	go run ./web/build          writes web/app/model.ts and web/dist
//	go run ./web/build -check   fails if what is committed is not what it would write
//	go run ./web/build -watch   rebuilds when web/app changes
//	go run ./web/build -types   checks the types of web/app, which bundling does not
//
// It must know nothing of the pages: they find the bundle by dist/manifest.json.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/podhop/podhop/web/internal/npm"
)

func main() {
	root := flag.String("root", ".", "the repository's folder")
	check := flag.Bool("check", false, "compare with what is there instead of writing it")
	watch := flag.Bool("watch", false, "go on, and build again after each change")
	types := flag.Bool("types", false, "check the types of web/app instead")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := func() error { return run(ctx, *root, *check, *watch) }
	if *types {
		do = func() error { return checkTypes(ctx, *root) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "web/build:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, check, watch bool) error {
	packages, err := installPage(ctx, root)
	if err != nil {
		return err
	}
	for {
		files, err := Bundle(root, packages)
		switch {
		case err != nil && watch:
			fmt.Fprintln(os.Stderr, err)
		case err != nil:
			return err
		case check:
			return compare(filepath.Join(root, "web"), files)
		default:
			if err := write(filepath.Join(root, "web"), files); err != nil {
				return err
			}
		}
		if !watch {
			return nil
		}
		if err := changed(ctx, filepath.Join(root, "web/app")); err != nil {
			return nil
		}
	}
}

func installPage(ctx context.Context, root string) ([]npm.Package, error) {
	return npm.Install(ctx, filepath.Join(root, "web/build/packages.lock"), filepath.Join(root, ".build/npm"), nil)
}

// Files maps paths under web/ to what belongs there.
type Files map[string][]byte

func write(dir string, files Files) error {
	old, err := listDist(dir)
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, keep := files[name]; !keep {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for name, data := range files {
		path := filepath.Join(dir, name)
		if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, data) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func compare(dir string, files Files) error {
	var errs []error
	have, err := listDist(dir)
	if err != nil {
		return err
	}
	for _, name := range have {
		if _, ok := files[name]; !ok {
			errs = append(errs, fmt.Errorf("web/%s is left over", name))
		}
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			errs = append(errs, fmt.Errorf("web/%s is not what the sources make", name))
		}
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New("run: go run ./web/build"))
	}
	return errors.Join(errs...)
}

func listDist(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(filepath.Join(dir, "dist"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	slices.Sort(names)
	return names, err
}

// changed returns when a file under dir is newer than now, or with ctx's error.
func changed(ctx context.Context, dir string) error {
	since := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		newer := false
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() == "model.ts" || d.Name() == "shapes.ts" {
				return nil
			}
			if info, err := d.Info(); err == nil && info.ModTime().After(since) {
				newer = true
			}
			return nil
		})
		if newer {
			return nil
		}
	}
}
