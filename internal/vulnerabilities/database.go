// Package vulnerabilities asks govulncheck which known vulnerabilities a program has, by a
// database of a version of our choosing, and holds them against those that somebody has looked
// at. It must not know what the program does.
package vulnerabilities

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An entry is what the index needs of a report (https://ossf.github.io/osv-schema).
type entry struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases,omitempty"`
	Affected []struct {
		Package struct{ Name string }
		Ranges  []struct{ Events []struct{ Fixed string } }
	}
}

// A module is a line of index/modules.json (https://go.dev/security/vuln/database).
type module struct {
	Path  string   `json:"path"`
	Vulns []listed `json:"vulns"`
}

type listed struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Fixed    string    `json:"fixed,omitempty"`
	Aliases  []string  `json:"aliases,omitempty"`
}

// Build writes a database that govulncheck reads into the folder to, of the reports in the folder
// from: the Go project publishes these as the module golang.org/x/vulndb, which comes the way
// that all modules come.
func Build(from, to string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.json"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("there are no reports in %s", from)
	}
	index := map[string][]listed{}
	var all []listed
	var newest time.Time
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		if err := write(filepath.Join(to, "ID", e.ID+".json"), text); err != nil {
			return err
		}
		all = append(all, listed{ID: e.ID, Modified: e.Modified, Aliases: e.Aliases})
		if e.Modified.After(newest) {
			newest = e.Modified
		}
		for path, fixed := range e.fixed() {
			index[path] = append(index[path], listed{ID: e.ID, Modified: e.Modified, Fixed: fixed})
		}
	}
	var modules []module
	for path, vulns := range index {
		modules = append(modules, module{path, vulns})
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	for name, content := range map[string]any{"db": map[string]time.Time{"modified": newest}, "modules": modules, "vulns": all} {
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(to, "index", name+".json"), text); err != nil {
			return err
		}
	}
	return nil
}

// fixed is the latest version of each module in which the vulnerability was fixed, empty if in none.
func (e entry) fixed() map[string]string {
	latest := map[string]string{}
	for _, a := range e.Affected {
		version := ""
		for _, r := range a.Ranges {
			for _, event := range r.Events {
				if event.Fixed != "" {
					version = event.Fixed // events are in order
				}
			}
		}
		latest[a.Package.Name] = version
	}
	return latest
}

func write(file string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
