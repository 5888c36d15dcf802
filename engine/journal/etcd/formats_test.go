package etcd

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What servers wrote whose format was another is read: testdata has the keys of a session of
// each, as JSON.
func TestFormats(t *testing.T) {
	files, err := filepath.Glob("testdata/format-*.json.gz")
	if err != nil || len(files) != format {
		t.Fatalf("there are %v, %v; want one of each of %d formats", files, err, format)
	}
	for _, name := range files {
		w := newWorld(t)
		id := ""
		for key, value := range keysIn(t, name) {
			if _, err := w.client.Put(t.Context(), key, string(value)); err != nil {
				t.Fatal(err)
			}
			if kept, ok := strings.CutPrefix(key, keptPrefix); ok {
				id = kept
			}
		}
		k := w.has(t, id)
		text, err := k.File(t.Context(), id)
		if err != nil || !strings.Contains(string(text), id) {
			t.Errorf("%s: the session's file is %q, %v", name, text, err)
		}
		s, report, err := k.Read(t.Context(), id)
		if err != nil || report.Cut > 0 {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		found := map[string]string{}
		for _, o := range s.Objects {
			found[o.Key] = string(o.Value)
		}
		for key, want := range map[string]string{"/configmaps/default/kept": "of format one", "/example.org/kepts/default/one": "an object of its own kind"} {
			if !strings.Contains(found[key], want) {
				t.Errorf("%s: %s is %q, of %d objects", name, key, found[key], len(found))
			}
		}
		// And it is written on, in the format of now.
		m := newModel()
		m.state = s
		for _, o := range s.Objects {
			m.by[o.Prefix+o.Key] = o
		}
		if _, err := k.Create(t.Context(), id, s, m.now, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if now, _, err := k.Read(t.Context(), id); err != nil || now.Revision != s.Revision || len(now.Objects) != len(s.Objects) {
			t.Errorf("%s: written again: revision %d with %d objects, %v", name, now.Revision, len(now.Objects), err)
		}
	}
}

func keysIn(t *testing.T, name string) (keys map[string][]byte) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err == nil {
		err = json.NewDecoder(z).Decode(&keys)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", name, err))
	}
	return keys
}
