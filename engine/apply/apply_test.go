package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/podhop/podhop/engine/model"
)

// fakeAPI answers like a kube-apiserver as far as this package asks it. Its
// errors are upstream's, recorded.
type fakeAPI struct {
	mu      sync.Mutex
	objects map[string]map[string]any
	asked   []string
	// refuse answers a write whose "METHOD path" ends so, with dry runs as "DRYRUN path".
	refuse map[string]metav1.Status
	widget int // how many times the widgets' kind is still unknown
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	method := r.Method
	if r.URL.Query().Get("dryRun") == "All" {
		method = "DRYRUN"
	}
	f.asked = append(f.asked, method+" "+r.URL.Path)
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body)
	}
	refuse := func(s metav1.Status) {
		s.TypeMeta, s.Status = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, "Failure"
		answer(int(s.Code), s)
	}
	notFound := metav1.Status{Code: 404, Reason: "NotFound", Message: "the server could not find the requested resource"}
	kind := func(name, kind string, namespaced bool, verbs ...string) metav1.APIResource {
		if len(verbs) == 0 {
			verbs = []string{"create", "get", "patch"}
		}
		return metav1.APIResource{Name: name, Kind: kind, Namespaced: namespaced, Verbs: verbs}
	}
	switch r.URL.Path {
	case "/api/v1":
		answer(200, metav1.APIResourceList{GroupVersion: "v1", APIResources: []metav1.APIResource{
			kind("pods", "Pod", true), kind("pods/status", "Pod", true), kind("configmaps", "ConfigMap", true),
			kind("namespaces", "Namespace", false), kind("services", "Service", true)}})
		return
	case "/apis/apps/v1":
		answer(200, metav1.APIResourceList{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{kind("deployments", "Deployment", true)}})
		return
	case "/apis/networking.k8s.io/v1":
		answer(200, metav1.APIResourceList{GroupVersion: "networking.k8s.io/v1", APIResources: []metav1.APIResource{kind("networkpolicies", "NetworkPolicy", true)}})
		return
	case "/apis/authorization.k8s.io/v1":
		answer(200, metav1.APIResourceList{APIResources: []metav1.APIResource{kind("selfsubjectaccessreviews", "SelfSubjectAccessReview", false, "create")}})
		return
	case "/apis/apiextensions.k8s.io/v1":
		answer(200, metav1.APIResourceList{APIResources: []metav1.APIResource{kind("customresourcedefinitions", "CustomResourceDefinition", false)}})
		return
	case "/apis/example.com/v1":
		if f.widget > 0 {
			f.widget--
			refuse(notFound)
			return
		}
		answer(200, metav1.APIResourceList{APIResources: []metav1.APIResource{kind("widgets", "Widget", true)}})
		return
	}
	for suffix, status := range f.refuse {
		if strings.HasSuffix(method+" "+r.URL.Path, suffix) {
			refuse(status)
			return
		}
	}
	body, _ := io.ReadAll(r.Body)
	object := map[string]any{}
	yaml.Unmarshal(body, &object)
	if _, ok := object["metadata"]; !ok {
		object["metadata"] = map[string]any{}
	}
	meta := object["metadata"].(map[string]any)
	switch q := r.URL.Query(); method {
	case "GET":
		if old, ok := f.objects[r.URL.Path]; ok {
			answer(200, old)
		} else {
			refuse(notFound)
		}
	case "POST":
		if meta["generateName"] != nil {
			meta["name"] = fmt.Sprint(meta["generateName"], "x7k2p")
		}
		answer(201, object)
	case "DRYRUN":
		if r.Method == "PATCH" && q.Get("fieldManager") == "podhop" && q.Get("fieldValidation") == "Strict" {
			object["defaulted"] = true
			answer(map[bool]int{true: 200, false: 201}[f.objects[r.URL.Path] != nil], object)
		}
	case "PATCH":
		if q.Get("fieldManager") != "podhop" || q.Get("fieldValidation") != "Strict" || q.Get("force") != "true" ||
			r.Header.Get("Content-Type") != "application/apply-patch+yaml" {
			refuse(metav1.Status{Code: 400, Message: "not a server-side apply: " + r.URL.String()})
			return
		}
		if meta["name"] == "warned" {
			w.Header().Add("Warning", `299 - "first warning"`)
			w.Header().Add("Warning", `299 - "second \"warning\""`)
		}
		status := 201
		if old, ok := f.objects[r.URL.Path]; ok {
			status = 200
			old["status"] = "a controller was here"
			old["metadata"].(map[string]any)["resourceVersion"] = "7"
		}
		f.objects[r.URL.Path] = object
		answer(status, object)
	}
}

func newApplier(t *testing.T, api http.Handler, cfg Config) *Applier {
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	cfg.REST = &rest.Config{Host: server.URL}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// tell writes results as short text, a line each answer, error or warning.
func tell(results []model.ApplyResult) string {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%d@%d", r.Document, r.Line)
		if r.Object != nil {
			fmt.Fprintf(&b, " %s %s/%s %s", r.Object.Kind, r.Object.Namespace, r.Object.Name, r.Action)
		}
		if r.Note != "" {
			fmt.Fprintf(&b, " (%s)", r.Note)
		}
		b.WriteString("\n")
		for _, w := range r.Warnings {
			fmt.Fprintf(&b, "  warning: %s\n", w)
		}
		for _, e := range r.Errors {
			fmt.Fprintf(&b, "  %d %s: %s\n", e.Line, e.Field, e.Message)
		}
	}
	return b.String()
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n"

func TestApply(t *testing.T) {
	const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: "three"
  selectors: {}
  template:
    spec:
      containers:
      - name: web
        image: ""
        imag: x
        ports:
        - containerPort: 80
          protocol: TCQ
`
	path := "/apis/apps/v1/namespaces/default/deployments"
	for _, test := range []struct {
		name, paste string
		refuse      map[string]metav1.Status
		want        string
	}{
		{name: "created", paste: configMap, want: "1@1 ConfigMap default/c created\n"},
		{name: "unchanged and configured", paste: configMap + "---\n" + configMap + "---\n" + configMap + "data: {a: b}\n",
			want: "1@1 ConfigMap default/c created\n2@6 ConfigMap default/c unchanged\n3@11 ConfigMap default/c configured\n"},
		{name: "a namespace of its own", paste: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: other}",
			want: "1@1 ConfigMap other/c created\n"},
		{name: "no namespace", paste: "apiVersion: v1\nkind: Namespace\nmetadata: {name: c, namespace: ignored}",
			want: "1@1 Namespace /c created\n"},
		{name: "generateName", paste: "apiVersion: v1\nkind: Pod\nmetadata:\n  generateName: p-\n",
			want: "1@1 Pod default/p-x7k2p created\n"},
		{name: "no name", paste: "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n", want: "1@1\n  3 metadata.name: resource name may not be empty\n"},
		{name: "a review", paste: "apiVersion: authorization.k8s.io/v1\nkind: SelfSubjectAccessReview\nspec: {}",
			want: "1@1 SelfSubjectAccessReview / created\n"},
		{name: "a number where a string must be", paste: configMap + "data:\n  a.b: 3\n",
			refuse: map[string]metav1.Status{"PATCH /api/v1/namespaces/default/configmaps/c": {Code: 500, Message: "failed to create typed patch object (default/c; /v1, Kind=ConfigMap): .data.a.b: expected string, got &value.valueUnstructured{Value:3}"}},
			want:   "1@1\n  6 data.a.b: expected string, got 3\n"},
		{name: "JSON with tabs", paste: "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"c\"}\n}",
			want: "1@1 ConfigMap default/c created\n"},
		{name: "List", paste: "# all\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: a\n- apiVersion: v1\n  kind: Secret\n  metadata:\n    name: b\n",
			want: "1@5 ConfigMap default/a created\n1@9\n  10 kind: no matches for kind \"Secret\" in version \"v1\", ensure CRDs are installed first\n"},
		{name: "warnings", paste: "apiVersion: v1\nkind: Pod\nmetadata: {name: warned}",
			want: "1@1 Pod default/warned created\n  warning: first warning\n  warning: second \"warning\"\n"},
		{name: "the others go on", paste: "a: b: c\n---\n" + configMap + "---\napiVersion: bar/v1\nkind: Foo\nmetadata: {name: x}\n",
			want: "1@1\n  1 : yaml: line 1: mapping values are not allowed in this context\n2@3 ConfigMap default/c created\n" +
				"3@8\n  9 kind: no matches for kind \"Foo\" in version \"bar/v1\", ensure CRDs are installed first\n"},
		{name: "no such version", paste: "apiVersion: v2\nkind: Pod\nmetadata: {name: x}\n---\napiVersion: a/../b\nkind: Pod\nmetadata: {name: x}\n",
			want: "1@1\n  2 kind: no matches for kind \"Pod\" in version \"v2\", ensure CRDs are installed first\n" +
				"2@5\n  6 kind: no matches for kind \"Pod\" in version \"a/../b\", ensure CRDs are installed first\n"},
		{name: "a name that is a path", paste: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a/b\n",
			want: "1@1\n  4 metadata.name: Invalid value: \"a/b\": may not contain '/'\n"},
		{name: "no such namespace", paste: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  namespace: nowhere\n",
			refuse: map[string]metav1.Status{"PATCH /api/v1/namespaces/nowhere/pods/x": {Code: 404, Reason: "NotFound",
				Message: `namespaces "nowhere" not found`, Details: &metav1.StatusDetails{Name: "nowhere", Kind: "namespaces"}}},
			want: "1@1\n  5 metadata.namespace: namespaces \"nowhere\" not found\n"},
		{name: "unknown fields", paste: "# first\n---\n" + deployment,
			refuse: map[string]metav1.Status{
				"PATCH " + path + "/web": {Code: 500, Message: "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): errors:\n" +
					"  .spec.selectors: field not declared in schema\n  .spec.template.spec.containers[name=\"web\"].imag: field not declared in schema"},
				"DRYRUN " + path: {Code: 400, Reason: "BadRequest", Message: `Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ` +
					`unknown field "spec.selectors", unknown field "spec.template.spec.containers[0].imag"`}},
			want: "1@3\n  9 spec.selectors: strict decoding error: unknown field \"spec.selectors\"\n" +
				"  15 spec.template.spec.containers[0].imag: strict decoding error: unknown field \"spec.template.spec.containers[0].imag\"\n"},
		{name: "unknown fields of a kind that is only in the schema", paste: deployment,
			refuse: map[string]metav1.Status{
				"PATCH " + path + "/web": {Code: 500, Message: "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.selectors: field not declared in schema"}},
			want: "1@1\n  7 spec.selectors: field not declared in schema\n"},
		{name: "a value of the wrong type", paste: deployment,
			refuse: map[string]metav1.Status{"PATCH " + path + "/web": {Code: 500, Message: "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string"}},
			want:   "1@1\n  6 spec.replicas: expected numeric (int or float), got string\n"},
		{name: "validation", paste: deployment,
			refuse: map[string]metav1.Status{"PATCH " + path + "/web": {Code: 422, Reason: "Invalid", Message: `Deployment.apps "web" is invalid: [...]`,
				Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{
					{Type: "FieldValueRequired", Field: "spec.selector", Message: "Required value"},
					{Type: "FieldValueRequired", Field: "spec.template.spec.containers[0].image", Message: "Required value"},
					{Type: "FieldValueNotSupported", Field: "spec.template.spec.containers[0].ports[0].protocol", Message: `Unsupported value: "TCQ": supported values: "SCTP", "TCP", "UDP"`},
					{Type: "FieldValueInvalid", Field: "<nil>", Message: "Invalid value: everything"},
				}}}},
			want: "1@1\n  5 spec.selector: Required value\n  12 spec.template.spec.containers[0].image: Required value\n" +
				"  16 spec.template.spec.containers[0].ports[0].protocol: Unsupported value: \"TCQ\": supported values: \"SCTP\", \"TCP\", \"UDP\"\n" +
				"  1 : Invalid value: everything\n"},
		{name: "forbidden", paste: "\n" + configMap,
			refuse: map[string]metav1.Status{"PATCH /api/v1/namespaces/default/configmaps/c": {Code: 403, Reason: "Forbidden", Message: `configmaps "c" is forbidden: exceeded quota`}},
			want:   "1@2\n  2 : configmaps \"c\" is forbidden: exceeded quota\n"},
		{name: "the API's own YAML reader", paste: "\n\n" + configMap,
			refuse: map[string]metav1.Status{"PATCH /api/v1/namespaces/default/configmaps/c": {Code: 400, Reason: "BadRequest", Message: "error strict decoding patch: yaml: unmarshal errors:\n  line 2: something it does not like"}},
			want:   "1@3\n  4 : line 4: something it does not like\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newApplier(t, &fakeAPI{objects: map[string]map[string]any{}, refuse: test.refuse}, Config{})
			results, err := a.Apply(t.Context(), []byte(test.paste))
			if err != nil {
				t.Fatal(err)
			}
			if got := tell(results); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	a := newApplier(t, &fakeAPI{objects: map[string]map[string]any{}}, Config{MaxBytes: 2000, MaxDocument: 500, MaxDocuments: 4})
	for _, test := range []struct {
		name, paste string
		err         error
		want        string
	}{
		{"nothing", "", nil, ""},
		{"too many bytes", strings.Repeat("#", 2001), model.ErrTooLarge, ""},
		{"too many documents", strings.Repeat("a: b\n---\n", 5), model.ErrTooLarge, ""},
		{"one too large a document", configMap + "---\na: " + strings.Repeat("b", 500), nil,
			"1@1 ConfigMap default/c created\n2@6\n  6 : too large: a document may have 500 bytes, this one has 503\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			results, err := a.Apply(t.Context(), []byte(test.paste))
			if !errors.Is(err, test.err) || tell(results) != test.want {
				t.Errorf("got %v\n%s", err, tell(results))
			}
		})
	}
}

// A definition and an object of its kind can stand in one paste.
func TestDefinitionThenObject(t *testing.T) {
	api := &fakeAPI{objects: map[string]map[string]any{}, widget: 3}
	results, err := newApplier(t, api, Config{}).Apply(t.Context(), []byte(
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\n---\n"+
			"apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tell(results), "1@1 CustomResourceDefinition /widgets.example.com created\n2@5 Widget default/w created\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What the API serves is asked for once, and again only for what was missing.
func TestResourcesAreKept(t *testing.T) {
	api := &fakeAPI{objects: map[string]map[string]any{}}
	a := newApplier(t, api, Config{})
	for range 3 {
		if _, err := a.Apply(t.Context(), []byte(configMap)); err != nil {
			t.Fatal(err)
		}
	}
	want := "GET /api/v1, GET /api/v1/namespaces/default/configmaps/c, PATCH /api/v1/namespaces/default/configmaps/c"
	if got := strings.Join(api.asked[:3], ", "); got != want || len(api.asked) != 7 {
		t.Errorf("asked %d times: %s", len(api.asked), got)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := newApplier(t, api, Config{}).Apply(ctx, []byte(configMap)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	a, err := New(Config{REST: &rest.Config{Host: "http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	results, err := a.Apply(t.Context(), []byte(configMap))
	if err != nil || len(results) != 1 || !strings.Contains(tell(results), "refused") {
		t.Errorf("got %v %s", err, tell(results))
	}
}
