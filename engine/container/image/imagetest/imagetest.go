// Package imagetest gives tests that run containers a small catalogue of images.
// It must not know what they run.
package imagetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/engine/container/image/catalog"
	"github.com/podhop/podhop/internal/nsexec"
)

// env tells the tests, which run in namespaces without a network, where the images are.
const env = "PODHOP_TEST_CATALOGUE"

// Main is nsexec.TestMain for a package whose tests need images: the catalogue's of
// these names, or, where none is named, all that are built in seconds. They are built
// once for all runs.
func Main(m *testing.M, names ...string) {
	if !nsexec.Inside() {
		if err := build(names); err != nil {
			fmt.Fprintln(os.Stderr, "tests need images:", err)
			os.Exit(1)
		}
	}
	nsexec.TestMain(m)
}

func build(names []string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	// A folder of its own for each set: packages are tested at the same time.
	folder := "test-catalogue"
	var recipes []catalog.Recipe
	for _, r := range catalog.Recipes() {
		if slices.Contains(names, r.Name) || len(names) == 0 && r.Name != "agnhost" && r.Base != "agnhost" && r.Name != "desk" {
			recipes = append(recipes, r)
		}
	}
	for _, name := range names {
		folder += "-" + name
	}
	dir := filepath.Join(cache, "podhop", folder)
	res, err := image.Build(context.Background(), image.BuildConfig{Dir: dir, Recipes: recipes})
	if err != nil {
		return err
	}
	for name, why := range res.Skipped {
		return fmt.Errorf("%s: %w", name, why)
	}
	return os.Setenv(env, dir)
}

// Open opens the catalogue that Main built.
func Open(t testing.TB) *image.Store {
	t.Helper()
	s, err := image.Open(os.Getenv(env))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
