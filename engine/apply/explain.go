package apply

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/model"
)

var (
	// k8s.io/apimachinery/pkg/runtime: the strict decoder's list
	strictError = regexp.MustCompile(`strict decoding error: (.*)`)
	strictItem  = regexp.MustCompile(`(?:unknown|duplicate) field "((?:[^"\\]|\\.)*)"`)
	// sigs.k8s.io/structured-merge-diff/v6/typed: ValidationErrors
	schemaError = regexp.MustCompile(`failed to create typed patch object \([^)]*\): (?s:(.*))`)
	schemaItem  = regexp.MustCompile(`^\s*(\.\S.*?): (.+)$`)
	schemaValue = regexp.MustCompile(`&value\.valueUnstructured\{Value:(.*)\}`)
	yamlLine    = regexp.MustCompile(`yaml: (?:unmarshal errors:\s*)?line (\d+): (.*)`)
)

// explain turns the API's error into one entry per field that it names, each with
// its line. The words stay the API's own.
func (a *Applier) explain(ctx context.Context, m *manifest, err error) []model.ApplyError {
	if own, ok := asType[*fieldError](err); ok {
		return []model.ApplyError{{Line: m.line(own.field), Field: own.field, Message: own.message}}
	}
	if none, ok := asType[*errNoMatch](err); ok {
		return []model.ApplyError{{Line: m.line("kind"), Field: "kind", Message: none.Error()}}
	}
	if match := schemaError.FindStringSubmatch(err.Error()); match != nil {
		// Server-side apply checks the schema before the strict decoder is asked,
		// and stops at what it met first. Where fields are unknown, the decoder
		// lists them all, in the words that learners find elsewhere.
		if strings.Contains(match[1], "field not declared in schema") {
			if strict := a.strictly(ctx, m); strict != nil {
				return m.strict(strict.Error())
			}
		}
		return m.schema(match[1])
	}
	if strictError.MatchString(err.Error()) {
		return m.strict(err.Error())
	}
	if match := yamlLine.FindStringSubmatch(err.Error()); match != nil {
		line, _ := strconv.Atoi(match[1])
		line += m.offset
		return []model.ApplyError{{Line: line, Message: fmt.Sprintf("line %d: %s", line, match[2])}}
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return m.status(status.Status())
	}
	a.cfg.Log.WarnContext(ctx, "the API could not be asked to apply", "kind", m.kind, "name", m.name, "err", err)
	return []model.ApplyError{{Line: m.line(""), Message: err.Error()}}
}

func (m *manifest) strict(message string) []model.ApplyError {
	var errs []model.ApplyError
	list := strictError.FindStringSubmatch(message)[1]
	for _, item := range strictItem.FindAllStringSubmatch(list, -1) {
		errs = append(errs, model.ApplyError{Line: m.line(item[1]), Field: item[1], Message: "strict decoding error: " + item[0]})
	}
	if len(errs) == 0 {
		errs = append(errs, model.ApplyError{Line: m.line(""), Message: message})
	}
	return errs
}

func (m *manifest) schema(list string) []model.ApplyError {
	var errs []model.ApplyError
	for line := range strings.Lines(strings.TrimPrefix(list, "errors:\n")) {
		line = strings.TrimSpace(line)
		if item := schemaItem.FindStringSubmatch(line); item != nil {
			errs = append(errs, model.ApplyError{Line: m.line(item[1]), Field: strings.TrimPrefix(item[1], "."),
				Message: schemaValue.ReplaceAllString(item[2], "$1")}) // upstream prints its own type there
		} else if line != "" {
			errs = append(errs, model.ApplyError{Line: m.line(""), Message: line})
		}
	}
	return errs
}

func (m *manifest) status(status metav1.Status) []model.ApplyError {
	var errs []model.ApplyError
	if status.Details != nil && status.Reason == metav1.StatusReasonInvalid {
		for _, cause := range status.Details.Causes {
			field := cause.Field
			if field == "<nil>" {
				field = ""
			}
			errs = append(errs, model.ApplyError{Line: m.line(field), Field: field, Message: cause.Message})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	field := ""
	if status.Reason == metav1.StatusReasonNotFound && status.Details != nil && status.Details.Kind == "namespaces" {
		field = "metadata.namespace"
	}
	return []model.ApplyError{{Line: m.line(field), Field: field, Message: status.Message}}
}
