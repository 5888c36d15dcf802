package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// refusals are those that a server told of.
type refusals struct {
	mu  sync.Mutex
	all []string
}

func (r *refusals) add(_ context.Context, session, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, session+": "+message)
}

// take answers what was told of a session since it was asked last.
func (r *refusals) take(session string) (of []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = slices.DeleteFunc(r.all, func(one string) bool {
		message, is := strings.CutPrefix(one, session+": ")
		if is {
			of = append(of, message)
		}
		return is
	})
	return of
}

// testRefusals has kubectl be refused things, and others.
func testRefusals(t *testing.T, s *Server, told *refusals) {
	ss, _ := open(t, s, "mistaken")
	const kubectl, protobuf = "kubectl/v1.37.2 (linux/amd64) kubernetes/0", "application/vnd.kubernetes.protobuf"
	by := func(request, body string, headers map[string]string) *http.Request {
		method, path, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.RequestURI = "" // so that a client takes it, too
		for name, value := range map[string]string{"User-Agent": kubectl, commandHeader: "kubectl get", "Authorization": "Bearer " + ss.AdminToken(), "Content-Type": "application/json"} {
			r.Header.Set(name, value)
		}
		for name, value := range headers {
			r.Header.Set(name, value)
		}
		return r
	}
	const pods, pod, maps = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/pods/nothere", "/api/v1/namespaces/default/configmaps"
	type headers = map[string]string
	command := func(name string) headers { return headers{commandHeader: name} }
	for _, c := range []struct {
		name, request, body string
		headers             headers
		code                int
		want                string // the beginning of what is told; nothing if it is empty
	}{
		{"an object that is not there", "GET " + pod, "", nil, 404, `pods "nothere" not found`},
		{"the same as protobuf", "GET " + pod, "", headers{"Accept": protobuf}, 404, `pods "nothere" not found`},
		{"as a table", "GET " + pod, "", headers{"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}, 404, `pods "nothere" not found`},
		{"its log", "GET " + pod, "", command("kubectl logs"), 404, `pods "nothere" not found`},
		{"what is removed", "DELETE " + pod, "", command("kubectl delete"), 404, `pods "nothere" not found`},
		{"of a definition", "GET /apis/example.org/v1/gadgets/nothere", "", nil, 404, `gadgets.example.org "nothere" not found`},
		{"in a namespace that is not there", "POST /api/v1/namespaces/nothere/configmaps", `{"metadata":{"name":"a"}}`, command("kubectl create"), 404, `namespaces "nothere" not found`},
		{"what is no object", "POST " + maps, `{"metadata":3}`, command("kubectl create"), 400, "ConfigMap in version"},
		{"what cannot be", "PATCH " + pod + "?fieldManager=kubectl", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"nothere"}}`,
			headers{commandHeader: "kubectl apply", "Content-Type": "application/apply-patch+yaml"}, 422, "Pod \"nothere\" is invalid: spec.containers: Required value"},
		{"what may not be", "GET " + pods, "", headers{"Impersonate-User": "bob"}, 403, `pods is forbidden: User "bob" cannot list`},
		{"what is there already", "POST /api/v1/namespaces", `{"metadata":{"name":"default"}}`, command("kubectl create"), 409, `namespaces "default" already exists`},
		{"a long answer", "POST " + maps, `{"metadata":{"name":"` + strings.Repeat("x", 4<<10) + `"}}`, command("kubectl create"), 422, `ConfigMap "xxx`},
		{"one that is too long", "POST " + maps, `{"metadata":{"name":"` + strings.Repeat("x", 40<<10) + `"}}`, command("kubectl create"), 422, "Unprocessable Entity"},

		{"what is about to be made", "GET " + pod, "", command("kubectl apply"), 404, ""},
		{"what one waits for to go", "GET " + pod, "", command("kubectl delete"), 404, ""},
		{"a command that is not known", "GET " + pod, "", command(""), 404, ""},
		{"discovery", "GET /apis/nothere/v1", "", nil, 404, ""},
		{"a kind that is not there", "GET /apis/example.org/v1/nothere", "", nil, 404, ""},
		{"a watch", "GET " + pods + "?watch=1&resourceVersion=none", "", nil, 500, ""},
		{"what is well", "GET " + pods, "", nil, 200, ""},
		{"a page", "GET " + pod, "", headers{"User-Agent": "Mozilla/5.0"}, 404, ""},
		{"another token", "GET " + pod, "", headers{"Authorization": "Bearer other"}, 401, ""},
	} {
		w := httptest.NewRecorder()
		ss.ServeHTTP(w, by(c.request, c.body, c.headers))
		got := told.take(ss.ID())
		if w.Code != c.code {
			t.Errorf("%s: %d %.300s, want %d", c.name, w.Code, w.Body, c.code)
		}
		if len(got) != min(1, len(c.want)) || c.want != "" && !strings.HasPrefix(got[0], c.want) || len(got) > 0 && len(got[0]) > messageBytes {
			t.Errorf("%s: told %.300q, want %q", c.name, got, c.want)
		}
	}
	w := httptest.NewRecorder()
	if ss.ReadOnly().ServeHTTP(w, by("GET "+pod, "", nil)); w.Code != 404 || len(told.take(ss.ID())) > 0 {
		t.Errorf("who looks on: %d, or it is told of", w.Code)
	}
	// Over a real line, whose writers do more; it is closed when all was answered.
	line := httptest.NewServer(ss)
	r := by("GET "+pod, "", nil)
	r.URL.Scheme, r.URL.Host = "http", line.Listener.Addr().String()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	line.Close()
	if got := told.take(ss.ID()); err != nil || !strings.Contains(string(text), `"message":"pods \"nothere\" not found"`) || len(got) != 1 {
		t.Errorf("over a line: %s %v, told %q", text, err, got)
	}
}
