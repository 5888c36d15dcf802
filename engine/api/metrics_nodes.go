package api

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/metrics/pkg/apis/metrics"
)

// nodeMetrics are as in sigs.k8s.io/metrics-server/pkg/api/node.go.
type nodeMetrics struct{ getters *getters }

func (nodeMetrics) New() runtime.Object     { return &metrics.NodeMetrics{} }
func (nodeMetrics) NewList() runtime.Object { return &metrics.NodeMetricsList{} }
func (nodeMetrics) Destroy()                {}
func (nodeMetrics) Kind() string            { return "NodeMetrics" }
func (nodeMetrics) NamespaceScoped() bool   { return false }
func (nodeMetrics) GetSingularName() string { return "" }

func (n nodeMetrics) List(ctx context.Context, o *metainternalversion.ListOptions) (runtime.Object, error) {
	nodes, err := n.getters.nodeLister.List(ctx, byLabels(o))
	if err != nil {
		return nil, err
	}
	of, err := n.use(ctx)
	if err != nil {
		return nil, err
	}
	out := &metrics.NodeMetricsList{Items: []metrics.NodeMetrics{}}
	items := nodes.(*api.NodeList).Items
	for i := range items {
		node := &items[i]
		if m, known := of[node.Name]; known && selected(o, &node.ObjectMeta) {
			m.ObjectMeta = described(&node.ObjectMeta)
			out.Items = append(out.Items, m)
		}
	}
	return out, nil
}

func (n nodeMetrics) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	node, err := n.getters.GetNode(ctx, name)
	if apierrors.IsNotFound(err) {
		return nil, apierrors.NewNotFound(corev1.Resource("nodes"), name)
	} else if err != nil {
		return nil, err
	}
	of, err := n.use(ctx)
	if err != nil {
		return nil, err
	}
	m, known := of[name]
	if !known {
		return nil, apierrors.NewNotFound(metrics.Resource("nodemetrics"), name)
	}
	m.ObjectMeta = described(&node.ObjectMeta)
	return &m, nil
}

func (nodeMetrics) use(ctx context.Context) (map[string]metrics.NodeMetrics, error) {
	m, err := metricsOf(ctx)
	if m == nil || err != nil {
		return nil, err
	}
	return m.NodeMetrics(ctx)
}

func (nodeMetrics) ConvertToTable(_ context.Context, obj, _ runtime.Object) (*metav1.Table, error) {
	var nodes []metrics.NodeMetrics
	switch o := obj.(type) {
	case *metrics.NodeMetrics:
		nodes = []metrics.NodeMetrics{*o}
	case *metrics.NodeMetricsList:
		nodes = o.Items
	}
	t := &metav1.Table{}
	for i := range nodes {
		addRow(t, nodes[i].Name, nodes[i].Usage, nodes[i].Window, &nodes[i])
	}
	return t, nil
}
