package directions

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// SECURITY.md names tests, as `server TestOnly`; each is to be there.
func TestSecurityIsTried(t *testing.T) {
	text, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z0-9/]+) (Test\\w+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 20 {
		t.Fatalf("SECURITY.md names %d tests", len(named))
	}
	for _, n := range named {
		if !has(t, filepath.Join("../..", n[1]), n[2]) {
			t.Errorf("%s has no %s, which SECURITY.md names", n[1], n[2])
		}
	}
}

func has(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(fmt.Sprintf(`(?m)^func %s\(`, test)).Match(text) {
			return true
		}
	}
	return false
}
