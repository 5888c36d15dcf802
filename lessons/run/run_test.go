package run

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/killercoda"
)

// cluster has one object, or none, and a machine on which touch makes it.
type cluster struct {
	there    bool
	prepared bool     // whether the background script makes it
	stuck    bool     // whether that does not end
	folder   []string // to which files were put

	kubectl func() (model.ScriptResult, error) // what becomes of it
}

func (c *cluster) Script(_ context.Context, text string) (model.ScriptResult, error) {
	if c.kubectl != nil && strings.Contains(text, "kubectl get") {
		return c.kubectl()
	}
	c.there = c.there || strings.Contains(text, "touch it") || c.prepared && strings.Contains(text, "background.sh")
	if strings.Contains(text, "test -f it") && !c.there {
		return model.ScriptResult{Code: 1, Output: "it is not there\n"}, nil
	}
	return model.ScriptResult{Late: strings.Contains(text, "sleep infinity") || c.stuck && strings.HasPrefix(text, "until")}, nil
}

func (c *cluster) HomeFiles(map[string]string) {}

func (c *cluster) PutFiles(_ context.Context, folder string, _ fs.FS) error {
	c.folder = append(c.folder, folder)
	return nil
}

func (c *cluster) Objects(context.Context, model.ObjectQuery) ([]map[string]any, error) {
	if !c.there {
		return nil, nil
	}
	return []map[string]any{{"kind": "ConfigMap"}}, nil
}

func (c *cluster) Apply(_ context.Context, paste []byte) ([]model.ApplyResult, error) {
	if strings.Contains(string(paste), "bad") {
		return []model.ApplyResult{{Errors: []model.ApplyError{{Line: 3, Message: "no such kind"}}}}, nil
	}
	c.there = true
	return []model.ApplyResult{{}}, nil
}

func (c *cluster) Request(context.Context, model.Request) (model.RequestResult, error) {
	return model.RequestResult{}, nil
}
func (c *cluster) Graph() model.Graph              { return model.Graph{} }
func (c *cluster) Asked(time.Time) []model.Journey { return nil }

func lesson(t *testing.T, solution string, files map[string]string) lessons.Lesson {
	t.Helper()
	fsys := fstest.MapFS{"01-x/1.md": {Data: []byte("text")}, "01-x/lesson.yaml": {Data: []byte(`title: T
summary: S
minutes: 1
level: beginner
steps:
- title: One
  text: 1.md
  checks:
  - {title: it is there, object: {kind: ConfigMap, that: 'objects.size() == 1', saw: '"There is none."'}}
  solution: ` + solution + "\n")}}
	for name, text := range files {
		fsys["01-x/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	library, errs := lessons.Load(fsys)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	l, _ := library.Lesson("x")
	return l
}

func TestLesson(t *testing.T) {
	good, bad := "kind: ConfigMap\n", "kind: bad\n"
	for _, c := range []struct {
		name, solution string
		files          map[string]string
		kubectl        model.ScriptResult
		want           string // of the error; empty: none
	}{
		{"done", `[{apply: a.yaml}]`, map[string]string{"a.yaml": good}, model.ScriptResult{}, ""},
		{"refused as it says, then done", `[{apply: b.yaml}, {run: kubectl get x}, {apply: a.yaml}]`, map[string]string{"a.yaml": good, "b.yaml": "# refused\n" + bad}, model.ScriptResult{}, ""},
		{"passes before", `[{apply: a.yaml}]`, map[string]string{"a.yaml": good, "start/s.yaml": good}, model.ScriptResult{}, "step 1 (One): its checks pass before anything was done"},
		{"start is refused", `[{apply: a.yaml}]`, map[string]string{"a.yaml": good, "start/s.yaml": bad}, model.ScriptResult{}, "start: line 3: no such kind"},
		{"solution is refused", `[{apply: b.yaml}]`, map[string]string{"b.yaml": bad}, model.ScriptResult{}, "step 1 (One): b.yaml: line 3: no such kind"},
		{"not refused as it says", `[{apply: a.yaml}]`, map[string]string{"a.yaml": "# refused\n" + good}, model.ScriptResult{}, "it was taken, but says that it is refused"},
		{"kubectl fails", `[{run: kubectl get x}]`, nil, model.ScriptResult{Code: 1, Output: "said\n"}, "step 1 (One): kubectl get x: code 1: said"},
		{"kubectl does not end", `[{run: kubectl get x}]`, nil, model.ScriptResult{Late: true}, "step 1 (One): kubectl get x: it did not end within 1m30s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Lesson(t.Context(), lesson(t, c.solution, c.files), &cluster{kubectl: func() (model.ScriptResult, error) { return c.kubectl, nil }})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Who is told to stop does not wait for checks that will not pass.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Lesson(ctx, lesson(t, `[{run: kubectl get x}]`, nil), &cluster{kubectl: func() (model.ScriptResult, error) { cancel(); return model.ScriptResult{}, nil }})
	if err == nil || !strings.Contains(err.Error(), `after the solution "it is there" does not pass`) {
		t.Error(err)
	}
}

// A scenario of Killercoda has no solution: what its text offers to run is one.
func TestScenario(t *testing.T) {
	for name, c := range map[string]struct{ text, background, err string }{
		"good":            {text: "`ls`{{exec}} `touch it`{{exec}}"},
		"passes at once":  {text: "`ls`{{exec}}", background: "touch it", err: "its checks pass before anything was done"},
		"offers nothing":  {text: "`touch it`{{copy}}", err: "after the solution"},
		"does not end":    {text: "`sleep infinity`{{exec}}", err: "sleep infinity: it did not end"},
		"begins for ever": {text: "`touch it`{{exec}}", background: "sleep infinity", err: "the background script does not end"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{"x/1.md": {Data: []byte(c.text)}, "x/v.sh": {Data: []byte("test -f it")}, "x/b.sh": {Data: []byte(":" + c.background)},
				"x/index.json": {Data: []byte(`{"details": {"steps": [{"title": "One", "text": "1.md", "verify": "v.sh", "background": "b.sh"}]}}`)}}
			lib, errs := lessons.Load(fsys, killercoda.Format{})
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			cluster := &cluster{prepared: c.background == "touch it", stuck: c.background == "sleep infinity"}
			err := Lesson(ctx, lib.Lessons[0], cluster)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), "step 1 (One): ") || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got %v", err)
			}
			if len(cluster.folder) != 1 || cluster.folder[0] != ".lessons/x/1" {
				t.Errorf("files were put to %q", cluster.folder)
			}
		})
	}
}
