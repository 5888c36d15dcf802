package folder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What servers wrote whose format was another is read: testdata has a folder of each.
func TestFormats(t *testing.T) {
	folders, err := filepath.Glob("testdata/format-*")
	if err != nil || len(folders) != format {
		t.Fatalf("there are %v, %v; want one of each of %d formats", folders, err, format)
	}
	for _, from := range folders {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		s := opened(t, dir)
		if len(s.Damaged) > 0 {
			t.Errorf("%s: damaged: %v", from, s.Damaged)
		}
		for key, want := range map[string]string{
			"secrets/cookies": "0123456789abcdef0123456789abcdef",
			"views/1b10fe1700b7bc0a4b6b77920502f1b4d43359476e8f0829b1b5376904877863": `"session":"0kept0in0format0one0000000"`,
		} {
			d, err := s.Get(t.Context(), key)
			if err != nil || !strings.Contains(string(d.Value), want) {
				t.Errorf("%s: %s is %q, %v", from, key, d.Value, err)
				continue
			}
			if _, err := s.Put(t.Context(), key, d.Value, d.Revision); err != nil {
				t.Errorf("%s: %s: %v", from, key, err)
			}
		}
	}
}
