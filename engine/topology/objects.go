package topology

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/podhop/podhop/engine/model"
)

// Objects are those of a session that the map shows. Build only reads them: they
// may be an informer's own.
type Objects struct {
	Namespaces             []*corev1.Namespace
	Nodes                  []*corev1.Node
	Pods                   []*corev1.Pod
	Services               []*corev1.Service
	EndpointSlices         []*discoveryv1.EndpointSlice
	ReplicationControllers []*corev1.ReplicationController
	ReplicaSets            []*appsv1.ReplicaSet
	Deployments            []*appsv1.Deployment
	StatefulSets           []*appsv1.StatefulSet
	DaemonSets             []*appsv1.DaemonSet
	Jobs                   []*batchv1.Job
	CronJobs               []*batchv1.CronJob
	Ingresses              []*networkingv1.Ingress
	NetworkPolicies        []*networkingv1.NetworkPolicy
	Gateways               []*gatewayv1.Gateway
	HTTPRoutes             []*gatewayv1.HTTPRoute
	GRPCRoutes             []*gatewayv1.GRPCRoute
}

// Network is what the API does not know: the session's parts outside of it, and
// how things were joined.
type Network struct {
	// Places are the client, the underlay and the control plane, as they are to be drawn.
	Places []model.Vertex
	// Wiring is by vertex ID, each step as the ip command that would do the same;
	// CNI, by vertex ID too, is the call that asked for it.
	Wiring map[string][]string
	CNI    map[string]*model.CNI
}

// ID is the vertex of an object. Namespace is empty for objects of none.
func ID(kind, namespace, name string) string {
	if namespace == "" {
		return lower(kind) + "/" + name
	}
	return lower(kind) + "/" + namespace + "/" + name
}

// lower is strings.ToLower for the ASCII of kinds, without a copy for the usual.
func lower(kind string) string {
	switch kind {
	case "Pod":
		return "pod"
	case "Service":
		return "service"
	case "ReplicaSet":
		return "replicaset"
	}
	b := []byte(kind)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// vertex begins the vertex of any object.
func vertex(kind string, meta *metav1.ObjectMeta) model.Vertex {
	v := model.Vertex{
		ID: ID(kind, meta.Namespace, meta.Name), Kind: kind,
		Namespace: meta.Namespace, Name: meta.Name, Labels: meta.Labels,
	}
	if !meta.CreationTimestamp.IsZero() {
		v.Created = meta.CreationTimestamp.UnixMilli()
	}
	for i := range meta.OwnerReferences {
		if owner := &meta.OwnerReferences[i]; owner.Controller != nil && *owner.Controller {
			namespace := meta.Namespace
			if owner.Kind == "Node" { // of mirror pods: the only owner of no namespace here
				namespace = ""
			}
			v.Owner = ID(owner.Kind, namespace, owner.Name)
		}
	}
	return v
}
