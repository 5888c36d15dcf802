package api

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/metrics/pkg/apis/metrics"
)

// podMetrics are of those that run, as in sigs.k8s.io/metrics-server/pkg/api/pod.go.
type podMetrics struct{ getters *getters }

func (podMetrics) New() runtime.Object     { return &metrics.PodMetrics{} }
func (podMetrics) NewList() runtime.Object { return &metrics.PodMetricsList{} }
func (podMetrics) Destroy()                {}
func (podMetrics) Kind() string            { return "PodMetrics" }
func (podMetrics) NamespaceScoped() bool   { return true }
func (podMetrics) GetSingularName() string { return "" }

func (p podMetrics) List(ctx context.Context, o *metainternalversion.ListOptions) (runtime.Object, error) {
	pods, err := p.getters.podStorage.List(ctx, byLabels(o))
	if err != nil {
		return nil, err
	}
	of, err := p.use(ctx)
	if err != nil {
		return nil, err
	}
	out := &metrics.PodMetricsList{Items: []metrics.PodMetrics{}}
	items := pods.(*api.PodList).Items // in the order of their names
	for i := range items {
		pod := &items[i]
		if m, known := of[key(pod)]; known && pod.Status.Phase == api.PodRunning && selected(o, &pod.ObjectMeta) {
			m.ObjectMeta = described(&pod.ObjectMeta)
			out.Items = append(out.Items, m)
		}
	}
	return out, nil
}

func (p podMetrics) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	obj, err := p.getters.podStorage.Get(ctx, name, &metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	pod, ok := obj.(*api.Pod)
	if err != nil || !ok || pod.Status.Phase != api.PodRunning {
		return nil, apierrors.NewNotFound(corev1.Resource("pods"), name)
	}
	of, err := p.use(ctx)
	if err != nil {
		return nil, err
	}
	m, known := of[key(pod)]
	if !known {
		return nil, apierrors.NewNotFound(metrics.Resource("podmetrics"), key(pod).String())
	}
	m.ObjectMeta = described(&pod.ObjectMeta)
	return &m, nil
}

func key(pod *api.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}

func (podMetrics) use(ctx context.Context) (map[types.NamespacedName]metrics.PodMetrics, error) {
	m, err := metricsOf(ctx)
	if m == nil || err != nil {
		return nil, err
	}
	return m.PodMetrics(ctx)
}

func (podMetrics) ConvertToTable(_ context.Context, obj, _ runtime.Object) (*metav1.Table, error) {
	var pods []metrics.PodMetrics
	switch o := obj.(type) {
	case *metrics.PodMetrics:
		pods = []metrics.PodMetrics{*o}
	case *metrics.PodMetricsList:
		pods = o.Items
	}
	t := &metav1.Table{}
	for i := range pods {
		sum := corev1.ResourceList{}
		for _, c := range pods[i].Containers {
			for name, q := range c.Usage {
				q.Add(sum[name])
				sum[name] = q
			}
		}
		addRow(t, pods[i].Name, sum, pods[i].Window, &pods[i])
	}
	return t, nil
}
