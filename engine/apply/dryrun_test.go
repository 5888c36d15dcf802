package apply

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/model"
)

func TestDryRun(t *testing.T) {
	const (
		namespace  = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n---\n"
		inShop     = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: shop\n"
		definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  names: {kind: Widget}\n---\n"
		widget     = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 3}\n"
		pod        = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  serviceAccountName: robot\n"
	)
	noNamespace := metav1.Status{Code: 404, Reason: "NotFound", Message: `namespaces "shop" not found`, Details: &metav1.StatusDetails{Name: "shop", Kind: "namespaces"}}
	for _, test := range []struct {
		name, paste string
		objects     []string
		refuse      map[string]metav1.Status
		widget      int // how often its kind is unknown
		want        string
	}{
		{name: "created and configured", paste: configMap + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\n", objects: []string{"/api/v1/namespaces/default/pods/p"},
			want: "1@1 ConfigMap default/c created\n2@6 Pod default/p configured\n"},
		{name: "a namespace of the same text", paste: namespace + inShop,
			refuse: map[string]metav1.Status{"DRYRUN /api/v1/namespaces/shop/configmaps/c": noNamespace},
			want:   "1@1 Namespace /shop created\n2@6 ConfigMap shop/c unchecked (will be checked when it is applied: document 1 makes Namespace shop)\n"},
		{name: "wrong, in a namespace of the same text", paste: namespace + inShop + "data: x\n",
			refuse: map[string]metav1.Status{"DRYRUN /api/v1/namespaces/shop/configmaps/c": noNamespace,
				"DRYRUN /api/v1/namespaces/default/configmaps/c": {Code: 422, Reason: "Invalid", Message: "is invalid", Details: &metav1.StatusDetails{
					Causes: []metav1.StatusCause{{Field: "data", Message: "Invalid value"}}}}},
			want: "1@1 Namespace /shop created\n2@6 (will be checked when it is applied: document 1 makes Namespace shop)\n  11 data: Invalid value\n"},
		{name: "what would be refused in the other namespace alone", paste: namespace + inShop,
			refuse: map[string]metav1.Status{"DRYRUN /api/v1/namespaces/shop/configmaps/c": noNamespace,
				"DRYRUN /api/v1/namespaces/default/configmaps/c": {Code: 403, Reason: "Forbidden", Message: "exceeded quota"}},
			want: "1@1 Namespace /shop created\n2@6 ConfigMap shop/c unchecked (will be checked when it is applied: document 1 makes Namespace shop)\n"},
		{name: "a namespace that comes later", paste: inShop + "---\n" + namespace,
			refuse: map[string]metav1.Status{"DRYRUN /api/v1/namespaces/shop/configmaps/c": noNamespace},
			want:   "1@1\n  5 metadata.namespace: namespaces \"shop\" not found\n2@7 Namespace /shop created\n"},
		{name: "a definition of the same text", paste: definition + widget, widget: 99,
			want: "1@1 CustomResourceDefinition /widgets.example.com created\n2@8 Widget /w unchecked (will be checked when it is applied: document 1 makes CustomResourceDefinition widgets.example.com)\n"},
		{name: "a definition that changes in the same text", paste: definition + widget,
			refuse: map[string]metav1.Status{"DRYRUN /apis/example.com/v1/namespaces/default/widgets/w": {Code: 500, Message: "failed to create typed patch object (default/w; example.com/v1, Kind=Widget): .spec.size: field not declared in schema"}},
			want:   "1@1 CustomResourceDefinition /widgets.example.com created\n2@8 Widget default/w unchecked (will be checked when it is applied: document 1 makes CustomResourceDefinition widgets.example.com)\n"},
		{name: "no definition", paste: widget, widget: 99,
			want: "1@1\n  2 kind: no matches for kind \"Widget\" in version \"example.com/v1\", ensure CRDs are installed first\n"},
		{name: "an account that is not there", paste: pod,
			refuse: map[string]metav1.Status{"DRYRUN /api/v1/namespaces/default/pods/p": {Code: 403, Reason: "Forbidden", Message: `pods "p" is forbidden: error looking up service account default/robot: serviceaccount "robot" not found`}},
			want:   "1@1\n  1 : pods \"p\" is forbidden: error looking up service account default/robot: serviceaccount \"robot\" not found\n"},
		{name: "a webhook that cannot be asked", paste: pod,
			refuse: map[string]metav1.Status{"DRYRUN /api/v1/namespaces/default/pods/p": {Code: 400, Reason: "BadRequest", Message: `admission webhook "x.example.com" does not support dry run`}},
			want:   "1@1 Pod default/p unchecked (will be checked when it is applied: admission webhook \"x.example.com\" does not support dry run)\n"},
		{name: "what cannot be read", paste: "a: b: c\n---\n" + configMap,
			want: "1@1\n  1 : yaml: line 1: mapping values are not allowed in this context\n2@3 ConfigMap default/c created\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := &fakeAPI{objects: map[string]map[string]any{}, refuse: test.refuse, widget: test.widget}
			for _, path := range test.objects {
				api.objects[path] = map[string]any{"metadata": map[string]any{}}
			}
			results, err := newApplier(t, api, Config{}).DryRun(t.Context(), []byte(test.paste), false)
			if err != nil {
				t.Fatal(err)
			}
			if got := tell(results); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			if len(api.objects) != len(test.objects) || slices.ContainsFunc(api.asked, func(s string) bool { return strings.HasPrefix(s, "P") }) {
				t.Errorf("something was written: %q", api.asked)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	api := &fakeAPI{objects: map[string]map[string]any{"/api/v1/namespaces/default/configmaps/c": {
		"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"a": "1"}, "status": "something",
		"metadata": map[string]any{"name": "c", "uid": "4711", "resourceVersion": "7", "managedFields": []any{}}}}}
	results, err := newApplier(t, api, Config{}).DryRun(t.Context(), []byte(configMap+"data: {a: \"2\"}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: x}\n"), true)
	if err != nil || len(results) != 2 {
		t.Fatal(err, results)
	}
	if want := "apiVersion: v1\ndata:\n  a: \"1\"\nkind: ConfigMap\nmetadata:\n  name: c\n"; results[0].Before != want {
		t.Errorf("before:\n%s", results[0].Before)
	}
	if want := "apiVersion: v1\ndata:\n  a: \"2\"\ndefaulted: true\nkind: ConfigMap\nmetadata:\n  name: c\n"; results[0].After != want {
		t.Errorf("after:\n%s", results[0].After)
	}
	if results[1].Before != "" || !strings.Contains(results[1].After, "name: p\n") {
		t.Errorf("of what is not there: %q, %q", results[1].Before, results[1].After)
	}
}

func TestWarnedAt(t *testing.T) {
	const text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    env:\n    - name: X\n    - name: X\n"
	all, errs := read(Split([]byte("---\n" + text))[0])
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for warning, want := range map[string]int{
		`spec.containers[0].env[1]: hides previous definition of "X", which may be unexpected`: 10,
		`metadata.name: this is used in Pod names and hostnames`:                               4,
		`v1 Pod is deprecated in v1.99+, unavailable in v2`:                                    2,
		`would violate PodSecurity "restricted:latest": runAsNonRoot != true`:                  2,
	} {
		if got := all[0].warned(warning); got != want {
			t.Errorf("%s: line %d, want %d", warning, got, want)
		}
	}
}

// One dry run is made at a time, few wait, and who gives up waiting does not keep its place.
func TestDryRunsTakeTurns(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	a := newApplier(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-goOn
		http.NotFound(w, r)
	}), Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1+waiting)
	try := func(ctx context.Context) {
		_, err := a.DryRun(ctx, []byte(configMap), false)
		ended <- err
	}
	go try(t.Context())
	<-began
	for range waiting {
		go try(ctx)
	}
	for len(a.queue) < cap(a.queue) { // those that were just started
		runtime.Gosched()
	}
	if _, err := a.DryRun(t.Context(), []byte(configMap), false); !errors.Is(err, model.ErrConflict) {
		t.Errorf("one too many: %v", err)
	}
	cancel()
	for range waiting {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("one that gave up: %v", err)
		}
	}
	close(goOn)
	if err := <-ended; err != nil {
		t.Errorf("the first: %v", err)
	}
	if len(a.queue)+len(a.turn) > 0 {
		t.Errorf("%d are still in the queue", len(a.queue))
	}
}
