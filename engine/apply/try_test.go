package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podhop/podhop/engine/model"
)

// Documents of the kind are answered as a paste of them would be, and nothing is kept.
func TestTry(t *testing.T) {
	const policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: NAME}\nspec: {}\n---\n"
	paste := strings.ReplaceAll(policy, "NAME", "old") + strings.ReplaceAll(policy, "NAME", "new") + strings.ReplaceAll(policy, "NAME", "bad") +
		configMap + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n---\na: b: c\n"
	path := "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
	api := &fakeAPI{objects: map[string]map[string]any{path + "/old": {"metadata": map[string]any{}}}, refuse: map[string]metav1.Status{
		"DRYRUN " + path + "/bad": {Code: 422, Reason: "Invalid", Message: "is invalid", Details: &metav1.StatusDetails{
			Causes: []metav1.StatusCause{{Message: `Unsupported value: "Out"`, Field: "spec.policyTypes[0]"}}}},
	}}
	a := newApplier(t, api, Config{})
	kind := schema.GroupKind{Group: "networking.k8s.io", Kind: "NetworkPolicy"}
	results, objects, err := a.Try(t.Context(), []byte(paste), kind)
	if err != nil {
		t.Fatal(err)
	}
	want := "1@1 NetworkPolicy default/old configured\n2@6 NetworkPolicy default/new created\n" +
		"3@11\n  14 spec.policyTypes[0]: Unsupported value: \"Out\"\n4@16 ConfigMap default/c ignored\n" +
		"5@21\n  22 kind: no matches for kind \"Secret\" in version \"v1\", ensure CRDs are installed first\n" +
		"6@25\n  25 : yaml: line 25: mapping values are not allowed in this context\n"
	if got := tell(results); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if len(objects) != 2 || !strings.Contains(string(objects[0]), `"old"`) || !strings.Contains(string(objects[1]), `"defaulted":true`) {
		t.Errorf("%s", objects)
	}
	if len(api.objects) != 1 || slices.ContainsFunc(api.asked, func(s string) bool { return strings.HasPrefix(s, "P") }) {
		t.Errorf("something was written: %q", api.asked)
	}
	if _, _, err := newApplier(t, api, Config{MaxBytes: 10}).Try(t.Context(), []byte(paste), kind); !errors.Is(err, model.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := a.Try(ctx, []byte(paste), kind); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
