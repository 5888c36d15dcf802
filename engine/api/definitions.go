package api

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/yaml"
)

// seedDefinitions creates the custom resources that every session begins with, and
// waits until upstream's controllers have established them, so that the golden tenant
// has them as they stay.
func (s *Server) seedDefinitions(ctx context.Context, gold *Session) error {
	if len(s.config.Definitions) == 0 {
		return nil
	}
	start := time.Now()
	served, err := gold.customServer()
	if err != nil {
		return err
	}
	served.settle(ctx) // or clients are told to come again after a second
	c, err := clientset.NewForConfig(gold.client)
	if err != nil {
		return err
	}
	crds := c.ApiextensionsV1().CustomResourceDefinitions()
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, text := range s.config.Definitions {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, crd); err != nil {
			return err
		}
		made, err := crds.Create(ctx, crd, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("%s: %w", crd.Name, err)
		}
		all = append(all, made)
	}
	for _, crd := range all {
		if err := serves(ctx, crds, crd); err != nil {
			return fmt.Errorf("%s: %w", crd.Name, err)
		}
	}
	s.lap("definitions", &start)
	return gold.seedCustom(ctx, s.config.Custom)
}

// servedVersions are what definitions, in YAML, serve.
func servedVersions(definitions [][]byte) (all []schema.GroupVersion, err error) {
	for _, text := range definitions {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, crd); err != nil {
			return nil, err
		}
		for _, v := range crd.Spec.Versions {
			if v.Served {
				all = append(all, schema.GroupVersion{Group: crd.Spec.Group, Version: v.Name})
			}
		}
	}
	return all, nil
}

// A Custom is an object that every session begins with, of a kind of Definitions.
type Custom struct {
	// Path is its collection's: /apis/example.com/v1/widgets.
	Path, Name string
	Body       []byte
}

// seedCustom creates objects, and gives them the status that their bodies have. A
// definition is served a moment after it is established: until then it is not found.
// They are applied, for upstream has the first creations of a kind wait for 2 s.
func (s *Session) seedCustom(ctx context.Context, objects []Custom) error {
	c, err := clientset.NewForConfig(s.client)
	if err != nil {
		return err
	}
	rest := c.ApiextensionsV1().RESTClient()
	for _, o := range objects {
		err := wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
			err := rest.Patch(types.ApplyPatchType).MaxRetries(0).AbsPath(o.Path, o.Name).Param("fieldManager", "podhop").Body(o.Body).Do(ctx).Error()
			if apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) {
				return false, nil // the client would come again after a second
			}
			return true, err
		})
		if err == nil {
			err = rest.Patch(types.MergePatchType).AbsPath(o.Path, o.Name, "status").Body(o.Body).Do(ctx).Error()
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", o.Path, o.Name, err)
		}
	}
	return nil
}

type watcher interface {
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

// serves waits until a definition is served.
func serves(ctx context.Context, crds watcher, crd *apiextensionsv1.CustomResourceDefinition) error {
	w, err := crds.Watch(ctx, metav1.ListOptions{ResourceVersion: crd.ResourceVersion, FieldSelector: "metadata.name=" + crd.Name})
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case e, ok := <-w.ResultChan():
			if !ok {
				return context.Cause(ctx)
			}
			if crd, ok := e.Object.(*apiextensionsv1.CustomResourceDefinition); ok && apihelpers.IsCRDConditionTrue(crd, apiextensionsv1.Established) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
