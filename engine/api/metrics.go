package api

import (
	"context"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/metrics/pkg/apis/metrics"
	"k8s.io/metrics/pkg/apis/metrics/install"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// Metrics tells what the pods and nodes of a session use: windows, times and
// figures; whom it does not know it leaves out. It may take a second to find out.
type Metrics interface {
	PodMetrics(context.Context) (map[types.NamespacedName]metrics.PodMetrics, error)
	NodeMetrics(context.Context) (map[string]metrics.NodeMetrics, error)
}

// SetMetrics is what the session answers for metrics.k8s.io with. Without it, nothing
// is known. It may be called at any time.
func (s *Session) SetMetrics(m Metrics) { s.metrics.Store(&m) }

// metricsGroup is metrics.k8s.io as metrics-server serves it, here by the chain
// itself: v1beta1 alone, like its release 0.9. It has a scheme of its own, because
// the chain's has no such kinds.
func (s *Server) metricsGroup() *genericapiserver.APIGroupInfo {
	scheme := metricsScheme()
	info := genericapiserver.NewDefaultAPIGroupInfo(metrics.GroupName, scheme, metav1.ParameterCodec, serializer.NewCodecFactory(scheme))
	info.PrioritizedVersions = []schema.GroupVersion{v1beta1.SchemeGroupVersion}
	info.VersionedResourcesStorageMap[v1beta1.SchemeGroupVersion.Version] = map[string]rest.Storage{
		"nodes": nodeMetrics{s.getters}, "pods": podMetrics{s.getters},
	}
	return &info
}

func metricsScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return scheme
}

// metricsReader is metrics-server's role that lets those read metrics who may view,
// edit or administer a namespace.
func metricsReader() rbacv1.ClusterRole {
	return rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "system:aggregated-metrics-reader", Labels: map[string]string{
			"k8s-app": "metrics-server",
			"rbac.authorization.k8s.io/aggregate-to-view":  "true",
			"rbac.authorization.k8s.io/aggregate-to-edit":  "true",
			"rbac.authorization.k8s.io/aggregate-to-admin": "true",
		}},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{metrics.GroupName}, Resources: []string{"pods", "nodes"}, Verbs: []string{"get", "list", "watch"}}},
	}
}

// nameMetrics has OpenAPI's documents say which kinds the types of metrics.k8s.io
// are, for `kubectl explain`.
func nameMetrics(name func(string) (string, spec.Extensions)) func(string) (string, spec.Extensions) {
	ours := openapi.NewDefinitionNamer(metricsScheme())
	return func(of string) (string, spec.Extensions) {
		if n, e := name(of); e != nil {
			return n, e
		}
		return ours.GetDefinitionName(of)
	}
}

// metricsOf is the session's; of one that has none the answer is nil.
func metricsOf(ctx context.Context) (Metrics, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	if m := s.metrics.Load(); m != nil {
		return *m, nil
	}
	return nil, nil
}

// byLabels are the options as far as the store of the objects themselves has to know.
func byLabels(o *metainternalversion.ListOptions) *metainternalversion.ListOptions {
	if o == nil {
		return &metainternalversion.ListOptions{}
	}
	return &metainternalversion.ListOptions{LabelSelector: o.LabelSelector}
}

// selected goes by the fields that metrics have: name and namespace.
func selected(o *metainternalversion.ListOptions, m *metav1.ObjectMeta) bool {
	return o == nil || o.FieldSelector == nil || o.FieldSelector.Matches(generic.AddObjectMetaFieldsSet(fields.Set{}, m, m.Namespace != ""))
}

// described is what metrics say of their object.
func described(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace, Labels: m.Labels, CreationTimestamp: metav1.NewTime(time.Now())}
}

// addRow is as in sigs.k8s.io/metrics-server/pkg/api/table.go.
func addRow(t *metav1.Table, name string, usage corev1.ResourceList, window metav1.Duration, object runtime.Object) {
	resources := slices.Sorted(maps.Keys(usage))
	if t.ColumnDefinitions == nil {
		t.ColumnDefinitions = []metav1.TableColumnDefinition{{Name: "Name", Type: "string", Format: "name", Description: "Name of the resource"}}
		for _, r := range resources {
			t.ColumnDefinitions = append(t.ColumnDefinitions, metav1.TableColumnDefinition{Name: string(r), Type: "string", Format: "quantity"})
		}
		t.ColumnDefinitions = append(t.ColumnDefinitions, metav1.TableColumnDefinition{Name: "Window", Type: "string", Format: "duration"})
	}
	cells := []any{name}
	for _, r := range resources {
		q := usage[r]
		cells = append(cells, q.String())
	}
	t.Rows = append(t.Rows, metav1.TableRow{Cells: append(cells, window.Duration.String()), Object: runtime.RawExtension{Object: object}})
}
