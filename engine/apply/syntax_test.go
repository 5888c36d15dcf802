package apply

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const head = "apiVersion: v1\nkind: Pod\n"

func TestSyntaxErrors(t *testing.T) {
	for _, test := range []struct {
		name, document, want string
	}{
		{"no colon", "apiVersion: v1\nkind Pod\nmetadata:\n  name: x\n",
			"2: yaml: line 2: could not find expected ':'"},
		{"a tab", head + "metadata:\n\tname: x\nspec: {}\n",
			"4: yaml: line 4: found character that cannot start any token"},
		{"a mapping on a mapping's line", head + "metadata:\n  name: x\nspec:\n containers: a: b\n  - c\n",
			"6: yaml: line 6: mapping values are not allowed in this context"},
		{"indented too little", head + "metadata:\n  name: x\nspec:\n  containers:\n - name: a\n   image: b\n",
			"7: yaml: line 7: did not find expected key"},
		{"between two levels", head + "metadata:\n  name: x\nspec:\n  containers:\n  - name: a\n    image: b\n   ports:\n    - containerPort: 80\nx: y\n",
			"9: yaml: line 9: did not find expected key"},
		{"a quote never closed", head + "metadata: \"abc\n  name: x\nspec: y\n",
			"3: yaml: line 3: found unexpected end of stream"},
		{"a brace never closed", head + "metadata:\n  labels: {a: b\nspec:\n  y: z\n",
			"4: yaml: line 4: did not find expected ',' or '}'"},
		{"indented too much", head + "metadata:\n  name: x\n   labels: a\nspec: y\n",
			"5: yaml: line 5: mapping values are not allowed in this context"},
		{"a reserved character", head + "metadata:\n  name: @foo\nspec:\n  y: z\n",
			"4: yaml: line 4: found character that cannot start any token"},
		{"no such anchor", head + "metadata:\n  name: *foo\nspec:\n  y: z\n",
			"4: yaml: line 4: unknown anchor 'foo' referenced"},
		{"the first line", "apiVersion: v1: 2\nkind: Pod\n",
			"1: yaml: line 1: mapping values are not allowed in this context"},
		{"JSON without a comma", "{\"a\": 1,\n \"b\": 2 \n\"c\": 3}\n",
			"3: yaml: line 3: did not find expected ',' or '}'"},
		{"a key twice", head + "metadata:\n  name: x\n  name: y\n",
			`5: line 5: key "name" already set in map`},
		{"a string", "just some words\n", "1: a manifest must be a mapping with apiVersion, kind and metadata, and this is a string"},
		{"a list", "- a\n- b\n", "1: a manifest must be a mapping with apiVersion, kind and metadata, and this is a list"},
		{"nothing set", "metadata:\n  name: x\n", "1: apiVersion not set\n1: kind not set"},
		{"List", "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n- 3\n", "4: apiVersion not set\n5: an item must be an object, and this is int"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, offset := range []int{0, 40} {
				_, errs := read(Document{Line: 1 + offset, Bytes: []byte(test.document)})
				var got []string
				for _, e := range errs {
					got = append(got, fmt.Sprintf("%d: %s", e.Line-offset, strings.ReplaceAll(e.Message, fmt.Sprintf("line %d:", e.Line), fmt.Sprintf("line %d:", e.Line-offset))))
				}
				if strings.Join(got, "\n") != test.want {
					t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), test.want)
				}
			}
		})
	}
}

// Finding the mistake is bounded, however large the document.
func TestMistakeIsFoundSoon(t *testing.T) {
	document := []byte(strings.Repeat("key: [value]\n", 40_000) + "a: \"never closed\n" + strings.Repeat("key: [value]\n", 40_000))
	start := time.Now()
	if _, errs := read(Document{Line: 1, Bytes: document}); len(errs) != 1 {
		t.Errorf("got %v", errs)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestLineOf(t *testing.T) {
	const document = `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels:
    app.kubernetes.io/name: web
    app: x
  annotations: &a
    "a.b/c[d]": y
spec:
  containers:
  - name: web
    image: nginx
    args: [a,
      b]
    ports:
    - containerPort: 80
      name: http
    - containerPort: 80
      protocol: UDP
  - name: side
    image: x
  other: *a
`
	manifests, errs := read(Document{Line: 1, Bytes: []byte(document)})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for path, want := range map[string]int{
		"":                                  1,
		"kind":                              2,
		"metadata.name":                     4,
		"metadata.namespace":                3,
		"metadata.labels":                   5,
		"metadata.labels.app":               7,
		"metadata.labels[app]":              7,
		"metadata.annotations[a.b/c[d]]":    8,
		`.metadata.annotations["a.b/c[d]"]`: 9,
		".metadata.labels.app.kubernetes.io/name":                                  6,
		"spec.containers[0].image":                                                 13,
		"spec.containers[1].image":                                                 22,
		"spec.containers[1].imag":                                                  21,
		"spec.containers[7].image":                                                 11,
		"spec.containers[0].args[1]":                                               15,
		`.spec.containers[name="side"].image`:                                      22,
		`.spec.containers[name="web"].args[="b"]`:                                  15,
		`.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].name`: 18,
		`.spec.containers[name="web"].ports[containerPort=80,protocol="UDP"]`:      19,
		"spec.other.x":            23,
		"spec.containers[":        11,
		"spec.containers[0":       12,
		"no.such[0].field[x=\"y]": 1,
	} {
		if got := manifests[0].line(path); got != want {
			t.Errorf("%s: got line %d, want %d", path, got, want)
		}
	}
}
