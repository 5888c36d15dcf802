package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/podhop/podhop/engine/model"
)

// newClient returns a client that knows no types but Status: objects pass
// through it as they are.
func newClient(cfg *rest.Config) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	cfg = rest.CopyConfig(cfg)
	cfg.GroupVersion = &schema.GroupVersion{}
	cfg.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	cfg.ContentType, cfg.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	cfg.WarningHandler = rest.NoWarnings{} // they are taken from each answer
	cfg.QPS = -1                           // the API itself decides what is too much
	cfg.UserAgent = "podhop"
	return rest.RESTClientFor(cfg)
}

// A said is the API's answer to an object.
type said struct {
	object   model.Object
	action   string
	warnings []string
	before   map[string]any // the object as it was; nil if there was none
	after    map[string]any // the object as it is, or as it would be
}

// send has the API take m, or only try it, and says what became of it.
func (a *Applier) send(ctx context.Context, m *manifest, wait, dry bool) (s said, err error) {
	r, err := a.resources.find(ctx, m.apiVersion, m.kind, wait)
	if err != nil {
		return s, err
	}
	// What a name is given to, and reviews, which are kept nowhere, can only be created.
	create := !slices.Contains(r.Verbs, "patch") || m.generateName != "" && m.name == ""
	if m.name == "" && !create {
		return s, &fieldError{"metadata.name", "resource name may not be empty"}
	}
	if problems := rest.IsValidPathSegmentName(m.name); len(problems) > 0 {
		return s, &fieldError{"metadata.name", fmt.Sprintf("Invalid value: %q: %s", m.name, problems[0])}
	}
	namespace := ""
	if r.Namespaced {
		namespace = a.namespace(m)
	}
	var request *rest.Request
	if create {
		request = a.client.Post().AbsPath(r.path(m.apiVersion, namespace, "")...).
			SetHeader("Content-Type", runtime.ContentTypeYAML)
	} else {
		path := r.path(m.apiVersion, namespace, m.name)
		if s.before, err = a.get(ctx, path); err != nil {
			return s, err
		}
		// Force, because a paste means what kubectl apply (without --server-side)
		// means: what it says is so now, even where kubectl scale said otherwise
		// since. A learner has nobody else to conflict with.
		request = a.client.Verb("PATCH").AbsPath(path...).
			SetHeader("Content-Type", string(types.ApplyYAMLPatchType)).Param("force", "true")
	}
	if dry {
		request.Param("dryRun", metav1.DryRunAll)
	}
	var status int
	response := request.Param("fieldManager", a.cfg.FieldManager).Param("fieldValidation", metav1.FieldValidationStrict).
		Body(m.bytes).Do(ctx).StatusCode(&status)
	for _, w := range response.Warnings() {
		s.warnings = append(s.warnings, w.Text)
	}
	if s.after, err = decode(response); err != nil {
		return s, err
	}
	meta, _ := s.after["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	s.object = model.Object{Kind: m.kind, Namespace: namespace, Name: name}
	s.action = "configured"
	switch {
	case status == 201 || create:
		s.action = "created"
	case s.before != nil && same(s.before, s.after):
		s.action = "unchanged"
	}
	return s, nil
}

// get returns nil without error if there is no such object.
func (a *Applier) get(ctx context.Context, path []string) (map[string]any, error) {
	object, err := decode(a.client.Get().AbsPath(path...).Do(ctx))
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return object, err
}

func decode(response rest.Result) (map[string]any, error) {
	if err := response.Error(); err != nil {
		return nil, err
	}
	body, err := response.Raw()
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, fmt.Errorf("the API answered what cannot be read: %w", err)
	}
	return object, nil
}

// same compares what the paste can have changed. Resource versions cannot say
// it: controllers write their status between the two looks.
func same(before, after map[string]any) bool {
	for _, object := range []map[string]any{before, after} {
		delete(object, "status")
		if meta, ok := object["metadata"].(map[string]any); ok {
			delete(meta, "resourceVersion")
			delete(meta, "generation")
			delete(meta, "managedFields")
		}
	}
	return reflect.DeepEqual(before, after)
}

// strictly asks the API for its strict decoder's opinion of m, without effect.
// It returns nil if that is silent.
func (a *Applier) strictly(ctx context.Context, m *manifest) error {
	r, err := a.resources.find(ctx, m.apiVersion, m.kind, false)
	if err != nil {
		return nil
	}
	namespace := ""
	if r.Namespaced {
		namespace = a.namespace(m)
	}
	err = a.client.Post().AbsPath(r.path(m.apiVersion, namespace, "")...).
		SetHeader("Content-Type", runtime.ContentTypeYAML).
		Param("dryRun", metav1.DryRunAll).Param("fieldManager", a.cfg.FieldManager).
		Param("fieldValidation", metav1.FieldValidationStrict).
		Body(m.bytes).Do(ctx).Error()
	if err != nil && strictError.MatchString(err.Error()) {
		return err
	}
	return nil
}

// A fieldError is our own finding about a field.
type fieldError struct{ field, message string }

func (e *fieldError) Error() string { return e.field + ": " + e.message }

var _ error = (*fieldError)(nil)

// errNoMatch is in kubectl's words.
type errNoMatch struct{ apiVersion, kind string }

func (e *errNoMatch) Error() string {
	return fmt.Sprintf("no matches for kind %q in version %q, ensure CRDs are installed first", e.kind, e.apiVersion)
}

func asType[T error](err error) (T, bool) {
	var target T
	return target, errors.As(err, &target)
}
