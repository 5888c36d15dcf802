package shelf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestQuotas(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Age: time.Hour})
	ann := Owner{"person:ann", Quota{2, 100}}
	home := Owner{"address:192.0.2.1", Quota{3, 12}}
	put := func(text string, by ...Owner) (Place, *Owner) {
		t.Helper()
		p, err := s.Put([]byte(text), by...)
		too := new(QuotaError)
		if errors.As(err, &too) {
			return p, &too.Owner
		}
		if err != nil {
			t.Fatal(err)
		}
		return p, nil
	}
	first, _ := put("first", ann, home)
	second, _ := put("2", ann, home)
	if _, too := put("3", ann, home); too == nil || *too != ann {
		t.Errorf("a third of hers: %v", too)
	}
	if _, too := put("1234567", Owner{}, home); too == nil || *too != home {
		t.Errorf("13 bytes of one address: %v", too)
	}
	if _, too := put("123456", home); too != nil {
		t.Errorf("12 bytes of one address: %v", too)
	}
	if _, too := put("", home); too == nil || *too != home {
		t.Errorf("a fourth of one address: %v", too)
	}
	if _, too := put(strings.Repeat("x", 1000), Owner{Name: "person:operator"}, Owner{May: Quota{1, 1}}); too != nil {
		t.Errorf("without a bound: %v", too)
	}
	// It is known after a restart, and to nobody who reads it.
	s = open(t, Config{Dir: dir, Age: time.Hour})
	if _, too := put("3", ann); too == nil {
		t.Error("a third of hers, after a restart")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"+ownersExtension))
	for _, file := range files {
		if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "ann") || strings.Contains(string(text), "192") {
			t.Errorf("%s: %s, %v", file, text, err)
		}
	}
	// What is removed or too old makes room.
	if err := s.Remove(first.ID, first.Key); err != nil {
		t.Fatal(err)
	}
	if _, too := put("3", ann); too != nil {
		t.Errorf("when one was removed: %v", too)
	}
	age(t, s, second, 2*time.Hour)
	if _, too := put("4", ann); too != nil {
		t.Errorf("when one is too old: %v", too)
	}
	if err := os.Remove(s.path(second.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	open(t, Config{Dir: dir, Age: time.Hour})
	kept, _ := filepath.Glob(filepath.Join(dir, "*"+extension))
	if files, _ = filepath.Glob(filepath.Join(dir, "*"+ownersExtension)); len(kept) != 4 || len(files) != 4 {
		t.Errorf("there are %d files, %d with owners; want all four with", len(kept), len(files))
	}
}
