package apply

import (
	"context"
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/podhop/podhop/engine/model"
)

// Try asks the API by dry run what Apply would do with the documents of one kind, and
// returns their objects besides, as JSON, as the API would keep them. Of the others it
// asks no more than whether there is such a kind: their action is "ignored". Answers
// and errors are as Apply's.
func (a *Applier) Try(ctx context.Context, paste []byte, kind schema.GroupKind) (results []model.ApplyResult, objects [][]byte, err error) {
	results, err = a.each(ctx, paste, func(m *manifest) model.ApplyResult {
		result := model.ApplyResult{Document: m.document, Line: m.offset + m.tree.Line}
		fail := func(err error) model.ApplyResult {
			result.Errors = a.explain(ctx, m, err)
			return result
		}
		group, _, _ := strings.Cut(m.apiVersion, "/")
		if m.kind != kind.Kind || group != kind.Group {
			r, err := a.resources.find(ctx, m.apiVersion, m.kind, false)
			if err != nil {
				return fail(err)
			}
			result.Action, result.Object = "ignored", &model.Object{Kind: m.kind, Name: m.name}
			if r.Namespaced {
				result.Object.Namespace = a.namespace(m)
			}
			return result
		}
		said, err := a.send(ctx, m, false, true)
		result.Warnings = said.warnings
		if err != nil {
			return fail(err)
		}
		text, err := json.Marshal(said.after)
		if err != nil {
			return fail(err)
		}
		result.Object, result.Action = &said.object, said.action
		objects = append(objects, text)
		return result
	})
	return results, objects, err
}

// namespace is that of an object of a kind that has them.
func (a *Applier) namespace(m *manifest) string {
	if m.namespace != "" {
		return m.namespace
	}
	return a.cfg.Namespace
}
