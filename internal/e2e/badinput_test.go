package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A problem is an RFC 9457 document.
type problem struct {
	Title  string
	Detail string
	Status int
}

// refuse makes a call that must be answered with a problem document.
func (s *server) refuse(method, path, body string, status int, want string) {
	s.t.Helper()
	req := must(http.NewRequest(method, s.URL+path, strings.NewReader(body)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	answer := must(io.ReadAll(resp.Body))
	var p problem
	if err := json.Unmarshal(answer, &p); err != nil || resp.Header.Get("Content-Type") != "application/problem+json" {
		s.t.Fatalf("%s %s: no problem document: %s\n%s", method, path, resp.Status, answer)
	}
	if resp.StatusCode != status || p.Status != status || !strings.Contains(p.Title+" "+p.Detail, want) {
		s.t.Errorf("%s %s: %d %+v, want %d with %q", method, path, resp.StatusCode, p, status, want)
	}
}

func TestBadInput(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.open()

	for _, c := range []struct {
		name, paste   string
		document      int
		line          int
		field, reason string
	}{
		{"broken YAML", "kind: Pod\nmetadata:\n  name: [a\nspec: {}\n", 1, 3, "", "yaml"},
		{"tab", "kind: Pod\napiVersion: v1\nmetadata:\n\tname: a\n", 1, 4, "", "yaml"},
		{"unknown kind", "apiVersion: v1\nkind: Pond\nmetadata: {name: a}\n", 1, 2, "", `no matches for kind "Pond" in version "v1"`},
		{"no kind", "apiVersion: v1\nmetadata: {name: a}\n", 1, 1, "", "kind"},
		{"unknown field", article("4-my-service.yaml") + "---\n" + strings.Replace(article("4-my-service.yaml"), "selector:", "selectors:", 1),
			2, 19, "spec.selectors", `unknown field "spec.selectors"`},
		{"refused by validation", strings.Replace(article("4-my-service.yaml"), "port: 80", "port: 80000", 1), 1, 10, "spec.ports[0].port", "must be between 1 and 65535"},
		{"bad name", strings.Replace(article("1-my-pod.yaml"), "my-pod", "My_Pod", 1), 1, 4, "metadata.name", "RFC 1123"},
		{"no such namespace", strings.Replace(article("1-my-pod.yaml"), "name: my-pod", "name: my-pod\n  namespace: nowhere", 1), 1, 0, "", `namespaces "nowhere" not found`},
	} {
		x.run(t, c.name, func(t *testing.T, x *session) {
			results := x.apply(c.paste)
			var e *model.ApplyError
			for i := range results {
				if results[i].Document == c.document && len(results[i].Errors) > 0 {
					e = &results[i].Errors[0]
				}
			}
			if e == nil {
				t.Fatalf("no error for document %d: %+v", c.document, results)
			}
			if !strings.Contains(e.Message, c.reason) || (c.line > 0 && e.Line != c.line) || (c.field != "" && e.Field != c.field) {
				t.Errorf("got line %d field %q: %s; want line %d field %q %q", e.Line, e.Field, e.Message, c.line, c.field, c.reason)
			}
		})
	}
	x.run(t, "a good document beside a bad one", func(t *testing.T, x *session) {
		results := x.apply("apiVersion: v1\nkind: Pond\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n")
		if len(results) != 2 || len(results[0].Errors) == 0 || results[1].Action != "created" {
			t.Errorf("%+v", results)
		}
	})
	x.run(t, "calls", func(t *testing.T, x *session) {
		s.refuse("POST", x.path("/apply"), strings.Repeat("a: b\n", 1<<20), 413, "large")
		s.refuse("GET", "/api/sessions/nope", "", 404, "session")
		s.refuse("POST", "/api/sessions/nope/apply", "a: b", 404, "session")
		s.refuse("GET", x.path("/journeys/nope"), "", 404, "journey")
		s.refuse("PUT", x.path("/apply"), "", 405, "")
		s.refuse("GET", "/api/nope", "", 404, "")
		s.refuse("POST", x.path("/requests"), "{", 400, "")
		s.refuse("POST", x.path("/requests"), `{"from":"pod/default/nope","to":"http://10.96.0.1"}`, 422, "pod/default/nope")
		s.refuse("POST", x.path("/requests"), `{"from":"client","to":"ftp://10.96.0.1"}`, 422, "ftp")
		s.refuse("POST", x.path("/requests"), `{"from":"client","to":""}`, 422, "")
		s.refuse("POST", x.path("/requests"), `{"from":"client","to":"http://10.96.0.1","count":1000000}`, 422, "count")
	})
	x.run(t, "an address that nobody has", func(t *testing.T, x *session) {
		r := x.send("node/node-1", "http://10.244.1.250")
		if o := r.Answers[0].Outcome; o == "answered" || o == "" || r.Answers[0].Error == "" {
			t.Errorf("%+v", r.Answers[0])
		}
	})
	x.run(t, "an image that exists nowhere", func(t *testing.T, x *session) {
		x.apply(strings.NewReplacer("my-pod", "typo", "nginx", "ngnix").Replace(article("1-my-pod.yaml")))
		until(t, 90*time.Second, "the pod says why it does not start", func() string {
			out := x.kubectl("get", "pod", "typo", "-o", "jsonpath={..waiting.reason}")
			if out == "ImagePullBackOff" {
				return ""
			}
			return out
		})
		until(t, patience, "an event says which image", func() string {
			if out := x.kubectl("describe", "pod", "typo"); !strings.Contains(out, `Failed to pull image "ngnix"`) {
				return out
			}
			return ""
		})
	})
	x.run(t, "the session goes on", func(t *testing.T, x *session) {
		if r := x.apply(article("1-my-pod.yaml")); r[0].Action != "created" {
			t.Fatalf("%+v", r)
		}
		until(t, 60*time.Second, "a pod starts", func() string {
			return map[bool]string{false: "not ready"}[len(x.pods("my-pod")) == 1]
		})
	})
	x.run(t, "a session that is gone", func(t *testing.T, x *session) {
		y := s.open()
		if code := y.call("DELETE", y.path(""), nil, nil); code != 204 {
			t.Errorf("delete: %d", code)
		}
		s.refuse("GET", y.path("/topology"), "", 404, "session")
		resp := must(http.Get(s.URL + "/s/" + y.ID))
		defer resp.Body.Close()
		page := must(io.ReadAll(resp.Body))
		if resp.StatusCode != 410 || !strings.Contains(fmt.Sprint(resp.Header["Content-Type"]), "text/html") || len(page) == 0 {
			t.Errorf("the page: %s %v", resp.Status, resp.Header)
		}
		if out, err := y.tryKubectl("", "get", "pods"); err == nil {
			t.Errorf("kubectl still gets an answer:\n%s", out)
		}
	})
}
