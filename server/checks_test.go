package server

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"
	"testing/fstest"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
)

// lesson finds the one lesson there is, first, of one step with two checks.
func lesson(slug string) (lessons.Lesson, bool) {
	library, errs := lessons.Load(fstest.MapFS{
		"01-first/start/a.yaml": {Data: []byte("kind: first")},
		"01-first/1.md":         {Data: []byte("text")},
		"01-first/lesson.yaml": {Data: []byte(`title: First
summary: S
minutes: 1
level: beginner
steps:
- title: One
  text: 1.md
  checks:
  - {title: a is there, object: {kind: Pod, name: a, that: 'object.metadata.name == "b"', saw: '"It is " + object.metadata.name + "."'}}
  - {title: it answers, traffic: {from: client, to: "10.0.0.1:80", expect: answered}}
  solution: [{run: kubectl get pods}]
`)},
	})
	if len(errs) > 0 {
		panic(errs[0])
	}
	return library.Lesson(slug)
}

func TestChecks(t *testing.T) {
	handler := newServer(t, newEngine("s1"), nil).Handler()
	get := func(query string) (int, []model.CheckResult) {
		var results []model.CheckResult
		response := ask(handler, "GET /api/sessions/s1/checks?"+query, "")
		if text := textOf(response); response.StatusCode == http.StatusOK {
			if err := json.Unmarshal([]byte(text), &results); err != nil {
				t.Fatal(err)
			}
		}
		return response.StatusCode, results
	}
	first := model.CheckResult{Check: 1, Title: "a is there", Kind: "object", Saw: "It is a."}
	second := model.CheckResult{Check: 2, Title: "it answers", Kind: "traffic", Saw: "Nothing was sent."}
	if code, got := get("lesson=first&step=1"); code != 200 || !reflect.DeepEqual(got, []model.CheckResult{first, second}) {
		t.Errorf("%d %+v", code, got)
	}
	if code, got := get("lesson=first&step=1&traffic=false"); code != 200 || !reflect.DeepEqual(got, []model.CheckResult{first}) {
		t.Errorf("without traffic: %d %+v", code, got)
	}
	for query, want := range map[string]int{"": 404, "lesson=second": 404, "lesson=first": 422, "lesson=first&step=0": 422, "lesson=first&step=2": 422, "lesson=first&step=x": 422} {
		if code, got := get(query); code != want {
			t.Errorf("%s: %d %+v, want %d", query, code, got, want)
		}
	}
}
