package web_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/podhop/podhop/internal/chromium"
)

// logic is the editor's pure modules, as one script that puts them into T.
func logic(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("app/editor")
	if err != nil {
		t.Fatal(err)
	}
	result := api.Build(api.BuildOptions{
		Stdin: &api.StdinOptions{ResolveDir: dir, Loader: api.LoaderTS, Contents: `
			export * from "./smart/place"; export * from "./smart/options"; export * from "./smart/references";
			export { rootOf, walk, fields } from "./smart/schema"; export * from "./smart/snippets"; export * from "./diff"; export * from "./manifest";`},
		Bundle: true, Format: api.FormatIIFE, GlobalName: "T", Target: api.ES2022, LogLevel: api.LogLevelSilent,
	})
	if len(result.Errors) > 0 {
		t.Fatal(strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), ""))
	}
	return string(result.OutputFiles[0].Contents) + "\nwindow.T = T; true"
}

// The cursor is where ‸ stands.
func TestPlaceOfTheCursor(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	chromium.Eval[bool](p.Tab, logic(t))
	const pod = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: nginx\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing yet", "‸", `word  "" @0`},
		{"a word at the root", "ki‸", `word  "ki" @0`},
		{"a value", "apiVersion: v1\nkind: Po‸", `value kind "Po" @6`},
		{"an empty value", "kind: ‸", `value kind "" @6`},
		{"right behind the colon", "kind:‸", `none`},
		{"a key below", "spec:\n  rep‸", `word spec "rep" @2`},
		{"a blank line below", "spec:\n  ‸", `word spec "" @2`},
		{"a blank line at the root", pod + "‸", `word  "" @0 apiVersion,kind,spec`},
		{"a blank line in an item", pod + "    ‸", `word spec.containers[0] "" @4 name,image`},
		{"a key in an item", pod + "    ports:\n    - con‸", `word spec.containers[0].ports[0] "con" @6`},
		{"a second item", pod + "  - na‸", `word spec.containers[1] "na" @4`},
		{"behind a dash", pod + "  - ‸", `word spec.containers[1] "" @4`},
		{"a key after a list", pod + "  res‸", `word spec "res" @2 containers`},
		{"a value in an item", pod + "    imagePullPolicy: ‸", `value spec.containers[0].imagePullPolicy "" @21`},
		{"an item that is a scalar", "spec:\n  policyTypes:\n  - Ing‸", `word spec.policyTypes[0] "Ing" @4`},
		{"an indented list", "spec:\n  policyTypes:\n    - Ingress\n    - E‸", `word spec.policyTypes[1] "E" @6`},
		{"before a list's dashes", "spec:\n  containers:\n    ‸\n    - name: a\n", `word spec.containers "" @4`},
		{"a list in a list", "a:\n- - b\n  - c‸", `word a[0][1] "c" @4`},
		{"in the middle of a key", "metadata:\n  na‸me: x\n  labels: {}\n", `word metadata "na" @2 labels`},
		{"a comment", "spec: # re‸", `none`},
		{"a line of comment", "spec:\n  # re‸", `none`},
		{"in a block of text", "data:\n  a: |\n    spec:\n      re‸", `none`},
		{"below a block of text", "data:\n  a: |\n    spec:\n  b‸", `word data "b" @2 a`},
		{"a blank line in a block of text", "data:\n  a: |\n    x\n\n    ‸\n    y\n", `none`},
		{"text that goes on", "command: a\n  b‸", `none`},
		{"a sentence", "a: b\nthis is te‸", `none`},
		{"a quoted value", "kind: \"Po‸", `value kind "Po" @7`},
		{"behind a quoted value", "kind: \"Pod\"‸", `none`},
		{"a quoted key above", "metadata:\n  annotations:\n    \"a/b\": c\n    ‸", `word metadata.annotations "" @4 a/b`},
		{"a key with dots", "metadata:\n  labels:\n    app.kubernetes.io/name: x‸", `value metadata.labels[app.kubernetes.io/name] "x" @28`},
		{"behind an anchor", "a: &x\n  b‸", `word a "b" @2`},
		{"in braces", "metadata: {name: a, lab‸", `key metadata "lab" @20 name`},
		{"a value in braces", "metadata: {name: a, labels: {app: w‸}}", `value metadata.labels.app "w" @34`},
		{"in brackets", "policyTypes: [Ingress, E‸]", `word policyTypes[1] "E" @23`},
		{"over lines in braces", "metadata: {\n  name: a,\n  lab‸\n}\nspec: 1\n", `key metadata "lab" @2 name`},
		{"braces that were not closed", "metadata: {name: a\nsp‸", `word  "sp" @0 metadata`},
		{"JSON", "{\n  \"kind\": \"Pod\",\n  \"metadata\": {\"na‸", `key metadata "na" @16`},
		{"a second document", "kind: Pod\n---\nkind: Service\nspec:\n  ty‸", `word spec "ty" @2`},
		{"between documents", "kind: Pod\n---\n‸\n---\nkind: X\n", `word  "" @0`},
		{"a dash that is a marker", "spec:\n  a: 1\n---\n  ‸", `word  "" @2`},
		{"an outdent that fits nothing", "spec:\n    template:\n        spec:\n            a: b\n      me‸", `word spec.template "me" @6 spec`},
		{"windows lines", "kind: Pod\r\nspec:\r\n  ho‸\r\n", `word spec "ho" @2`},
		{"a List", "kind: List\nitems:\n- kind: Pod\n  sp‸", `word items[0] "sp" @2 kind`},
		{"above a broken line", "spec:\n  re‸\n  : : x\n  selector: [\n", `word spec "re" @2 selector`},
	} {
		text, pos := strings.Replace(c.text, "‸", "", 1), len([]rune(c.text[:strings.Index(c.text, "‸")]))
		quoted, _ := json.Marshal(text)
		got := chromium.Eval[string](p.Tab, fmt.Sprintf(`(() => {
			const p = T.placeAt(%s, %d);
			if (p.at === "none") return "none";
			return [p.at, T.written(p.path), JSON.stringify(p.typed), "@" + p.column, [...p.siblings].join(",")].join(" ").trim();
		})()`, quoted, pos))
		if got != c.want {
			t.Errorf("%s: %q\ngot  %s\nwant %s", c.name, c.text, got, c.want)
		}
	}
}

// What is offered, of upstream's own schemas; the first of it, as "label→what is inserted".
func TestWhatIsOffered(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	p.server.Cluster("new").Kube().Put(widgets)
	chromium.Eval[bool](p.Tab, logic(t))
	chromium.Eval[bool](p.Tab, `(async () => {
		const get = async (path, accept) => (await fetch("/k8s/new" + path, { headers: { Authorization: "Bearer told", Accept: accept ?? "application/json" } })).json();
		const index = (await get("/openapi/v3")).paths;
		window.known = {
			kinds: async () => [["v1", "Pod"], ["v1", "Service"], ["apps/v1", "Deployment"], ["example.com/v1", "Widget"]].map(([apiVersion, kind]) => ({ apiVersion, kind, resource: "", namespaced: true })),
			document: async (v) => { const at = index[(v.includes("/") ? "apis/" : "api/") + v]; return at && get(at.serverRelativeURL); },
			names: async (place, path) => {
				const selector = T.isSelector(place.doc, path);
				if (selector) return [{ name: selector.key ? "of " + selector.key : "app", what: "label" }];
				const r = T.referenceAt(place.doc, path);
				return [...T.localNames(place, path), ...(r ? [{ name: r.resource + (r.of ? " " + r.of + " of " + r.name : ""), what: "live" }] : [])];
			},
		};
		return true;
	})()`)
	const (
		pod        = "apiVersion: v1\nkind: Pod\n"
		service    = "apiVersion: v1\nkind: Service\n"
		containers = pod + "spec:\n  volumes:\n  - name: store\n  containers:\n  - name: a\n"
	)
	for _, c := range []struct {
		name, text string
		want       []string // each is among what is offered
		never      string
	}{
		{"fields of the root", pod + "‸", []string{"metadata→metadata:\n  ", "spec→spec:\n  "}, "kind"},
		{"before there is a kind", "‸", []string{"apiVersion→apiVersion: ", "kind→kind: "}, "status"},
		{"kinds", "apiVersion: apps/v1\nkind: ‸", []string{"Deployment→Deployment", "Widget→Widget +example.com/v1"}, ""},
		{"a kind brings its version", "kind: Dep‸", []string{"Deployment→Deployment +apiVersion: apps/v1\n"}, ""},
		{"versions", "apiVersion: ‸\nkind: Deployment\n", []string{"apps/v1→apps/v1", "v1→v1"}, ""},
		{"a version of one kind brings it", "apiVersion: ‸\nkind:", []string{"example.com/v1→example.com/v1 + Widget"}, ""},
		{"through references", containers + "    res‸", []string{"resources→resources:\n      ", "image→image: ", "ports→ports:\n    - ", "env→env:\n    - "}, "name"},
		{"a list is begun", pod + "spec:\n  containers:\n    ‸", []string{"name→- name: ", "image→- image: "}, ""},
		{"an enum of a list", "apiVersion: example.com/v1\nkind: Widget\nspec:\n  shapes:\n  - ‸", []string{"round→round", "square→square"}, ""},
		{"a list of an enum is begun", "apiVersion: example.com/v1\nkind: Widget\nspec:\n  shapes:\n    ‸", []string{"round→- round"}, ""},
		{"an enum of a list in brackets", "apiVersion: example.com/v1\nkind: Widget\nspec: {shapes: [‸]}", []string{"round→round"}, ""},
		{"booleans", pod + "spec:\n  hostNetwork: ‸", []string{"true→true", "false→false"}, ""},
		{"a key that is there", pod + "spec:\n  host‸: true", []string{"hostNetwork→hostNetwork"}, ""},
		{"in braces", pod + "spec: {host‸", []string{"hostNetwork→hostNetwork: ", "containers→containers: "}, ""},
		{"JSON", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"sp‸\"}", []string{"spec→spec"}, ""},
		{"an object of a List", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  spec:\n    ty‸", []string{"type→type: "}, "containers"},
		{"of a definition", "apiVersion: example.com/v1\nkind: Widget\nspec:\n  ‸", []string{"size→size: ", "colour→colour: "}, ""},
		{"an enum of a definition", "apiVersion: example.com/v1\nkind: Widget\nspec:\n  colour: ‸", []string{"red→red", "green→green"}, ""},
		{"nothing of what is not known", "apiVersion: v9\nkind: Nothing\nspec:\n  ‸", nil, "a"},
		{"the second document", pod + "---\n" + service + "spec:\n  ty‸", []string{"type→type: "}, "containers"},
		{"a namespace", pod + "metadata:\n  namespace: ‸", []string{"namespaces→namespaces"}, ""},
		{"a config map's name", containers + "    env:\n    - valueFrom:\n        configMapKeyRef:\n          name: ‸", []string{"configmaps→configmaps"}, ""},
		{"a config map's key", containers + "    env:\n    - valueFrom:\n        configMapKeyRef:\n          name: c\n          key: ‸", []string{"configmaps keys of c→configmaps keys of c"}, ""},
		{"a label's key", service + "spec:\n  selector:\n    ‸", []string{"app→app: "}, ""},
		{"a label's value", service + "spec:\n  selector:\n    app: ‸", []string{"of app→of app"}, ""},
		{"a volume of the pod", containers + "    volumeMounts:\n    - name: ‸", []string{"store→store"}, ""},
		{"never status", pod + "‸", []string{"status→status:\n  "}, ""},
	} {
		text, pos := strings.Replace(c.text, "‸", "", 1), len([]rune(c.text[:strings.Index(c.text, "‸")]))
		rest, _, _ := strings.Cut(text[pos:], "\n")
		got := chromium.Eval[[]string](p.Tab, fmt.Sprintf(`T.optionsAt(T.placeAt(%s, %d), known, %s).then((all) =>
			all.sort((a, b) => b.boost - a.boost).map((o) => o.label + "→" + o.insert + (o.also ? " +" + o.also.insert : "")))`, chromium.Quote(text), pos, chromium.Quote(rest)))
		offered := "\n" + strings.Join(got, "\x00\n") + "\x00"
		for _, want := range c.want {
			if !strings.Contains(offered, "\n"+want+"\x00") {
				t.Errorf("%s: %q is not offered, but %q", c.name, want, got)
			}
		}
		if c.never != "" && strings.Contains(offered, "\n"+c.never+"→") {
			t.Errorf("%s: %q is offered", c.name, c.never)
		}
	}
	// The API would take what the snippets say: their fields are all known.
	unknown := chromium.Eval[[]string](p.Tab, `Promise.all(T.snippets.map(async (s) => {
		const text = s.template.replace(/\$\{([^}]*)\}/g, "$1");
		const { doc } = T.placeAt(text, 0);
		const schema = await T.schemaOf({ doc }, [], known);
		if (!schema) return s.label.match(/Ingress|NetworkPolicy/) ? [] : [s.label]; // networking is not among the documents
		return doc.entries.filter((e) => !T.walk(schema.doc, schema.root, e.path)).map((e) => s.label + " " + T.written(e.path));
	})).then((all) => all.flat())`)
	if len(unknown) > 0 {
		t.Errorf("unknown fields of snippets: %q", unknown)
	}
}

const widgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, description: How large it is.}
              colour: {type: string, enum: [red, green]}
              shapes: {type: array, items: {type: string, enum: [round, square]}}
`

func TestDifferences(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	chromium.Eval[bool](p.Tab, logic(t))
	for _, c := range []struct{ name, before, after, want string }{
		{"the same", "a\nb\n", "a\nb\n", " a b"},
		{"one line", "a\nb\nc\n", "a\nB\nc\n", " a-b+B c"},
		{"from nothing", "", "a\nb\n", "+a+b"},
		{"to nothing", "a\n", "", "-a"},
		{"moved", "a\nb\nc\nd\n", "b\nc\na\nd\n", "-a b c+a d"},
		{"at both ends", "x\na\nb\ny\n", "a\nb\nz\n", "-x a b-y+z"},
		{"doubled", "a\na\n", "a\na\na\n", " a a+a"},
	} {
		got := chromium.Eval[string](p.Tab, fmt.Sprintf(`T.diff(%s, %s).map((l) => l.sign + l.text).join("")`, chromium.Quote(c.before), chromium.Quote(c.after)))
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	// Whatever is compared, either text can be had back from the lines.
	wrong := chromium.Eval[[]string](p.Tab, `(() => {
		let seed = 7;
		const next = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
		const bad = [];
		for (let i = 0; i < 300; i++) {
			const text = () => Array.from({ length: next(14) }, () => "abcd"[next(4)] + "\n").join("");
			const [a, b] = [text(), text()];
			const of = (sign) => T.diff(a, b).filter((l) => l.sign !== sign).map((l) => l.text + "\n").join("");
			if (of("+") !== a || of("-") !== b) bad.push(JSON.stringify([a, b]));
		}
		return bad;
	})()`)
	if len(wrong) > 0 {
		t.Errorf("not the difference of %s", wrong[0])
	}
	pieces := chromium.Eval[string](p.Tab, `T.pieces(T.diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nX\n6\n7\n8\n9\n"), 2).map((p) => p.kind === "skip" ? "(" + p.count + ")" : p.lines.map((l) => l.sign + l.text).join("")).join("")`)
	if want := "(2) 3 4-5+X 6 7(2)"; pieces != want {
		t.Errorf("pieces are %q, want %q", pieces, want)
	}
}

func TestManifestOfALiveObject(t *testing.T) {
	p := openTab(t, "/s/new", chromium.Options{})
	chromium.Eval[bool](p.Tab, logic(t))
	const live = `apiVersion: v1
kind: Service
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"v1"}
  creationTimestamp: "2026-11-27T09:00:00Z"
  generation: 2
  labels:
    uid: mine
  managedFields:
  - apiVersion: v1
    fieldsV1:
      f:spec: {}
    manager: podhop
  name: web
  ownerReferences:
  - apiVersion: v1
    uid: "7"
  resourceVersion: "12"
  uid: 4711
spec:
  clusterIP: 10.96.0.9
  status: kept
status:
  conditions:
  - type: Ready
`
	const want = `apiVersion: v1
kind: Service
metadata:
  labels:
    uid: mine
  name: web
  ownerReferences:
  - apiVersion: v1
    uid: "7"
spec:
  clusterIP: 10.96.0.9
  status: kept
`
	if got := chromium.Eval[string](p.Tab, "T.manifestOf("+chromium.Quote(live)+")"); got != want {
		t.Errorf("got\n%s", got)
	}
}
