package lessons

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden text")

// Every mistake in a folder is told, with its file and line, and the rest loads.
func TestMistakes(t *testing.T) {
	lib, errs := Load(os.DirFS("testdata/mistakes"))
	var got strings.Builder
	for _, err := range errs {
		got.WriteString(strings.TrimSpace(err.Error()) + "\n")
	}
	if len(lib.Lessons) != 1 || lib.Lessons[0].Slug != "good" {
		t.Errorf("loaded %v", lib.Lessons)
	}
	const golden = "testdata/mistakes.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}
