package recording

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// An Object is an object of the API, as JSON decodes it.
type Object = map[string]any

// maxDocuments is below what one paste may hold.
const maxDocuments = 450

// Written are manifests, and what is not in them.
type Written struct {
	YAML string
	// Left counts objects for which there was no room, Secrets their values.
	Left, Secrets uint64
}

// Manifests writes what learners wrote of some objects, as a stream of YAML that can be
// applied again: first those that others need. theirs says whether a field manager
// speaks for learners; operation is Apply or Update. Objects of which they wrote
// nothing, and those that a controller looks after, are not among it. Values of Secrets
// are left out: recordings are shared.
func Manifests(objects []Object, theirs func(manager, operation string) bool) Written {
	var all []Object
	for _, o := range objects {
		if own := pick(o, theirs); own != nil {
			all = append(all, own)
		}
	}
	slices.SortStableFunc(all, func(a, b Object) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(text(a, "kind"), text(b, "kind")),
			cmp.Compare(text(a, "metadata", "namespace"), text(b, "metadata", "namespace")),
			cmp.Compare(text(a, "metadata", "name"), text(b, "metadata", "name")))
	})
	var w Written
	var b strings.Builder
	for i, o := range all {
		blank := uint64(0)
		if text(o, "kind") == "Secret" && text(o, "apiVersion") == "v1" {
			blank = withoutValues(o)
		}
		document, err := yaml.Marshal(o)
		if err != nil || i >= maxDocuments || b.Len()+len(document)+100 > maxManifests {
			w.Left++
			continue
		}
		if b.Len() > 0 {
			b.WriteString("---\n")
		}
		if blank > 0 {
			b.WriteString("# The values of this Secret were left out of the recording.\n")
			w.Secrets += blank
		}
		b.Write(document)
	}
	w.YAML = b.String()
	return w
}

// order is in what others refer to, what they do comes after.
var order = []string{"Namespace", "CustomResourceDefinition", "PriorityClass", "StorageClass", "IngressClass", "GatewayClass",
	"ResourceQuota", "LimitRange", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolume", "PersistentVolumeClaim",
	"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service"}

func rank(o Object) int {
	at := slices.Index(order, text(o, "kind"))
	if at < 0 {
		return len(order)
	}
	return at
}

func text(o Object, path ...string) string {
	var at any = o
	for _, name := range path {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	s, _ := at.(string)
	return s
}

// withoutValues puts a word in the place of each of a Secret's values. Those that the API
// wants to be JSON are an empty object.
func withoutValues(o Object) uint64 {
	data, _ := o["data"].(map[string]any)
	if len(data) == 0 {
		return 0
	}
	blank := map[string]any{}
	for key := range data {
		blank[key] = "left out"
		if strings.HasPrefix(key, ".docker") {
			blank[key] = "{}"
		}
	}
	delete(o, "data")
	o["stringData"] = blank
	return uint64(len(blank))
}

// pick is what learners wrote of an object, by its managed fields; nil if that is nothing.
func pick(o Object, theirs func(manager, operation string) bool) Object {
	metadata, _ := o["metadata"].(map[string]any)
	owners, _ := metadata["ownerReferences"].([]any)
	for _, owner := range owners {
		if ref, _ := owner.(map[string]any); ref["controller"] == true {
			return nil
		}
	}
	entries, _ := metadata["managedFields"].([]any)
	fields := map[string]any{}
	wrote := false
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		sub := text(entry, "subresource")
		if sub != "" && sub != "scale" || !theirs(text(entry, "manager"), text(entry, "operation")) {
			continue
		}
		f, _ := entry["fieldsV1"].(map[string]any)
		union(fields, f)
		wrote = wrote || sub == ""
	}
	if !wrote {
		return nil
	}
	own, _ := chosen(o, fields).(map[string]any)
	if own == nil {
		own = Object{}
	}
	named, _ := own["metadata"].(map[string]any)
	if named == nil {
		named = map[string]any{}
	}
	delete(named, "ownerReferences")
	if notes, _ := named["annotations"].(map[string]any); notes != nil {
		delete(notes, "kubectl.kubernetes.io/last-applied-configuration") // a Secret's has its values
		if len(notes) == 0 {
			delete(named, "annotations")
		}
	}
	named["name"] = metadata["name"]
	if ns := metadata["namespace"]; ns != nil {
		named["namespace"] = ns
	}
	own["apiVersion"], own["kind"], own["metadata"] = o["apiVersion"], o["kind"], named
	if text(o, "kind") == "Secret" { // stringData is nowhere but in the request
		if o["data"] != nil {
			own["data"] = o["data"]
		}
		delete(own, "stringData")
	}
	delete(own, "status")
	return own
}

// union adds b's fields to a's. A field without children is the whole of it.
func union(a, b map[string]any) {
	for name, child := range b {
		more, _ := child.(map[string]any)
		have, ok := a[name].(map[string]any)
		switch {
		case !ok:
			all := map[string]any{}
			union(all, more)
			a[name] = all
		case len(have) == 0 || len(more) == 0:
			a[name] = map[string]any{}
		default:
			union(have, more)
		}
	}
}

// chosen is the part of v that fields name. They are written as FieldsV1 has it:
// k8s.io/apimachinery/pkg/apis/meta/v1/types.go, and structured-merge-diff's serialize-pe.go.
func chosen(v any, fields map[string]any) any {
	if len(fields) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		some := map[string]any{}
		for name, child := range fields {
			key, ok := strings.CutPrefix(name, "f:")
			if value, has := v[key]; ok && has {
				below, _ := child.(map[string]any)
				some[key] = chosen(value, below)
			}
		}
		return some
	case []any:
		some := []any{}
		for i, item := range v {
			if child, ok := element(item, i, fields); ok {
				some = append(some, child)
			}
		}
		return some
	}
	return v
}

// element is the part of a list's item that fields name, if they name any.
func element(item any, index int, fields map[string]any) (any, bool) {
	for name, child := range fields {
		below, _ := child.(map[string]any)
		how, what, _ := strings.Cut(name, ":")
		var value any
		if json.Unmarshal([]byte(what), &value) != nil {
			continue
		}
		switch how {
		case "k":
			keys, _ := value.(map[string]any)
			have, _ := item.(map[string]any)
			if !matches(have, keys) {
				continue
			}
			some, _ := chosen(have, below).(map[string]any)
			for key := range keys {
				if value, has := have[key]; has {
					some[key] = value
				}
			}
			return some, true
		case "v":
			if equal(item, value) {
				return item, true
			}
		case "i":
			if equal(value, float64(index)) {
				return chosen(item, below), true
			}
		}
	}
	return nil, false
}

// matches compares an item with its keys; one that the item lacks had its default's.
func matches(item, keys map[string]any) bool {
	if item == nil {
		return false
	}
	for key, want := range keys {
		if have, ok := item[key]; ok && !equal(have, want) {
			return false
		}
	}
	return true
}

// equal compares scalars: a whole number may have been decoded as int64 or as float64.
func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
