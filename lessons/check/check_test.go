package check

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/podhop/podhop/engine/model"
)

// cluster is a session of which all is known.
type cluster struct {
	objects  []map[string]any
	answers  []model.Answer
	journeys []model.Journey
	graph    model.Graph
	script   *model.ScriptResult // nil: it never ends
	asked    []any
}

func (c *cluster) Objects(_ context.Context, q model.ObjectQuery) (found []map[string]any, _ error) {
	c.asked = append(c.asked, q)
	for _, o := range c.objects {
		if q.Name == "" || o["metadata"].(map[string]any)["name"] == q.Name {
			found = append(found, o)
		}
	}
	return found, nil
}

func (c *cluster) Request(_ context.Context, r model.Request) (model.RequestResult, error) {
	c.asked = append(c.asked, r)
	if r.From == "pod/default/gone" {
		return model.RequestResult{}, fmt.Errorf("%w: from: there is no such pod", model.ErrInvalid)
	}
	return model.RequestResult{Answers: c.answers}, nil
}

func (c *cluster) Graph() model.Graph { return c.graph }

func (c *cluster) Asked(since time.Time) (found []model.Journey) {
	for _, j := range c.journeys {
		if j.Start >= since.UnixNano() {
			found = append(found, j)
		}
	}
	return found
}

func (c *cluster) Script(ctx context.Context, text string) (model.ScriptResult, error) {
	c.asked = append(c.asked, text)
	if c.script != nil {
		return *c.script, nil
	}
	<-ctx.Done() // as what never ends
	return model.ScriptResult{Code: 137, Late: true}, nil
}

// began is when the step was.
var began = time.Unix(100, 0)

func parse(t *testing.T, text string) *Spec {
	t.Helper()
	var s Spec
	if err := yaml.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func declared(t *testing.T) *Environment {
	t.Helper()
	e, err := NewEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func pod(name, phase string, extra map[string]any) map[string]any {
	status := map[string]any{"phase": phase}
	for k, v := range extra {
		status[k] = v
	}
	return map[string]any{"kind": "Pod", "metadata": map[string]any{"name": name, "namespace": "default"}, "status": status}
}

func TestRun(t *testing.T) {
	running := `{title: it runs, object: {kind: Pod, name: web, that: 'object.status.phase == "Running"', saw: '"It is " + object.status.phase + "."'}}`
	three := `{title: three, object: {kind: Pod, selector: app=web, that: 'objects.filter(o, o.status.phase == "Running").size() == 3', saw: '"There are " + string(objects.size()) + "."'}}`
	ready := `{title: ready, object: {kind: Pod, name: web, that: 'object.status.replicas == 3', saw: '"There are " + string(object.?status.replicas.orValue(0)) + "."'}}`
	through := `{title: through, trace: {that: 'journeys.exists(j, j.verdict == "delivered" && j.hops.exists(h, has(h.decision) && h.decision.object.name == "web"))', saw: '"Of " + string(journeys.size()) + " journeys none."'}}`
	answered := `{title: answers, traffic: {from: client, to: service/default/web, expect: answered, status: 200}}`
	twice := `{title: by two, traffic: {from: client, to: 10.0.0.1:80, count: 2, expect: answered, that: 'answers[0].remote != answers[1].remote', saw: '"Both by " + answers[0].remote'}}`
	mine := `{title: mine, trace: {from: pod/default/a, to: web, verdict: delivered}}`
	script := `{title: it works, script: {run: 'test -f notes', timeout: 1s}}`
	said := func(code int, output string) cluster {
		return cluster{script: &model.ScriptResult{Code: code, Output: output}}
	}
	after, before := began.Add(time.Second).UnixNano(), began.Add(-time.Second).UnixNano()
	web := model.Graph{Vertices: []model.Vertex{{ID: "service/default/web", IPs: []string{"10.96.0.9"}, Ports: []model.Port{{Port: 8080}}}, {ID: "pod/default/new"}}}
	hop := model.Hop{Decision: &model.Decision{Object: &model.Object{Kind: "Service", Name: "web"}}}
	for _, c := range []struct {
		name, spec string
		cluster    cluster
		want       model.CheckResult
	}{
		{"object so", running, cluster{objects: []map[string]any{pod("web", "Running", nil)}}, model.CheckResult{Title: "it runs", Kind: "object", Passed: true}},
		{"object otherwise", running, cluster{objects: []map[string]any{pod("web", "Pending", nil)}}, model.CheckResult{Title: "it runs", Kind: "object", Saw: "It is Pending."}},
		{"object missing", running, cluster{}, model.CheckResult{Title: "it runs", Kind: "object", Saw: "There is no Pod web in namespace default."}},
		{"objects", three, cluster{objects: []map[string]any{pod("a", "Running", nil)}}, model.CheckResult{Title: "three", Kind: "object", Saw: "There are 1."}},
		{"field missing", ready, cluster{objects: []map[string]any{pod("web", "x", nil)}}, model.CheckResult{Title: "ready", Kind: "object", Saw: "There are 0."}},
		{"numbers", ready, cluster{objects: []map[string]any{pod("web", "x", map[string]any{"replicas": float64(3)})}}, model.CheckResult{Title: "ready", Kind: "object", Passed: true}},
		{"trace", through, cluster{journeys: []model.Journey{{Start: after, Verdict: "delivered", Hops: []model.Hop{{}, hop}}}}, model.CheckResult{Title: "through", Kind: "trace", Passed: true}},
		{"trace otherwise", through, cluster{journeys: []model.Journey{{Start: after, Verdict: "dropped", Hops: []model.Hop{hop}}}}, model.CheckResult{Title: "through", Kind: "trace", Saw: "Of 1 journeys none."}},
		{"trace of an earlier step", through, cluster{journeys: []model.Journey{{Start: before, Verdict: "delivered", Hops: []model.Hop{{}, hop}}}},
			model.CheckResult{Title: "through", Kind: "trace", Saw: "Of 0 journeys none."}},
		{"filtered", mine, cluster{journeys: []model.Journey{{Start: after, From: "pod/default/a", To: "pod/default/web", Verdict: "delivered"}}}, model.CheckResult{Title: "mine", Kind: "trace", Passed: true}},
		{"filtered out", mine, cluster{journeys: []model.Journey{{Start: after, From: "pod/default/b", To: "pod/default/web", Verdict: "delivered"},
			{Start: after, From: "pod/default/a", To: "pod/default/web", Verdict: "dropped"}, {Start: before, From: "pod/default/a", To: "pod/default/web", Verdict: "delivered"}}},
			model.CheckResult{Title: "mine", Kind: "trace", Saw: "No delivered packet from a to web was captured since you began this step."}},
		{"script", script, said(0, "whatever\n"), model.CheckResult{Title: "it works", Kind: "script", Passed: true}},
		{"script says why", script, said(1, "first\n\x1b[31mnotes: \x1b[1mnone\x1b[0m\n\n"), model.CheckResult{Title: "it works", Kind: "script", Saw: "notes: none"}},
		{"silent script", script, said(3, ""), model.CheckResult{Title: "it works", Kind: "script", Saw: "It ended with code 3, and said nothing."}},
		{"a long line", script, said(1, strings.Repeat("x", 10<<20)), model.CheckResult{Title: "it works", Kind: "script", Saw: strings.Repeat("x", 299) + "…"}},
		{"endless script", script, cluster{}, model.CheckResult{Title: "it works", Kind: "script", Saw: "It did not end within 1s."}},
		{"traffic", answered, cluster{graph: web, answers: []model.Answer{{Outcome: "answered", Status: 200}}}, model.CheckResult{Title: "answers", Kind: "traffic", Passed: true}},
		{"other status", answered, cluster{graph: web, answers: []model.Answer{{Outcome: "answered", Status: 404}}},
			model.CheckResult{Title: "answers", Kind: "traffic", Saw: "client asked http://10.96.0.9:8080: it was answered with status 404."}},
		{"refused", answered, cluster{graph: web, answers: []model.Answer{{Outcome: "refused", Error: "connection refused"}}},
			model.CheckResult{Title: "answers", Kind: "traffic", Saw: "client asked http://10.96.0.9:8080: refused (connection refused)."}},
		{"no such service", answered, cluster{}, model.CheckResult{Title: "answers", Kind: "traffic", Saw: "There is no service/default/web."}},
		{"no address", strings.Replace(answered, "service/default/web", "pod/default/new", 1), cluster{graph: web}, model.CheckResult{Title: "answers", Kind: "traffic", Saw: "pod/default/new has no address yet."}},
		{"no sender", strings.Replace(answered, "client", "pod/default/gone", 1), cluster{graph: web},
			model.CheckResult{Title: "answers", Kind: "traffic", Saw: "It could not be sent: invalid request: from: there is no such pod."}},
		{"answers", twice, cluster{answers: []model.Answer{{Outcome: "answered", Remote: "a"}, {Outcome: "answered", Remote: "a"}}}, model.CheckResult{Title: "by two", Kind: "traffic", Saw: "Both by a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			check, errs := parse(t, c.spec).Compile(declared(t))
			if errs != nil {
				t.Fatal(errs)
			}
			if got := check.Run(t.Context(), &c.cluster, began); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for spec, want := range map[string]string{
		`{}`: "[[] a check must have a title] [[] a check must have one of object, traffic, trace and script]",
		`{title: x, object: {kind: Pod, name: p, that: 'object.', saw: '"x"'}}`:               "[[object that] Syntax error: no viable alternative at input '.' (at character 8)]",
		`{title: x, object: {kind: Pod, that: '1', saw: '2'}}`:                                "[[object that] must be a bool, and is a int] [[object saw] must be a string, and is a int]",
		`{title: x, trace: {that: 'journeys.exists(j, j.verdikt == "dropped")', saw: '"x"'}}`: "[[trace that] undefined field 'verdikt' (at character 21)]",
		`{title: x, trace: {}}`:                                                                       "[[trace that] must be set] [[trace saw] must be set]",
		`{title: x, trace: {verdict: lost, protocol: tcp}}`:                                           `[[trace verdict] must be delivered, dropped, rejected or underway, not "lost"]`,
		`{title: x, script: {timeout: 2m}}`:                                                           "[[script run] must be set] [[script timeout] must be between 1s and 60s]",
		`{title: x, traffic: {from: client, to: 'a:1', expect: timeout, within: 9s}}`:                 "[[traffic within] must be between 1s and 5s]",
		`{title: x, trace: {that: 'true'}}`:                                                           "[[trace saw] must be set]",
		`{title: x, traffic: {expect: maybe}}`:                                                        "[[traffic from] must be set] [[traffic to] must be set] [[traffic expect] must be one of answered, refused, unreachable, timeout, error]",
		`{title: x, object: {that: 'true', saw: '""'}, trace: {that: 'true', saw: '""'}}`:             "[[object kind] must be set] [[] a check must have one of object, traffic, trace and script]",
		`{title: x, object: {kind: Pod, name: a, selector: b=c, that: 'true', saw: '""'}}`:            "[[object selector] cannot be set beside name]",
		`{title: x, traffic: {from: client, to: 'a:1', expect: timeout, count: 99, that: 'answers'}}`: "[[traffic count] must be between 1 and 20] [[traffic that] must be a bool, and is a list(model.Answer)] [[traffic saw] must be set]",
	} {
		check, errs := parse(t, spec).Compile(declared(t))
		var got []string
		for _, e := range errs {
			got = append(got, fmt.Sprintf("[%v %s]", e.Path, firstLine(e.Detail)))
		}
		if check != nil || strings.Join(got, " ") != want {
			t.Errorf("%s:\ngot  %s\nwant %s", spec, strings.Join(got, " "), want)
		}
	}
}

func firstLine(s string) string { s, _, _ = strings.Cut(s, "\n"); return s }

// What costs too much, or waits for ever, says so instead of going on.
func TestBounds(t *testing.T) {
	list := `[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]`
	deep := "true"
	for i := range 7 {
		deep = fmt.Sprintf("%s.all(x%d, %s)", list, i, deep)
	}
	check, errs := parse(t, `{title: x, trace: {that: '`+deep+`', saw: '"x"'}}`).Compile(declared(t))
	if errs != nil {
		t.Fatal(errs)
	}
	if got := check.Run(t.Context(), &cluster{}, began); got.Passed {
		t.Error(got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := check.Run(ctx, &cluster{}, began); got.Passed || !strings.Contains(got.Saw, "canceled") {
		t.Error(got)
	}
}
