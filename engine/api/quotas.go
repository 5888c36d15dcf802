package api

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// freshQuota is for how long after its creation a ResourceQuota may be uncounted.
const freshQuota = 10 * time.Second

// quotas keeps what is made right after a ResourceQuota from slipping past it.
// Upstream's plugin looks at a quota's status alone, and lets everything through
// until the quota controller has written that. On a real cluster this takes
// milliseconds, and whoever makes pods takes longer. Here a paste makes both at
// once, and the first quota is what the controller starts for.
type quotas struct {
	corelisters.ResourceQuotaLister
}

// wait returns when the plugin can judge a. Where nobody counts, it gives up
// when the quota is not fresh any more, as upstream's does at once.
func (q quotas) wait(ctx context.Context, a admission.Attributes) error {
	if a.GetOperation() != admission.Create || a.GetNamespace() == "" || a.GetSubresource() != "" || uncounted(a.GetResource().GroupResource()) {
		return nil
	}
	for {
		list, err := q.ResourceQuotas(a.GetNamespace()).List(labels.Everything())
		if err != nil {
			return apierrors.NewInternalError(err)
		}
		if !slices.ContainsFunc(list, coming) {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// coming tells of a quota that will be counted at any moment.
func coming(q *corev1.ResourceQuota) bool {
	return len(q.Spec.Hard) > 0 && len(q.Status.Hard) == 0 && time.Since(q.CreationTimestamp.Time) < freshQuota
}

// uncounted are kinds that no quota counts, but that are made all the time, and
// quotas themselves.
func uncounted(r schema.GroupResource) bool {
	return r.Resource == "events" || r.Resource == "resourcequotas" || r.Group == "authorization.k8s.io" || r.Group == "coordination.k8s.io"
}
