package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// resources knows what the API calls the kinds that were pasted. It asks for one
// group and version at a time, when a paste first needs it: one small answer
// instead of the whole of discovery.
type resources struct {
	client rest.Interface

	mu    sync.Mutex
	known map[string]map[string]resource // by apiVersion, then kind
}

type resource struct{ metav1.APIResource }

// path is where the API keeps the objects, or the one named.
func (r resource) path(apiVersion, namespace, name string) []string {
	path := []string{"/apis", apiVersion}
	if apiVersion == "v1" {
		path[0] = "/api"
	}
	if namespace != "" {
		path = append(path, "namespaces", namespace)
	}
	path = append(path, r.Name)
	if name != "" {
		path = append(path, name)
	}
	return path
}

// A definition that was just made is waited for: each established, as kubectl
// wait would say, well below a second.
const (
	establishWithin = 3 * time.Second
	establishEvery  = 20 * time.Millisecond
)

// find returns what the API calls a kind. If wait is set, one that it does not
// serve yet is given a moment to appear.
func (r *resources) find(ctx context.Context, apiVersion, kind string, wait bool) (resource, error) {
	r.mu.Lock()
	found, ok := r.known[apiVersion][kind]
	r.mu.Unlock()
	if ok {
		return found, nil
	}
	deadline := time.Now().Add(establishWithin)
	for {
		kinds, err := r.ask(ctx, apiVersion)
		if err != nil {
			return resource{}, err
		}
		if found, ok := kinds[kind]; ok {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.known == nil {
				r.known = map[string]map[string]resource{}
			}
			r.known[apiVersion] = kinds
			return found, nil
		}
		if !wait || time.Now().After(deadline) {
			return resource{}, &errNoMatch{apiVersion, kind}
		}
		select {
		case <-ctx.Done():
			return resource{}, ctx.Err()
		case <-time.After(establishEvery):
		}
	}
}

// ask returns the kinds of one group and version, none if there is no such.
func (r *resources) ask(ctx context.Context, apiVersion string) (map[string]resource, error) {
	root, parts := "/apis", strings.Split(apiVersion, "/")
	if apiVersion == "v1" {
		root = "/api"
	} else if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return nil, nil // "v2", "a/b/c": there can be none
	}
	for _, part := range parts {
		if len(rest.IsValidPathSegmentName(part)) > 0 {
			return nil, nil
		}
	}
	body, err := r.client.Get().AbsPath(root, apiVersion).Do(ctx).Raw()
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("the API's list of %s cannot be read: %w", apiVersion, err)
	}
	kinds := map[string]resource{}
	for _, one := range list.APIResources {
		if _, taken := kinds[one.Kind]; !taken && !strings.Contains(one.Name, "/") {
			kinds[one.Kind] = resource{one}
		}
	}
	return kinds, nil
}
