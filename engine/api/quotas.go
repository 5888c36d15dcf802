package api

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/kubernetes"
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
	client kubernetes.Interface
	lister corelisters.ResourceQuotaLister
	any    func() bool // whether the session has had one
}

// wait returns when the plugin can judge a. Where nobody counts, it gives up
// when the quota is not fresh any more, as upstream's does at once.
func (q *quotas) wait(ctx context.Context, a admission.Attributes) error {
	if a.GetOperation() != admission.Create || a.GetNamespace() == "" || a.GetSubresource() != "" || uncounted(a.GetResource().GroupResource()) || !q.any() {
		return nil
	}
	// The lister may not have heard of the newest yet.
	list, err := q.client.CoreV1().ResourceQuotas(a.GetNamespace()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	for _, o := range list.Items {
		for len(o.Spec.Hard) > 0 && time.Since(o.CreationTimestamp.Time) < freshQuota && !q.counted(&o) {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func (q *quotas) counted(o *corev1.ResourceQuota) bool {
	known, err := q.lister.ResourceQuotas(o.Namespace).Get(o.Name)
	return err == nil && known.UID == o.UID && len(known.Status.Hard) > 0
}

// uncounted are kinds that no quota counts, but that are made all the time, and
// quotas themselves.
func uncounted(r schema.GroupResource) bool {
	return r.Resource == "events" || r.Resource == "resourcequotas" || r.Group == "authorization.k8s.io" || r.Group == "coordination.k8s.io"
}
