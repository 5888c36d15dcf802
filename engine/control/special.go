package control

import (
	"context"
	"time"

	"github.com/podhop/podhop/engine/api/informer"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	cacheddiscovery "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/events"
	"k8s.io/kubernetes/pkg/controller/disruption"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
	"k8s.io/kubernetes/pkg/scheduler"
	"k8s.io/kubernetes/pkg/scheduler/profile"
	"k8s.io/kubernetes/pkg/volume"
	"k8s.io/kubernetes/pkg/volume/hostpath"
	"k8s.io/kubernetes/pkg/volume/local"
	resourceclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	"k8s.io/metrics/pkg/client/custom_metrics"
	"k8s.io/metrics/pkg/client/external_metrics"
)

// mapper is upstream's lazy one: it asks discovery when it is first used.
func (s *Controllers) mapper() *restmapper.DeferredDiscoveryRESTMapper {
	return restmapper.NewDeferredDiscoveryRESTMapper(cacheddiscovery.NewMemCacheClient(s.client.Discovery()))
}

func (s *Controllers) namespaces(ctx context.Context, f *informer.Factory) (run, error) {
	n := namespace.NewNamespaceController(ctx, s.client, s.metadata, s.client.Discovery().ServerPreferredNamespacedResources,
		f.Core().V1().Namespaces(), 5*time.Minute, corev1.FinalizerKubernetes)
	return func(ctx context.Context) { n.Run(ctx, 1) }, nil
}

// garbageCollector need not know what a session begins with: nothing of it has
// an owner, and an owner that it does not know it asks for.
func (s *Controllers) garbageCollector(ctx context.Context, f *informer.Factory) (run, error) {
	g, err := garbagecollector.NewGarbageCollector(ctx, s.client, s.metadata, s.mapper(), garbagecollector.DefaultIgnoredResources(), f.Later().Metadata(), s.started)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		s.wg.Go(func() { g.Sync(ctx, s.client.Discovery(), 30*time.Second) })
		g.Run(ctx, 1, 30*time.Second)
	}, nil
}

func (s *Controllers) scaleClient() (scale.ScalesGetter, *restmapper.DeferredDiscoveryRESTMapper, error) {
	m := s.mapper()
	c, err := scale.NewForConfig(s.clients, m, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(s.client.Discovery()))
	return c, m, err
}

func (s *Controllers) disruption(ctx context.Context, f *informer.Factory) (run, error) {
	sc, m, err := s.scaleClient()
	if err != nil {
		return nil, err
	}
	d := disruption.NewDisruptionController(ctx, f.Core().V1().Pods(), f.Policy().V1().PodDisruptionBudgets(), f.Core().V1().ReplicationControllers(),
		f.Apps().V1().ReplicaSets(), f.Apps().V1().Deployments(), f.Apps().V1().StatefulSets(), s.client, m, sc, s.client.Discovery())
	return func(ctx context.Context) { d.Run(ctx, 1) }, nil
}

// autoscaling asks metrics.k8s.io, and says in events when nobody serves it.
func (s *Controllers) autoscaling(ctx context.Context, f *informer.Factory) (run, error) {
	sc, m, err := s.scaleClient()
	if err != nil {
		return nil, err
	}
	resources, err := resourceclient.NewForConfig(s.clients)
	if err != nil {
		return nil, err
	}
	external, err := external_metrics.NewForConfig(s.clients)
	if err != nil {
		return nil, err
	}
	versions := custom_metrics.NewAvailableAPIsGetter(s.client.Discovery())
	h := podautoscaler.NewHorizontalController(ctx, s.client.CoreV1(), sc, s.client.AutoscalingV2(), m,
		metrics.NewRESTMetricsClient(resources, custom_metrics.NewForConfig(s.clients, m, versions), external),
		f.Autoscaling().V2().HorizontalPodAutoscalers(), f.Core().V1().Pods(),
		15*time.Second, 5*time.Minute, 0.1, 5*time.Minute, 30*time.Second)
	return func(ctx context.Context) {
		s.wg.Go(func() { custom_metrics.PeriodicallyInvalidate(versions, 15*time.Second, ctx.Done()) })
		h.Run(ctx, 1)
	}, nil
}

func (s *Controllers) scheduler(ctx context.Context, f *informer.Factory) (run, error) {
	config := restclient.CopyConfig(s.clients)
	config.UserAgent = "kube-scheduler"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	b := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	sched, err := scheduler.New(ctx, client, f, nil, profile.NewRecorderFactory(b))
	if err != nil {
		b.Shutdown()
		return nil, err
	}
	return func(ctx context.Context) {
		defer b.Shutdown()
		b.StartRecordingToSink(ctx.Done())
		if err := sched.WaitForHandlersSync(ctx); err != nil {
			return // ctx is over
		}
		sched.Run(ctx)
	}, nil
}

// volumePlugins are those that a controller itself can delete or recycle with.
func volumePlugins() []volume.VolumePlugin {
	return hostpath.ProbeVolumePlugins(volume.VolumeConfig{})
}

// expandablePlugins are those of volumes that can grow: local ones, whose folders
// have no size of their own. The kubelet has the last word, as it has of a real disk.
func expandablePlugins() (all []volume.VolumePlugin) {
	for _, p := range local.ProbeVolumePlugins() {
		all = append(all, growing{p.(volume.NodeExpandableVolumePlugin)})
	}
	return all
}

type growing struct {
	volume.NodeExpandableVolumePlugin
}

func (growing) ExpandVolumeDevice(_ *volume.Spec, to, _ resource.Quantity) (resource.Quantity, error) {
	return to, nil
}
