package control

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/engine/api/informer"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quota "k8s.io/apiserver/pkg/quota/v1"
	quotageneric "k8s.io/apiserver/pkg/quota/v1/generic"
	coreinformers "k8s.io/client-go/informers/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	kubecontroller "k8s.io/kubernetes/pkg/controller"
	"k8s.io/kubernetes/pkg/controller/resourcequota"
	quotainstall "k8s.io/kubernetes/pkg/quota/v1/install"
)

func (s *Controllers) resourceQuota(ctx context.Context, f *informer.Factory) (run, error) {
	conf, err := quotainstall.NewQuotaConfigurationForControllers(written(ctx, f), f)
	if err != nil {
		return nil, err
	}
	discover := s.client.Discovery().ServerPreferredNamespacedResources
	r, err := resourcequota.NewController(ctx, &resourcequota.ControllerOptions{
		QuotaClient: s.client.CoreV1(), ResourceQuotaInformer: quotas{f.Core().V1().ResourceQuotas()},
		ResyncPeriod: kubecontroller.StaticResyncPeriodFunc(5 * time.Minute), InformerFactory: f.Metadata(),
		ReplenishmentResyncPeriod: kubecontroller.StaticResyncPeriodFunc(12 * time.Hour), DiscoveryFunc: discover,
		IgnoredResourcesFunc: conf.IgnoredResources, InformersStarted: s.started, Registry: quotageneric.NewRegistry(conf.Evaluators()),
		UpdateFilter: quotainstall.DefaultUpdateFilter(),
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		s.wg.Go(func() { r.Sync(ctx, discover, 30*time.Second) })
		r.Run(ctx, 1)
	}, nil
}

// written is upstream's lister of what a quota counts, less its lag: what was
// made right before a session's first quota would not be counted for minutes.
func written(ctx context.Context, f *informer.Factory) quota.ListerForResourceFunc {
	list := quotageneric.ListerFuncForResourceFunc(f.ForResource)
	return func(r schema.GroupVersionResource) (cache.GenericLister, error) {
		l, err := list(r)
		if err != nil {
			return nil, err
		}
		f.StartWithContext(ctx) // it may be the first to ask for the kind
		return l, f.CaughtUp(ctx, []schema.GroupResource{r.GroupResource()})
	}
}

// quotas are upstream's, but for the first look at all of them. The controller
// counts each when its informer brings it, and at once all of them again. It
// starts with a session's first quota, when those pods are on their way that wait
// for the first count: the second would not see them yet, and undo what
// admission has counted since.
type quotas struct {
	coreinformers.ResourceQuotaInformer
}

func (q quotas) Lister() corelisters.ResourceQuotaLister {
	return &quotaLister{ResourceQuotaLister: q.ResourceQuotaInformer.Lister()}
}

type quotaLister struct {
	corelisters.ResourceQuotaLister
	looked atomic.Bool
}

func (l *quotaLister) List(s labels.Selector) ([]*corev1.ResourceQuota, error) {
	if !l.looked.Swap(true) {
		return nil, nil
	}
	return l.ResourceQuotaLister.List(s)
}
