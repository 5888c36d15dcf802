package container

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/engine/container/image/imagetest"
	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { imagetest.Main(m) }

func testImage(t testing.TB, reference string) image.Image {
	t.Helper()
	img, err := imagetest.Open(t).Resolve(reference)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func testLog() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }

// testHost is a host of this test alone.
func testHost(t testing.TB) *Host {
	t.Helper()
	// Not t.TempDir: a session's root could not search it.
	h, err := New(Config{Dir: filepath.Join("/run/podhop", strings.ReplaceAll(t.Name(), "/", "-")), Log: testLog()})
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
