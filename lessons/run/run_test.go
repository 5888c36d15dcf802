package run

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
)

// cluster has one object, or none.
type cluster struct{ there bool }

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
		kubectl        error
		want           string // of the error; empty: none
	}{
		{"done", `[{apply: a.yaml}]`, map[string]string{"a.yaml": good}, nil, ""},
		{"refused as it says, then done", `[{apply: b.yaml}, {run: kubectl get x}, {apply: a.yaml}]`, map[string]string{"a.yaml": good, "b.yaml": "# refused\n" + bad}, nil, ""},
		{"passes before", `[{apply: a.yaml}]`, map[string]string{"a.yaml": good, "start/s.yaml": good}, nil, "step 1 (One): its checks pass before anything was done"},
		{"start is refused", `[{apply: a.yaml}]`, map[string]string{"a.yaml": good, "start/s.yaml": bad}, nil, "start: line 3: no such kind"},
		{"solution is refused", `[{apply: b.yaml}]`, map[string]string{"b.yaml": bad}, nil, "step 1 (One): b.yaml: line 3: no such kind"},
		{"not refused as it says", `[{apply: a.yaml}]`, map[string]string{"a.yaml": "# refused\n" + good}, nil, "it was taken, but says that it is refused"},
		{"kubectl fails", `[{run: kubectl get x}]`, nil, errors.New("exit status 1"), "step 1 (One): kubectl get x: exit status 1: said"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Lesson(t.Context(), lesson(t, c.solution, c.files), &cluster{}, func(context.Context, string) (string, error) { return "said\n", c.kubectl })
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Who is told to stop does not wait for checks that will not pass.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Lesson(ctx, lesson(t, `[{run: kubectl get x}]`, nil), &cluster{}, func(context.Context, string) (string, error) { cancel(); return "", nil })
	if err == nil || !strings.Contains(err.Error(), `after the solution "it is there" does not pass`) {
		t.Error(err)
	}
}
