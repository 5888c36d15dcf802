package container

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/podhop/podhop/engine/container/image"
)

const mib = 1 << 20

// bulk is a layer of one file, /bulk/NAME, of so many MiB.
func bulk(t testing.TB, name string, size int) image.Layer {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	if err := tw.WriteHeader(&tar.Header{Name: "bulk/" + name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(size * mib)}); err != nil {
		t.Fatal(err)
	}
	for range size {
		tw.Write(bytes.Repeat([]byte(name[:1]), mib))
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(buf.Bytes())
	return image.Layer{DiffID: "sha256:" + hex.EncodeToString(sum[:]), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buf.Bytes())), nil }}
}

func bulkImage(t testing.TB, name string, size int) image.Image {
	return image.Image{Reference: name, Layers: []image.Layer{bulk(t, name, size)}}
}

// smallHost has room for so many MiB of unpacked layers.
func smallHost(t testing.TB, size int64) *Host {
	t.Helper()
	h, err := New(Config{Dir: filepath.Join("/run/podhop", strings.ReplaceAll(t.Name(), "/", "-")), LayerBytes: size * mib, Log: testLog()})
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

// kept are the names of the files of layers that are there.
func (l *layers) kept(t testing.TB) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.dir, "*", "bulk", "*"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadDir(l.dir)
	if err != nil || len(all) != len(l.done) {
		t.Errorf("%d folders for %d layers: %v, %v", len(all), len(l.done), all, err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return strings.Join(slices.Sorted(slices.Values(names)), " ")
}

func TestLayersGoByUse(t *testing.T) {
	h := smallHost(t, 8)
	prepare := func(name string) {
		t.Helper()
		if err := h.Prepare(t.Context(), bulkImage(t, name, 2)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		prepare(name)
	}
	prepare("a") // a use
	prepare("e")
	if got := h.layers.kept(t); got != "a c d e" {
		t.Errorf("kept %s; b was not used for longest", got)
	}
	if err := h.Prepare(t.Context(), bulkImage(t, "f", 5)); !errors.Is(err, image.ErrTooLarge) {
		t.Errorf("a layer of more than half: %v", err)
	}
	prepare("b")
}

// TestLayersInUse: a running container keeps its image, whoever wants the room.
func TestLayersInUse(t *testing.T) {
	for name, change := range map[string]func(*Host){
		"ids": func(*Host) {}, "old-kernel": func(h *Host) { h.idmaps = false },
		"single-id": func(h *Host) {
			env := *h.env
			env.SubIDs = 1
			h.env, h.layers.singleID = &env, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := smallHost(t, 40)
			change(h)
			s := testSession(t, h, 1, nil)
			var containers []*Container
			for _, id := range []string{"a", "b"} {
				c := run(t, s, func(s *Spec) {
					s.ID, s.Image = id, testImage(t, "busybox")
					s.LogPath += id
					s.Image.Layers = append([]image.Layer{bulk(t, id, 12)}, s.Image.Layers...)
				}, "sleep", "1000")
				containers = append(containers, c)
			}
			third := bulkImage(t, "c", 18)
			err := s.Unpack(t.Context(), third)
			if !errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), "no space left on device: the 40 MB that this server has for unpacked images are full of those in use") {
				t.Fatalf("with all in use: %v", err)
			}
			for i, c := range containers {
				if got := execOutput(t, c, "sh", "-c", "cat /bulk/* | wc -c"); strings.TrimSpace(got) != fmt.Sprint(12*mib) {
					t.Errorf("container %d sees %q", i, got)
				}
			}
			if err := containers[0].Remove(); err != nil {
				t.Fatal(err)
			}
			if err := s.Unpack(t.Context(), third); err != nil {
				t.Fatalf("when one is gone: %v", err)
			}
			if got := h.layers.kept(t); got != "b c" {
				t.Errorf("kept %s", got)
			}
			if got := execOutput(t, containers[1], "sh", "-c", "cat /bulk/* | wc -c"); strings.TrimSpace(got) != fmt.Sprint(12*mib) {
				t.Errorf("who stayed sees %q", got)
			}
			if err := testSession(t, h, 2, nil).Close(); err != nil { // another's end
				t.Fatal(err)
			}
			if got := h.layers.kept(t); got != "b c" {
				t.Errorf("kept %s after another session", got)
			}
			if err := containers[1].Remove(); err != nil {
				t.Fatal(err)
			}
			if below := mountsBelow(s.path("l")); len(below) > 0 {
				t.Errorf("still mounted, with nobody to see it: %q", below)
			}
		})
	}
}

// TestLayersTogether: many want more than there is room for. Some are told so;
// nobody gets half a layer, and nothing is left behind.
func TestLayersTogether(t *testing.T) {
	h := smallHost(t, 8)
	var images []image.Image
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		images = append(images, bulkImage(t, name, 2))
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				dirs, release, err := h.layers.get(t.Context(), images[(i+j*(i%3+1))%len(images)], owner{})
				if errors.Is(err, ErrNoRoom) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				files, err := filepath.Glob(dirs[0] + "/bulk/*")
				if err != nil || len(files) != 1 {
					t.Errorf("%s: %q, %v", dirs[0], files, err)
				} else if info, err := os.Stat(files[0]); err != nil || info.Size() != 2*mib {
					t.Errorf("%s: %v, %v", files[0], info, err)
				}
				release()
			}
		})
	}
	wg.Wait()
	h.layers.kept(t)
	if err := h.Prepare(t.Context(), images[0]); err != nil {
		t.Error(err)
	}
}
