package api

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/podhop/podhop/engine/api/store"
)

// Restored is a session as it was when its server ended; or as another is, if it is a fork.
type Restored struct {
	State    store.State
	Identity Identity
	// Fork has the session be another than the one that the state is of, with an identity of
	// its own in the place of Identity. Values of Secrets are left out unless Secrets says so.
	Fork, Secrets bool
}

// revisionsLost is more than the writes that a server acknowledges between two syncs of a
// journal: clients may know revisions that the power took, and none is given twice.
const revisionsLost = 100_000

// tenant makes the objects that a session begins with.
func (s *Server) tenant(ctx context.Context, o Options) (*store.Tenant, error) {
	if o.Restored == nil {
		gold, err := s.goldenWith(ctx, o.Nodes, o.DualStack)
		if err != nil {
			return nil, fmt.Errorf("golden tenant: %w", err)
		}
		return gold.Clone(), nil
	}
	state := o.Restored.State
	state.Revision += revisionsLost
	return store.Restore(state), nil
}

var (
	definitions = schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}
	apiServices = schema.GroupResource{Group: "apiregistration.k8s.io", Resource: "apiservices"}
)

// resume starts the servers that the session had for itself.
func (s *Session) resume(ctx context.Context) error {
	if s.tenant.Written(definitions) {
		served, err := s.customServer()
		if err != nil {
			return err
		}
		served.settle(ctx)
	}
	if !s.tenant.Written(apiServices) {
		return nil
	}
	c, err := clientset.NewForConfig(s.client)
	if err != nil {
		return err
	}
	all, err := c.ApiregistrationV1().APIServices().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, one := range all.Items {
		if one.Spec.Service != nil {
			served, err := s.aggregated.start(s.newAggregator)
			if err == nil {
				served.settle(ctx)
			}
			return err
		}
	}
	return nil
}
