package container

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/engine/container/image/catalog"
	"github.com/podhop/podhop/internal/nsexec"
)

// catalogueEnv tells the tests, which have no network, where the images are.
const catalogueEnv = "PODHOP_TEST_CATALOGUE"

func TestMain(m *testing.M) {
	if !nsexec.Inside() {
		if err := buildImages(); err != nil {
			fmt.Fprintln(os.Stderr, "tests need images:", err)
			os.Exit(1)
		}
	}
	nsexec.TestMain(m)
}

// buildImages builds the images that the tests run, once for all runs.
func buildImages() error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, "podhop", "test-catalogue")
	slow := map[string]bool{"agnhost": true}
	var recipes []catalog.Recipe
	for _, r := range catalog.Recipes() {
		if !slow[r.Name] {
			recipes = append(recipes, r)
		}
	}
	res, err := image.Build(context.Background(), image.BuildConfig{Dir: dir, Recipes: recipes})
	if err == nil {
		for name, why := range res.Skipped {
			err = fmt.Errorf("%s: %w", name, why)
		}
	}
	os.Setenv(catalogueEnv, dir)
	return err
}

func images(t testing.TB) *image.Store {
	t.Helper()
	s, err := image.Open(os.Getenv(catalogueEnv))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testImage(t testing.TB, reference string) image.Image {
	t.Helper()
	img, err := images(t).Resolve(reference)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// testHost is a host of this test alone.
func testHost(t testing.TB) *Host {
	t.Helper()
	// Not t.TempDir: a session's root could not search it.
	h, err := New(Config{Dir: filepath.Join("/run/podhop", strings.ReplaceAll(t.Name(), "/", "-")), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error("close host: ", err)
		}
	})
	return h
}

// testSession opens the n'th session.
func testSession(t testing.TB, h *Host, n int, change func(*SessionConfig)) *Session {
	t.Helper()
	maps := []nsexec.IDMap{{Inner: 0, Outer: 0, Size: 1}}
	base := 0
	if !h.SingleID() {
		base = 65536 * n
		maps = []nsexec.IDMap{{Inner: 0, Outer: base, Size: 65536}}
	}
	ns, err := nsexec.NewUserNS(maps)
	if err != nil {
		t.Fatal(err)
	}
	cfg := SessionConfig{ID: fmt.Sprintf("s%d", n), UserNS: ns, UIDBase: base}
	if change != nil {
		change(&cfg)
	}
	s, err := h.OpenSession(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("close session: ", err)
		}
		ns.Close()
	})
	return s
}

func testSandbox(t testing.TB, s *Session) *nsexec.Sandbox {
	t.Helper()
	b, err := nsexec.NewSandbox(s.cfg.UserNS, "pod")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}
