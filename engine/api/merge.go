package api

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// document is a JSON object whose values are mostly passed on as they are.
type document map[string]json.RawMessage

func (d document) set(key string, v any) (err error) {
	d[key], err = json.Marshal(v)
	return err
}

// groupInJSON is an APIGroupDiscovery of either version.
type groupInJSON struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Versions []json.RawMessage `json:"versions"`
}

func versionOf(v json.RawMessage) (string, error) {
	var named struct {
		Version string `json:"version"`
	}
	err := json.Unmarshal(v, &named)
	return named.Version, err
}

// addDiscovery adds the groups of other APIGroupDiscoveryLists to list. Where two
// have a version of one group, that of the first of others is taken, and list's last.
func addDiscovery(list []byte, others [][]byte) ([]byte, error) {
	var doc document
	if err := json.Unmarshal(list, &doc); err != nil {
		return nil, err
	}
	var items []json.RawMessage
	at := map[string]int{} // of a group in items
	slices.Reverse(others) // what comes later replaces what is there
	for _, text := range append([][]byte{list}, others...) {
		var l struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, err
		}
		for _, item := range l.Items {
			var g groupInJSON
			if err := json.Unmarshal(item, &g); err != nil {
				return nil, err
			}
			i, known := at[g.Metadata.Name]
			if !known {
				at[g.Metadata.Name] = len(items)
				items = append(items, item)
				continue
			}
			var err error
			if items[i], err = addVersions(items[i], g.Versions); err != nil {
				return nil, err
			}
		}
	}
	if err := doc.set("items", items); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// addVersions puts versions into a group, instead of those of the same name.
func addVersions(item json.RawMessage, versions []json.RawMessage) (json.RawMessage, error) {
	var doc document
	var g groupInJSON
	if err := json.Unmarshal(item, &doc); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(item, &g); err != nil {
		return nil, err
	}
	for _, v := range versions {
		name, err := versionOf(v)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(g.Versions, func(have json.RawMessage) bool {
			known, err := versionOf(have)
			return err == nil && known == name
		})
		if i >= 0 {
			g.Versions[i] = v
		} else {
			g.Versions = append(g.Versions, v)
		}
	}
	if err := doc.set("versions", g.Versions); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// addGroups adds the groups of APIGroupDiscoveryLists (v2) to an APIGroupList.
func addGroups(list []byte, others [][]byte) ([]byte, error) {
	var groups metav1.APIGroupList
	if err := json.Unmarshal(list, &groups); err != nil {
		return nil, err
	}
	for _, text := range others {
		var l apidiscoveryv2.APIGroupDiscoveryList
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, err
		}
		for _, g := range l.Items {
			i := slices.IndexFunc(groups.Groups, func(have metav1.APIGroup) bool { return have.Name == g.Name })
			if i < 0 {
				i = len(groups.Groups)
				groups.Groups = append(groups.Groups, metav1.APIGroup{Name: g.Name})
			}
			for _, v := range g.Versions {
				gv := metav1.GroupVersionForDiscovery{GroupVersion: g.Name + "/" + v.Version, Version: v.Version}
				if have := &groups.Groups[i]; !slices.Contains(have.Versions, gv) {
					have.Versions = append(have.Versions, gv)
					have.PreferredVersion = have.Versions[0]
				}
			}
		}
	}
	return json.Marshal(groups)
}

// mergePaths adds b's paths of groups, as the root of OpenAPI v3 lists them, to a's.
func mergePaths(a, b []byte) ([]byte, error) {
	var x, y document
	if err := cmp.Or(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		return nil, err
	}
	return x.merge(y, "paths", func(path string) bool { return strings.HasPrefix(path, "apis/") })
}

// mergeSchemas adds b's paths and definitions to those of a, both OpenAPI v2.
func mergeSchemas(a, b []byte) ([]byte, error) {
	var x, y document
	if err := cmp.Or(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		return nil, err
	}
	for _, part := range []string{"definitions", "parameters"} {
		if _, err := x.merge(y, part, nil); err != nil {
			return nil, err
		}
	}
	return x.merge(y, "paths", nil)
}

// merge adds to the object at key what other has there and d has not, and encodes d.
func (d document) merge(other document, key string, wanted func(string) bool) ([]byte, error) {
	if other[key] != nil {
		p, q := document{}, document{}
		if d[key] != nil {
			if err := json.Unmarshal(d[key], &p); err != nil {
				return nil, err
			}
		}
		if err := json.Unmarshal(other[key], &q); err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(q)) {
			if _, taken := p[name]; !taken && (wanted == nil || wanted(name)) {
				p[name] = q[name]
			}
		}
		if err := d.set(key, p); err != nil {
			return nil, err
		}
	}
	return json.Marshal(d)
}
