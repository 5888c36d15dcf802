package apply

import (
	"context"
	"fmt"

	"github.com/podhop/podhop/engine/model"
)

// most is how many objects one question is answered with.
const most = 500

// Objects are what the API has of a kind, as JSON has them: at most 500. None is no
// error, nor is a kind that is not served (yet).
func (a *Applier) Objects(ctx context.Context, q model.ObjectQuery) ([]map[string]any, error) {
	r, err := a.resources.find(ctx, q.APIVersion, q.Kind, false)
	if _, none := asType[*errNoMatch](err); none {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	namespace := ""
	if r.Namespaced {
		namespace = q.Namespace
	}
	if q.Name != "" {
		object, err := a.get(ctx, r.path(q.APIVersion, namespace, q.Name))
		if object == nil || err != nil {
			return nil, err
		}
		return []map[string]any{object}, nil
	}
	request := a.client.Get().AbsPath(r.path(q.APIVersion, namespace, "")...).Param("limit", fmt.Sprint(most))
	if q.Selector != "" {
		request = request.Param("labelSelector", q.Selector)
	}
	list, err := decode(request.Do(ctx))
	if err != nil {
		return nil, err
	}
	items, _ := list["items"].([]any)
	objects := make([]map[string]any, 0, len(items))
	for _, each := range items {
		if object, ok := each.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects, nil
}
