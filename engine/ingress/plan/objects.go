package plan

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Objects is what plans are made of. Nothing of it is changed.
type Objects struct {
	Ingresses []*networkingv1.Ingress
	Classes   []*networkingv1.IngressClass
	// These find one, nil if it is not there; Slices are those of a Service.
	Service func(namespace, name string) *corev1.Service
	Slices  func(namespace, service string) []*discoveryv1.EndpointSlice
	Secret  func(namespace, name string) *corev1.Secret
}

// A Note is something to tell of an object: an event.
type Note struct {
	Object  runtime.Object
	Warning bool
	Reason  string
	Message string
}

// byAge sorts objects: who came first has precedence, then by name.
func byAge[T metav1.Object](objects []T) []T {
	sorted := slices.Clone(objects)
	slices.SortFunc(sorted, func(a, b T) int {
		at, bt := a.GetCreationTimestamp(), b.GetCreationTimestamp()
		switch {
		case at.Before(&bt):
			return -1
		case bt.Before(&at):
			return 1
		}
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return sorted
}
