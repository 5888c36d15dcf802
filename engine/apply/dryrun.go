package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/podhop/podhop/engine/model"
)

// waiting is how many dry runs may wait for the one that is going on.
const waiting = 4

// DryRun asks the API what Apply would do with a paste, and changes nothing. Answers
// and errors are as Apply's, and model.ErrConflict where too many wait already: a
// session's dry runs are made one at a time.
//
// A document that cannot be tried because it needs what an earlier one makes has the
// action "unchecked" and a note instead of an error. With compare, each answer has the
// object as it is and as it would be.
func (a *Applier) DryRun(ctx context.Context, paste []byte, compare bool) ([]model.ApplyResult, error) {
	select {
	case a.queue <- struct{}{}:
		defer func() { <-a.queue }()
	default:
		return nil, fmt.Errorf("%w: other dry runs of this session are going on", model.ErrConflict)
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var earlier []*manifest
	return a.each(ctx, paste, func(m *manifest) model.ApplyResult {
		result := a.try(ctx, m, earlier, compare)
		if len(result.Errors) == 0 {
			earlier = append(earlier, m)
		}
		return result
	})
}

// try is one by dry run.
func (a *Applier) try(ctx context.Context, m *manifest, earlier []*manifest, compare bool) model.ApplyResult {
	result := model.ApplyResult{Document: m.document, Line: m.offset + m.tree.Line}
	said, err := a.send(ctx, m, false, true)
	namespace := ""
	if needed := needs(m, err, earlier); needed != nil {
		result.Note = fmt.Sprintf("will be checked when it is applied: document %d makes %s %s", needed.document, needed.kind, needed.name)
		if said.object, err = a.placeOf(ctx, m), nil; needed.kind == "Namespace" {
			namespace = m.namespace
			said, err = a.elsewhere(ctx, m, said)
		}
		said.action = "unchecked"
	} else if err != nil && strings.Contains(err.Error(), "does not support dry run") {
		result.Note = "will be checked when it is applied: " + err.Error() // a webhook with side effects
		said.object, said.action, err = a.placeOf(ctx, m), "unchecked", nil
	}
	for _, w := range said.warnings {
		result.Warnings, result.WarnedAt = append(result.Warnings, w), append(result.WarnedAt, m.warned(w))
	}
	if err != nil {
		result.Errors = a.explain(ctx, m, err)
		return result
	}
	result.Object, result.Action = &said.object, said.action
	if compare {
		result.Before, result.After = manifestOf(said.before, ""), manifestOf(said.after, namespace)
	}
	return result
}

// needs returns the earlier document without which m cannot be tried, if err is about that.
func needs(m *manifest, err error, earlier []*manifest) *manifest {
	if err == nil {
		return nil
	}
	for _, e := range slices.Backward(earlier) {
		if e.defines(m) {
			return e
		}
		var status apierrors.APIStatus
		if !errors.As(err, &status) || e.name == "" {
			continue
		}
		if reason := status.Status().Reason; reason != metav1.StatusReasonNotFound && reason != metav1.StatusReasonForbidden {
			continue
		}
		// Upstream's words: `namespaces "x" not found`, `error looking up service account default/x:
		// serviceaccount "x" not found`, `no PriorityClass with name x was found`.
		message := status.Status().Message
		if strings.Contains(strings.ToLower(message), strings.ToLower(e.kind)) &&
			(strings.Contains(message, fmt.Sprintf("%q not found", e.name)) || strings.Contains(message, "with name "+e.name+" was found")) {
			return e
		}
	}
	return nil
}

// defines says whether m is a definition of the kind of other.
func (m *manifest) defines(other *manifest) bool {
	if m.kind != "CustomResourceDefinition" {
		return false
	}
	spec := value(m.tree, "spec")
	group, _, _ := strings.Cut(other.apiVersion, "/")
	return text(spec, "group") == group && text(value(spec, "names"), "kind") == other.kind
}

// placeOf is which object m is about, as far as that is known before it can be tried.
func (a *Applier) placeOf(ctx context.Context, m *manifest) model.Object {
	object := model.Object{Kind: m.kind, Name: m.name, Namespace: m.namespace}
	if r, err := a.resources.find(ctx, m.apiVersion, m.kind, false); err == nil && r.Namespaced {
		object.Namespace = a.namespace(m)
	} else if err == nil {
		object.Namespace = ""
	}
	return object
}

// elsewhere tries m, whose namespace is not there yet, in another one that has no
// object of its name. Only what the API says of the fields counts.
func (a *Applier) elsewhere(ctx context.Context, m *manifest, none said) (said, error) {
	var object map[string]any
	if sigsyaml.Unmarshal(m.bytes, &object) != nil {
		return none, nil
	}
	meta, _ := object["metadata"].(map[string]any)
	if meta == nil || m.namespace == "" {
		return none, nil
	}
	meta["namespace"] = a.cfg.Namespace
	body, err := json.Marshal(object)
	if err != nil {
		return none, nil
	}
	moved := *m
	moved.namespace, moved.bytes = a.cfg.Namespace, body
	got, err := a.send(ctx, &moved, false, true)
	if apierrors.IsInvalid(err) && got.before == nil {
		return got, err
	}
	if err != nil || got.before != nil {
		return none, nil
	}
	got.object.Namespace = m.namespace
	return got, nil
}

// fieldOf is the field that a warning begins with.
var fieldOf = regexp.MustCompile(`^([a-z][\w.\-]*(?:\[[^\]]*\][\w.\-]*)*): `)

// warned is the line that a warning is about.
func (m *manifest) warned(warning string) int {
	if match := fieldOf.FindStringSubmatch(warning); match != nil {
		return m.line(match[1])
	}
	// k8s.io/apiserver/pkg/endpoints/deprecation: "policy/v1beta1 X is deprecated in v1.21+, ..."
	if strings.HasPrefix(warning, m.apiVersion+" "+m.kind+" is deprecated") {
		return m.line("apiVersion")
	}
	return m.line("")
}

// manifestOf writes an object as somebody would who wrote it: without its status and
// what the API notes in its metadata. A namespace replaces the object's own.
func manifestOf(object map[string]any, namespace string) string {
	if object == nil {
		return ""
	}
	delete(object, "status")
	if meta, ok := object["metadata"].(map[string]any); ok {
		for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"} {
			delete(meta, field)
		}
		if namespace != "" {
			meta["namespace"] = namespace
		}
	}
	text, err := sigsyaml.Marshal(object)
	if err != nil {
		return ""
	}
	return string(text)
}
