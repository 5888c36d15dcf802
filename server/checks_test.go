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

// lesson finds the one lesson there is, first, of one step with three checks.
func lesson(slug string) (lessons.Lesson, bool) {
	library, errs := lessons.Load(fstest.MapFS{
		"01-first/start/a.yaml": {Data: []byte("kind: first")},
		"01-first/1.md":         {Data: []byte("text")},
		"01-first/b.yaml":       {Data: []byte("kind: offered")},
		"01-first/lesson.yaml": {Data: []byte(`title: First
summary: S
minutes: 1
level: beginner
steps:
- title: One
  text: 1.md
  manifest: b.yaml
  checks:
  - {title: a is there, object: {kind: Pod, name: a, that: 'object.metadata.name == "b"', saw: '"It is " + object.metadata.name + "."'}}
  - {title: it answers, traffic: {from: client, to: "10.0.0.1:80", expect: answered}}
  - {title: notes are there, script: {run: test -f notes}}
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
	first := model.CheckResult{Check: 1, Title: "a is there", Kind: "object", Saw: "It is a."}
	second := model.CheckResult{Check: 2, Title: "it answers", Kind: "traffic", Saw: "Nothing was sent."}
	third := model.CheckResult{Check: 3, Title: "notes are there", Kind: "script", Saw: "there is no such file"}
	for _, c := range []struct {
		body string
		code int
		want []model.CheckResult
	}{
		{`{"lesson":"first","step":1}`, 200, []model.CheckResult{first, second, third}},
		{`{"lesson":"first","step":1,"kinds":["object","trace"],"since":"90s"}`, 200, []model.CheckResult{first}},
		{`{"lesson":"first","step":1,"kinds":["traffic"]}`, 200, []model.CheckResult{second}},
		{`{"lesson":"first","step":1,"kinds":["script","object"]}`, 200, []model.CheckResult{first, third}},
		{`{"lesson":"first","step":1,"kinds":["trace"]}`, 200, []model.CheckResult{}},
		{`{}`, 404, nil},
		{`{"lesson":"second","step":1}`, 404, nil},
		{`{"lesson":"first"}`, 422, nil},
		{`{"lesson":"first","step":2}`, 422, nil},
		{`{"lesson":"first","step":1,"kinds":["magic"]}`, 422, nil},
		{`{"lesson":"first","step":1,"since":"yesterday"}`, 422, nil},
	} {
		response := ask(handler, "POST /api/sessions/s1/checks", c.body, "Content-Type: application/json")
		text := textOf(response)
		var got []model.CheckResult
		if response.StatusCode == http.StatusOK {
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
		}
		if response.StatusCode != c.code || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %d %s, want %d %+v", c.body, response.StatusCode, text, c.code, c.want)
		}
	}
}
