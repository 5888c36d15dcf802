package lessons

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestContentLoads(t *testing.T) {
	lib, errs := Load(Content())
	for _, err := range errs {
		t.Error(err)
	}
	titles := map[string]bool{}
	for _, l := range lib.Lessons {
		if titles[l.Title] {
			t.Errorf("two lessons are called %q", l.Title)
		}
		titles[l.Title] = true
		for _, s := range l.Steps {
			if len(s.HTML) == 0 {
				t.Errorf("%s, %s: no text", l.Title, s.Title)
			}
		}
	}
	if len(lib.Samples) != 10 {
		t.Errorf("got %d samples, want 10", len(lib.Samples))
	}
}

// The embed pattern names folders one by one: a new lesson must not be left out.
func TestEveryFolderIsEmbedded(t *testing.T) {
	onDisk, err := filepath.Glob("[0-9]*-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range onDisk {
		if _, err := fs.Stat(Content(), dir); err != nil {
			t.Errorf("%s is not embedded: %v", dir, err)
		}
	}
	if len(onDisk) == 0 {
		t.Error("found no lessons on disk")
	}
}

// A new lesson is one that loads.
func TestBeginning(t *testing.T) {
	fsys := fstest.MapFS{}
	for name, text := range Beginning() {
		fsys["01-new/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	if _, errs := Load(fsys); len(errs) > 0 {
		t.Error(errs)
	}
	for name, want := range map[string]bool{"01-new": true, "1-a-b2": true, "new": false, "01-": false, "01-New": false, "01-a/b": false} {
		if ValidFolder(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// Lessons and samples use the article's manifests as they stand.
func TestArticleManifestsAreSharedByLessonsAndSamples(t *testing.T) {
	for sample, copies := range map[string][]string{
		"samples/1-my-pod.yaml":        {"02-your-first-pod/my-pod.yaml", "11-reach-pods-through-a-service/start/my-pod.yaml"},
		"samples/2-my-replicaset.yaml": {"05-replica-sets/my-replicaset.yaml"},
		"samples/3-my-deployment.yaml": {"01-what-a-cluster-is-made-of/my-deployment.yaml", "06-deployments/my-deployment.yaml",
			"11-reach-pods-through-a-service/my-deployment.yaml"},
		"samples/7-my-ingress.yaml":        {"15-ingress/my-ingress.yaml"},
		"samples/8-my-network-policy.yaml": {"16-network-policies/my-network-policy.yaml"},
		"samples/4-my-service.yaml":        {"11-reach-pods-through-a-service/my-service.yaml"},
	} {
		want, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range copies {
			got, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s differs from %s", name, sample)
			}
		}
	}
}

const goodYAML = `title: T
summary: S
minutes: 5
level: beginner
steps:
- title: One
  text: 1.md
`

func TestLoadReportsFileAndLine(t *testing.T) {
	cases := []struct {
		name   string
		yaml   string
		files  map[string]string
		errors []string
	}{
		{name: "good", yaml: goodYAML, files: map[string]string{"1.md": "hello"}},
		{
			name:   "no lesson.yaml",
			errors: []string{"01-x/lesson.yaml: lesson.yaml: there is no such file"},
		},
		{
			name: "broken yaml", yaml: "title: [",
			errors: []string{"01-x/lesson.yaml:1: did not find expected node content"},
		},
		{
			name: "unknown fields", yaml: "titel: T\n" + strings.Replace(goodYAML, "text", "txt", 1),
			errors: []string{"01-x/lesson.yaml:1: field titel not found", "01-x/lesson.yaml:7: a step must have a text",
				"01-x/lesson.yaml:8: field txt not found in a step"},
		},
		{
			name: "step without file", yaml: goodYAML,
			errors: []string{"01-x/lesson.yaml:7: 1.md: there is no such file"},
		},
		{
			name: "file outside", yaml: strings.Replace(goodYAML, "1.md", "../../etc/passwd", 1),
			errors: []string{`01-x/lesson.yaml:7: "../../etc/passwd": must be a file inside the lesson's folder`},
		},
		{
			name:   "bad values",
			yaml:   "title: T\nsummary: S\nminutes: 0\nlevel: expert\nsteps: []\n",
			errors: []string{"lesson.yaml:3: minutes", "lesson.yaml:4: level", "lesson.yaml:5: steps"},
		},
		{
			name: "markdown that tries to script", yaml: goodYAML,
			files:  map[string]string{"1.md": "fine\n\n<script>alert(1)</script>\n\nand <b onclick=x>y</b>\n"},
			errors: []string{"01-x/1.md:3: raw HTML is not allowed", "01-x/1.md:5: raw HTML is not allowed"},
		},
		{
			name: "broken manifest", yaml: goodYAML + "  manifest: m.yaml\n",
			files:  map[string]string{"1.md": "x", "m.yaml": "kind: Pod\nmetadata:\n\tname: x\n"},
			errors: []string{"01-x/m.yaml:3: "},
		},
		{
			name: "send without from", yaml: goodYAML + "  send:\n    to: http://x\n",
			files:  map[string]string{"1.md": "x"},
			errors: []string{"01-x/lesson.yaml:9: send: must have from and to"},
		},
		{
			name: "broken start", yaml: goodYAML,
			files:  map[string]string{"1.md": "x", "start/a.yaml": "a: b: c"},
			errors: []string{"01-x/start/a.yaml:1: "},
		},
		{
			name: "bad checks", yaml: goodYAML + `  checks:
  - title: one
    object: {kind: Pod, name: p, that: 'object.', saw: '"x"'}
  - title: two
    trace:
      that: journeys.size() > 0
  - tytle: three
`,
			files: map[string]string{"1.md": "x"},
			errors: []string{"01-x/lesson.yaml:9: a step with checks must have a solution", "01-x/lesson.yaml:10: object.that: Syntax error",
				"01-x/lesson.yaml:13: trace.saw: must be set", "01-x/lesson.yaml:14: field tytle not found in a check",
				"01-x/lesson.yaml:14: a check must have a title", "01-x/lesson.yaml:14: a check must have one of"},
		},
		{
			name: "checks that do not compile", yaml: goodYAML + `  checks:
  - title: one
    object: {kind: Pod, name: p, that: 'object.', saw: '"x"'}
  - title: two
    trace:
      that: journeys.size() > 0
`,
			files: map[string]string{"1.md": "x"},
			errors: []string{"01-x/lesson.yaml:9: a step with checks must have a solution",
				"01-x/lesson.yaml:10: object.that: Syntax error", "01-x/lesson.yaml:13: trace.saw: must be set"},
		},
		{
			name: "bad solution and hint", yaml: goodYAML + `  hints:
  - fine
  - <b>not</b>
  solution:
  - run: "one\ntwo"
  - apply: none.yaml
  - {}
  - send: {from: client}
`,
			files: map[string]string{"1.md": "x"},
			errors: []string{"01-x/lesson.yaml:10: raw HTML is not allowed", "01-x/lesson.yaml:12: run: must be one line, as it is typed",
				"01-x/lesson.yaml:13: none.yaml: there is no such file", "01-x/lesson.yaml:14: a solution's action must have one of", "01-x/lesson.yaml:15: send: must have from and to"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{"02-good/lesson.yaml": {Data: []byte(goodYAML)}, "02-good/1.md": {Data: []byte("hello")}}
			fsys["01-x/keep"] = &fstest.MapFile{}
			if c.yaml != "" {
				fsys["01-x/lesson.yaml"] = &fstest.MapFile{Data: []byte(c.yaml)}
			}
			for name, text := range c.files {
				fsys["01-x/"+name] = &fstest.MapFile{Data: []byte(text)}
			}
			lib, errs := Load(fsys)
			if len(errs) != len(c.errors) {
				t.Fatalf("got %d errors, want %d: %v", len(errs), len(c.errors), errs)
			}
			for i, want := range c.errors {
				var e *Error
				if !errors.As(errs[i], &e) || !strings.Contains(errs[i].Error(), want) {
					t.Errorf("error %d is %q, want it to contain %q", i, errs[i], want)
				}
			}
			if _, ok := lib.Lesson("good"); !ok {
				t.Error("the good lesson did not load beside the bad one")
			}
			if _, ok := lib.Lesson("x"); ok != (len(c.errors) == 0) {
				t.Errorf("lesson x loaded: %v", ok)
			}
		})
	}
}

func TestMarkdownNeedsNoStyleAttribute(t *testing.T) {
	lib, errs := Load(fstest.MapFS{
		"01-x/lesson.yaml": {Data: []byte(goodYAML)},
		"01-x/1.md":        {Data: []byte("```yaml\nkind: Pod\n```\n\n[x](javascript:alert(1))\n")},
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	html := string(lib.Lessons[0].Steps[0].HTML)
	if !strings.Contains(html, `class="chroma"`) || strings.Contains(html, "style=") || strings.Contains(html, "javascript:") {
		t.Errorf("rendered as %s", html)
	}
}

func TestStartYAML(t *testing.T) {
	l := Lesson{Start: []Manifest{{Name: "a", Text: "kind: A\n"}, {Name: "b", Text: "kind: B\n"}}}
	if got, want := string(l.StartYAML()), "kind: A\n---\nkind: B\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
