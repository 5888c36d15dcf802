package shelf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

func open(t *testing.T, cfg Config) *Shelf {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Shelf, text string) Place {
	t.Helper()
	p, err := s.Put([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// age makes a file older.
func age(t *testing.T, s *Shelf, p Place, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(s.path(p.ID), then, then); err != nil {
		t.Fatal(err)
	}
}

func TestFilesOutlastTheServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "er")
	p := put(t, open(t, Config{Dir: dir}), "hello")
	if err := os.WriteFile(filepath.Join(dir, "1.half"), []byte("hel"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Dir: dir})
	if got, err := s.Get(p.ID); string(got) != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if entries, err := os.ReadDir(dir); len(entries) != 1 || err != nil {
		t.Errorf("there are %v, %v", entries, err)
	}
	if left := time.Until(p.Until); left < 29*24*time.Hour || p.ID == p.Key {
		t.Errorf("it is %+v", p)
	}
}

func TestRemoveWantsTheKey(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	p, other := put(t, s, "hello"), put(t, s, "other")
	for _, key := range []string{"", p.ID, other.Key, p.Key + "x"} {
		if err := s.Remove(p.ID, key); !errors.Is(err, model.ErrNotFound) {
			t.Errorf("key %q: %v", key, err)
		}
	}
	if err := s.Has(p.ID); err != nil {
		t.Error(err)
	}
	if err := s.Remove(p.ID, p.Key); err != nil {
		t.Error(err)
	}
	for _, err := range []error{s.Has(p.ID), s.Remove(p.ID, p.Key)} {
		if !errors.Is(err, model.ErrNotFound) {
			t.Errorf("afterwards: %v", err)
		}
	}
}

func TestNamesAreNoPaths(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: filepath.Join(dir, "shelf")})
	if err := os.WriteFile(filepath.Join(dir, "passwd.kept"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", ".", "../passwd", "..%2fpasswd", strings.Repeat("a", 25), strings.Repeat("A", 26), strings.Repeat("a", 26) + "\n"} {
		if _, err := s.Get(id); !errors.Is(err, model.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestTheOldestGo(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want int
	}{
		{"by number", Config{Files: 3}, 3},
		{"by bytes", Config{Bytes: 10}, 2}, // of 5 bytes each
		{"by age", Config{Age: 150 * time.Minute}, 3},
	} {
		c.cfg.Dir = t.TempDir()
		s := open(t, c.cfg)
		var places []Place
		for i := range 5 {
			places = append(places, put(t, s, fmt.Sprintf("%5d", i)))
			for k, p := range places { // the first is the oldest
				if s.Has(p.ID) == nil {
					age(t, s, p, time.Duration(len(places)-1-k)*time.Hour)
				}
			}
		}
		for i, p := range places {
			if kept := s.Has(p.ID) == nil; kept != (i >= 5-c.want) {
				t.Errorf("%s: file %d is kept: %v", c.name, i, kept)
			}
		}
	}
	s := open(t, Config{Dir: t.TempDir(), Bytes: 4})
	if _, err := s.Put([]byte("hello")); !errors.Is(err, model.ErrTooLarge) {
		t.Errorf("one that is too large for all: %v", err)
	}
}
