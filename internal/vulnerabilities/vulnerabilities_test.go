package vulnerabilities

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const report = `{"id": "GO-2020-0001", "modified": "2024-05-20T16:03:47Z", "aliases": ["CVE-2020-1"], "affected": [
	{"package": {"name": "example.org/a"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.6.0"}, {"introduced": "2.0.0"}, {"fixed": "2.1.0"}]}]},
	{"package": {"name": "example.org/b"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]}]}`

func TestBuild(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	if err := Build(from, to); err == nil {
		t.Error("a folder without reports is no error")
	}
	if err := os.WriteFile(filepath.Join(from, "GO-2020-0001.json"), []byte(report), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Build(from, to); err != nil {
		t.Fatal(err)
	}
	var modules []module
	text, err := os.ReadFile(filepath.Join(to, "index", "modules.json"))
	if err == nil {
		err = json.Unmarshal(text, &modules)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(modules) != 2 || modules[0].Path != "example.org/a" || modules[0].Vulns[0].Fixed != "2.1.0" || modules[1].Vulns[0].Fixed != "" {
		t.Errorf("modules %+v", modules)
	}
	if kept, err := os.ReadFile(filepath.Join(to, "ID", "GO-2020-0001.json")); err != nil || string(kept) != report {
		t.Errorf("report %q, %v", kept, err)
	}
}

const output = `{"config": {"protocol_version": "v1.0.0"}}
{"osv": {"id": "GO-1", "summary": "One"}}
{"osv": {"id": "GO-2", "summary": "Two"}}
{"osv": {"id": "GO-3", "summary": "Three"}}
{"finding": {"osv": "GO-1", "fixed_version": "v1.26.9", "trace": [{"module": "stdlib", "version": "v1.26.8"}]}}
{"finding": {"osv": "GO-1", "fixed_version": "v1.26.9", "trace": [{"module": "stdlib", "version": "v1.26.8", "package": "net/http", "receiver": "Client", "function": "Do"}]}}
{"finding": {"osv": "GO-2", "trace": [{"module": "example.org/a", "version": "v1.0.0", "package": "example.org/a/deep", "function": "F"}]}}
{"finding": {"osv": "GO-3", "trace": [{"module": "example.org/only/required", "version": "v1.0.0"}]}}
`

func TestJudge(t *testing.T) {
	found, err := Read(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].String() != "GO-1: One (stdlib v1.26.8, fixed in v1.26.9; http.Client.Do)" ||
		found[1].String() != "GO-2: Two (example.org/a v1.0.0, not fixed; deep.F)" {
		t.Errorf("found %v", found)
	}
	for _, c := range []struct {
		name, toolchain string
		accepted        map[string]string
		want            []string
	}{
		{"all", "v1.26.8", nil, []string{"GO-1", "GO-2"}},
		{"a newer Go is asked for", "v1.26.10", nil, []string{"GO-2"}},
		{"accepted", "v1.26.9", map[string]string{"GO-2": "nobody calls it"}, nil},
		{"accepted without a reason", "v1.26.9", map[string]string{"GO-2": ""}, []string{"GO-2"}},
		{"accepted in vain", "v1.26.9", map[string]string{"GO-2": "nobody calls it", "GO-9": "old"}, []string{"GO-9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Judge(found, c.toolchain, c.accepted)
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i, id := range c.want {
				if !strings.HasPrefix(got[i], id) {
					t.Errorf("got %q, want %s", got[i], id)
				}
			}
		})
	}
	if _, err := Read(strings.NewReader(`{"finding"`)); err == nil {
		t.Error("half an output is no error")
	}
}
