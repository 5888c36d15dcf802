package api

import (
	"encoding/json"
	"testing"
)

// compact is text without white space, keys in order.
func compact(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestMerge(t *testing.T) {
	const chain = `{"kind": "APIGroupDiscoveryList", "items": [
		{"metadata": {"name": "apps"}, "versions": [{"version": "v1"}]},
		{"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "resources": []}]}]}`
	for _, c := range []struct {
		name   string
		merge  func(base []byte, others [][]byte) ([]byte, error)
		base   string
		others []string
		want   string
	}{
		{"discovery of nothing more", addDiscovery, chain, nil, chain},
		{"a group and a version more, and one that somebody else serves", addDiscovery, chain, []string{
			`{"items": [{"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Current"}, {"version": "v1"}]}]}`,
			`{"items": [{"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]}, {"metadata": {"name": "example.com"}, "versions": []}]}`,
		}, `{"kind": "APIGroupDiscoveryList", "items": [
			{"metadata": {"name": "apps"}, "versions": [{"version": "v1"}]},
			{"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Current"}, {"version": "v1"}]},
			{"metadata": {"name": "example.com"}, "versions": []}]}`},
		{"groups", addGroups,
			`{"kind": "APIGroupList", "groups": [{"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}], "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}}]}`,
			[]string{`{"items": [{"metadata": {"name": "apps"}, "versions": [{"version": "v2"}]}]}`, `{"items": [{"metadata": {"name": "b"}, "versions": [{"version": "v3"}, {"version": "v2"}]}]}`},
			`{"kind": "APIGroupList", "groups": [
				{"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}, {"groupVersion": "apps/v2", "version": "v2"}], "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}},
				{"name": "b", "versions": [{"groupVersion": "b/v3", "version": "v3"}, {"groupVersion": "b/v2", "version": "v2"}], "preferredVersion": {"groupVersion": "b/v3", "version": "v3"}}]}`},
		{"paths of OpenAPI v3", one(mergePaths), `{"paths": {"version": 1, "apis/apps/v1": 1}}`, []string{`{"paths": {"version": 2, "apis/apps/v1": 2, "apis/b/v1": 2}}`},
			`{"paths": {"version": 1, "apis/apps/v1": 1, "apis/b/v1": 2}}`},
		{"OpenAPI v2", one(mergeSchemas), `{"swagger": "2.0", "paths": {"/a": 1}, "definitions": {"A": 1}}`,
			[]string{`{"swagger": "2.0", "paths": {"/a": 2, "/b": 2}, "definitions": {"A": 2, "B": 2}, "parameters": {"p": 2}}`},
			`{"swagger": "2.0", "paths": {"/a": 1, "/b": 2}, "definitions": {"A": 1, "B": 2}, "parameters": {"p": 2}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var others [][]byte
			for _, o := range c.others {
				others = append(others, []byte(o))
			}
			got, err := c.merge([]byte(c.base), others)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := compact(t, got), compact(t, []byte(c.want)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if _, err := c.merge([]byte("{"), others); err == nil {
				t.Error("half a document is taken")
			}
		})
	}
}

// one merges one document after the other.
func one(merge func(a, b []byte) ([]byte, error)) func([]byte, [][]byte) ([]byte, error) {
	return func(base []byte, others [][]byte) (out []byte, err error) {
		out = base
		for _, o := range others {
			if out, err = merge(out, o); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}
