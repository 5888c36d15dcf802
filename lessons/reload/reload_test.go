package reload

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

const yaml = "title: %s\nsummary: S\nminutes: 5\nlevel: beginner\nsteps:\n- title: One\n  text: 1.md\n"

// own has one lesson, "given".
func own() fstest.MapFS {
	return fstest.MapFS{"01-given/lesson.yaml": {Data: fmt.Appendf(nil, yaml, "Given")}, "01-given/1.md": {Data: []byte("text")}}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, dir string) Folder {
	t.Helper()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Root.Close() })
	f.Name = "mine"
	return f
}

// told is what there is, in a line.
func told(l *Lessons) string {
	var words []string
	for _, x := range l.Library().Lessons {
		words = append(words, x.Slug+"="+x.Title)
	}
	for _, err := range l.Mistakes() {
		words = append(words, "("+err.Error()+")")
	}
	return strings.Join(words, " ")
}

type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// A folder is edited as people and programs do it, and what is broken is told and the rest
// stays.
func TestEdited(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"01-a/lesson.yaml": fmt.Sprintf(yaml, "A"), "01-a/1.md": "text"})
	log := &buffer{}
	l := New(Config{Own: own(), Folders: []Folder{open(t, dir)}, Log: slog.New(slog.NewTextHandler(log, nil))})
	if got, want := told(l), "given=Given a=A"; got != want {
		t.Fatalf("at first: %s, want %s", got, want)
	}
	go l.Run(t.Context())
	steps := []struct {
		what string
		do   func(t *testing.T)
		want string
	}{
		{"written", func(t *testing.T) { write(t, dir, map[string]string{"01-a/lesson.yaml": fmt.Sprintf(yaml, "A again")}) }, "given=Given a=A again"},
		{"renamed into place, as editors do", func(t *testing.T) {
			write(t, dir, map[string]string{"01-a/.lesson.yaml.swp": fmt.Sprintf(yaml, "A once more")})
			if err := os.Rename(filepath.Join(dir, "01-a/.lesson.yaml.swp"), filepath.Join(dir, "01-a/lesson.yaml")); err != nil {
				t.Fatal(err)
			}
		}, "given=Given a=A once more"},
		{"broken", func(t *testing.T) { write(t, dir, map[string]string{"01-a/1.md": "<script>alert(1)</script>"}) }, "given=Given (mine/01-a/1.md:1: raw HTML is not allowed)"},
		{"another beside it", func(t *testing.T) {
			write(t, dir, map[string]string{"02-b/lesson.yaml": fmt.Sprintf(yaml, "B"), "02-b/1.md": "text"})
		}, "given=Given b=B (mine/01-a/1.md:1: raw HTML is not allowed)"},
		{"mended", func(t *testing.T) { write(t, dir, map[string]string{"01-a/1.md": "text"}) }, "given=Given a=A once more b=B"},
		{"edited in the new folder", func(t *testing.T) { write(t, dir, map[string]string{"02-b/lesson.yaml": fmt.Sprintf(yaml, "B again")}) }, "given=Given a=A once more b=B again"},
		{"one with a slug that there is", func(t *testing.T) {
			write(t, dir, map[string]string{"03-given/lesson.yaml": fmt.Sprintf(yaml, "C"), "03-given/1.md": "text"})
		}, `given=Given a=A once more b=B again (mine: there is another lesson with the slug "given")`},
		{"all removed", func(t *testing.T) {
			for _, name := range []string{"01-a", "02-b", "03-given"} {
				if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}, "given=Given (mine: there is no lesson in it: podhop lessons new writes one)"},
	}
	for _, s := range steps {
		s.do(t)
		for end := time.Now().Add(time.Minute); told(l) != s.want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: got %s, want %s", s.what, told(l), s.want)
			}
		}
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if n := strings.Count(log.String(), `does not load" err="mine/01-a/1.md:1: raw HTML`); n != 1 {
		t.Errorf("the mistake was logged %d times:\n%s", n, log)
	}
}

// Links lead nowhere outside of the folder, and what is no file is not read.
func TestConfined(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, map[string]string{"secret.md": "secret"})
	write(t, dir, map[string]string{"01-a/lesson.yaml": fmt.Sprintf(yaml, "A"), "02-b/lesson.yaml": fmt.Sprintf(yaml, "B"), "02-b/1.md/x": "a folder"})
	if err := os.Symlink(filepath.Join(outside, "secret.md"), filepath.Join(dir, "01-a/1.md")); err != nil {
		t.Fatal(err)
	}
	l := New(Config{Own: own(), Folders: []Folder{open(t, dir)}, Log: slog.New(slog.DiscardHandler)})
	var found []string
	for _, err := range l.Mistakes() {
		found = append(found, err.Error())
	}
	if len(found) != 2 || !strings.HasPrefix(found[0], "mine/01-a/lesson.yaml:7: 1.md: ") || !strings.Contains(found[0], "escapes") ||
		found[1] != "mine/02-b/lesson.yaml:7: 1.md: must be a file of at most 1024 KiB" {
		t.Errorf("%q", found)
	}
}

// What somebody took stays as it was.
func TestTaken(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"01-a/lesson.yaml": fmt.Sprintf(yaml, "A"), "01-a/1.md": "text"})
	l := New(Config{Own: own(), Folders: []Folder{open(t, dir)}, Log: slog.New(slog.DiscardHandler)})
	taken := l.Library()
	write(t, dir, map[string]string{"01-a/lesson.yaml": fmt.Sprintf(yaml, "other")})
	l.load()
	if a, _ := taken.Lesson("a"); a.Title != "A" {
		t.Error(a.Title)
	}
	if a, _ := l.Lesson("a"); a.Title != "other" {
		t.Error(a.Title)
	}
}
