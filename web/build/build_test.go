package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestEdits(t *testing.T) {
	text := `a.createElement("style"),this._d.createElement("style"),x.y.createElement("style"),t.setAttribute("style",` + "`${e};`)"
	got, err := apply(text, edits)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`Object.assign(this._d.createElement("style"),{nonce:`, `Reflect.set(t.style,"cssText",` + "`${e};`)"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if _, err := apply(text+`;b.createElement("style")`, edits); err == nil || !strings.Contains(err.Error(), "4 times, not 3") {
		t.Errorf("one place more: the error is %v", err)
	}
}

// The committed types are what engine/model says now.
func TestTypesAreCurrent(t *testing.T) {
	committed, err := os.ReadFile("../app/model.ts")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, Types()) {
		t.Error("web/app/model.ts is not what engine/model says: run go run ./web/build")
	}
	for _, want := range []string{"export interface Journey {", "hops: Hop[] | null;", "before?: Header;", "labels?: Record<string, string>;"} {
		if !strings.Contains(string(committed), want) {
			t.Errorf("model.ts lacks %q", want)
		}
	}
}
