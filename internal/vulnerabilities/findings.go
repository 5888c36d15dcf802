package vulnerabilities

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// A Finding is a vulnerability whose code a program has.
type Finding struct {
	ID, Summary string
	Module      string // "stdlib" for Go itself
	Found       string // the module's version
	Fixed       string // and the one without it, "" if there is none
	Symbols     []string
}

func (f Finding) String() string {
	fixed := "not fixed"
	if f.Fixed != "" {
		fixed = "fixed in " + f.Fixed
	}
	return fmt.Sprintf("%s: %s (%s %s, %s; %s)", f.ID, f.Summary, f.Module, f.Found, fixed, strings.Join(f.Symbols, ", "))
}

// Read reads what govulncheck -format json says (golang.org/x/vuln/internal/govulncheck, which
// is its documented output): a value after the other. What a program merely requires, without a
// vulnerable symbol of it, is not in the answer.
func Read(r io.Reader) ([]Finding, error) {
	type frame struct{ Module, Version, Package, Receiver, Function string }
	var summaries = map[string]string{}
	found := map[string]*Finding{}
	for d := json.NewDecoder(r); ; {
		var message struct {
			OSV     *struct{ ID, Summary string }
			Finding *struct {
				OSV          string
				FixedVersion string `json:"fixed_version"`
				Trace        []frame
			}
		}
		if err := d.Decode(&message); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("govulncheck's output: %w", err)
		}
		if message.OSV != nil {
			summaries[message.OSV.ID] = message.OSV.Summary
		}
		if f := message.Finding; f != nil && len(f.Trace) > 0 && f.Trace[0].Function != "" {
			at := f.Trace[0]
			if found[f.OSV] == nil {
				found[f.OSV] = &Finding{ID: f.OSV, Module: at.Module, Found: at.Version, Fixed: f.FixedVersion}
			}
			name := at.Package[strings.LastIndexByte(at.Package, '/')+1:] + "." + strings.TrimPrefix(at.Receiver+"."+at.Function, ".")
			if symbols := &found[f.OSV].Symbols; len(*symbols) < 3 {
				*symbols = append(*symbols, name)
			}
		}
	}
	var all []Finding
	for id, f := range found {
		f.Summary = summaries[id]
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Finding) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// Judge holds findings against those that are accepted, each with its reason. Go itself is as new as
// go.mod's toolchain asks for wherever Go may fetch that: what this has mended is no finding, though a
// machine that tests with an older one has it. It reports what is not accepted, and what is
// accepted in vain.
func Judge(found []Finding, toolchain string, accepted map[string]string) error {
	var errs []error
	seen := map[string]bool{}
	for _, f := range found {
		if f.Module == "stdlib" && f.Fixed != "" && semver.Compare(f.Fixed, toolchain) <= 0 {
			continue
		}
		seen[f.ID] = true
		if accepted[f.ID] == "" {
			errs = append(errs, errors.New(f.String()))
		}
	}
	for id := range accepted {
		if !seen[id] {
			errs = append(errs, fmt.Errorf("%s is accepted, and is not there any more: strike it out", id))
		}
	}
	return errors.Join(errs...)
}
