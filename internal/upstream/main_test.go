package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestApply(t *testing.T) {
	tests := []struct {
		name  string
		edits []edit
		want  string
		err   string
	}{
		{"once", []edit{{File: "a.go", Old: "one", New: "1"}}, "1 two two\n", ""},
		{"counted", []edit{{File: "a.go", Old: "two", New: "2", Count: 2}}, "one 2 2\n", ""},
		{"on top of each other", []edit{{File: "a.go", Old: "one", New: "new"}, {File: "a.go", Old: "new two", New: "x"}}, "x two\n", ""},
		{"gone", []edit{{File: "a.go", Old: "three", New: "3", Why: "because"}}, "", `a.go: "three" stands there 0 times, not 1 (because)`},
		{"more often", []edit{{File: "a.go", Old: "two", New: "2"}}, "", `"two" stands there 2 times, not 1`},
		{"less often", []edit{{File: "a.go", Old: "one", New: "1", Count: 2}}, "", `"one" stands there 1 times, not 2`},
		{"no such file", []edit{{File: "b.go", Old: "one", New: "1"}}, "", "no such file"},
		{"all that do not fit are named", []edit{{File: "a.go", Old: "x", Why: "first"}, {File: "a.go", Old: "y", Why: "second"}}, "", "(second)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := t.TempDir()
			put(t, src, "a.go", "one two two\n")
			edited, err := apply(src, test.edits)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, want %q", err, test.err)
				}
				return
			}
			if err != nil || string(edited["a.go"]) != test.want {
				t.Fatalf("got %q, %v, want %q", edited["a.go"], err, test.want)
			}
			if got := get(t, src, "a.go"); got != "one two two\n" {
				t.Errorf("the source was touched: %q", got)
			}
		})
	}
}

func TestSync(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	put(t, src, "pkg/a.go", "a")
	put(t, src, "pkg/b.go", "b")
	put(t, src, "pkg/b_test.go", "left out")
	put(t, src, "pkg/testdata/x.go", "left out")
	put(t, src, "README.md", "left out")
	put(t, dst, "pkg/a.go", "a")
	put(t, dst, "pkg/old.go", "to go")
	put(t, dst, "gone/old.go", "to go")
	long := time.Unix(1, 0)
	if err := os.Chtimes(filepath.Join(dst, "pkg/a.go"), long, long); err != nil {
		t.Fatal(err)
	}
	if err := sync(dst, src, map[string][]byte{"pkg/b.go": []byte("edited")}); err != nil {
		t.Fatal(err)
	}
	var files []string
	if err := filepath.WalkDir(dst, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dst, path)
			files = append(files, rel+"="+get(t, dst, rel))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(files, " "), "pkg/a.go=a pkg/b.go=edited"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if info, err := os.Stat(filepath.Join(dst, "pkg/a.go")); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("a file that was right already was touched: %v %v", info.ModTime(), err)
	}
}

// TestEditsSayWhy keeps the list readable, and free of edits that do nothing.
func TestEditsSayWhy(t *testing.T) {
	for _, e := range edits {
		if e.File == "" || e.Why == "" || e.Old == "" || e.Old == e.New {
			t.Errorf("an edit that lacks something: %+v", e)
		}
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
