package ingress

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"

	"github.com/podhop/podhop/engine/ingress/plan"
)

// objects reads the caches. A lister over a cache has no way to fail but not to find.
func objects(ingresses networkinglisters.IngressLister, classes networkinglisters.IngressClassLister, services corelisters.ServiceLister,
	slices discoverylisters.EndpointSliceLister, secrets corelisters.SecretLister) func() plan.Objects {
	return func() plan.Objects {
		var o plan.Objects
		o.Ingresses, _ = ingresses.List(labels.Everything())
		o.Classes, _ = classes.List(labels.Everything())
		o.Service = func(namespace, name string) *corev1.Service {
			s, err := services.Services(namespace).Get(name)
			if err != nil {
				return nil
			}
			return s
		}
		o.Slices = func(namespace, service string) []*discoveryv1.EndpointSlice {
			list, _ := slices.EndpointSlices(namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service}))
			return list
		}
		o.Secret = func(namespace, name string) *corev1.Secret {
			s, err := secrets.Secrets(namespace).Get(name)
			if err != nil {
				return nil
			}
			return s
		}
		return o
	}
}
