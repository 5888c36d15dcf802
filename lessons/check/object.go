package check

import (
	"context"
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// An Object is a condition on what the API has: of one object, as `object`, where
// Name is set; else of all of the kind, as `objects`.
type Object struct {
	APIVersion string `yaml:"apiVersion"` // v1 if empty
	Kind       string `yaml:"kind"`
	Namespace  string `yaml:"namespace"` // default if empty; of objects without Name, * is all
	Name       string `yaml:"name"`
	Selector   string `yaml:"selector"` // of labels, as kubectl's --selector
	// That must be true.
	That string `yaml:"that"`
	// Saw says, where That is false, what is so instead.
	Saw string `yaml:"saw"`
}

func (o *Object) compile(e *Environment) (look, []FieldError) {
	var errs []FieldError
	if o.Kind == "" {
		errs = append(errs, FieldError{[]any{"kind"}, "must be set"})
	}
	if o.Name != "" && o.Selector != "" {
		errs = append(errs, FieldError{[]any{"selector"}, "cannot be set beside name"})
	}
	variable := "objects"
	if o.Name != "" {
		variable = "object"
	}
	condition, wrong := e.compile(variable, o.That, o.Saw)
	if errs = append(errs, wrong...); len(errs) > 0 {
		return nil, errs
	}
	query := model.ObjectQuery{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Selector: o.Selector}
	if query.APIVersion == "" {
		query.APIVersion = "v1"
	}
	if query.Namespace == "" {
		query.Namespace = "default"
	}
	if query.Namespace == "*" {
		query.Namespace = ""
	}
	return func(ctx context.Context, c Cluster, _ time.Time) (string, error) {
		objects, err := c.Objects(ctx, query)
		if err != nil {
			return "", err
		}
		if o.Name == "" {
			list := make([]any, len(objects))
			for i, each := range objects {
				list[i] = each
			}
			return condition.holds(ctx, list)
		}
		if len(objects) == 0 {
			return missing(query), errNot
		}
		return condition.holds(ctx, objects[0])
	}, nil
}

func missing(q model.ObjectQuery) string {
	return fmt.Sprintf("There is no %s %s in namespace %s.", q.Kind, q.Name, q.Namespace)
}
