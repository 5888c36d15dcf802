package nsexec

import (
	"reflect"
	"strings"
	"testing"
)

func TestRootIDs(t *testing.T) {
	for _, tc := range []struct {
		name, have string
		want       []IDMap
	}{
		{"the whole host", "0 0 4294967295", []IDMap{{0, 0, 1}, {1, rootBase, rootSize}}},
		{"a container with remapped users", "0 100000 65536", []IDMap{{0, 0, 1}, {1, 1, 65535}}},
		{"an ordinary user's single id", "0 1000 1", []IDMap{{0, 0, 1}}},
		{"newuidmap's two ranges", "0 1000 1\n1 100000 65536", []IDMap{{0, 0, 1}, {1, 1, 65536}}},
	} {
		have, err := parseMap(strings.NewReader(tc.have))
		if err != nil {
			t.Fatal(err)
		}
		if got := rootIDs(have); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
	if _, err := parseMap(strings.NewReader("0 zero 1")); err == nil {
		t.Error("read nonsense")
	}
}

func TestSubIDs(t *testing.T) {
	const file = "# people\nanna:100000:65536\n1001:300000:1000\nanna:500000:131072\nbroken:1\n"
	for _, tc := range []struct {
		name, uid string
		want      IDMap
	}{
		{"anna", "1000", IDMap{1, 500000, 131072}},
		{"bert", "1001", IDMap{1, 300000, 1000}},
		{"", "1001", IDMap{1, 300000, 1000}},
		{"carl", "1002", IDMap{}},
	} {
		if got := parseSubIDs(strings.NewReader(file), tc.name, tc.uid); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
	if got, want := string(mapText([]IDMap{{0, 1, 2}, {3, 4, 5}})), "0 1 2\n3 4 5\n"; got != want {
		t.Errorf("map text %q", got)
	}
}

func TestRemapped(t *testing.T) {
	for _, tt := range []struct {
		name string
		have []IDMap
		want bool
	}{
		{"a machine", []IDMap{{0, 0, 4294967295}}, false},
		{"a container of Kubernetes with hostUsers: false", []IDMap{{0, 131072, 65536}}, true},
		{"a rootless engine's", []IDMap{{0, 1000, 1}, {1, 100000, 65536}}, true},
	} {
		if got := remapped(tt.have); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
