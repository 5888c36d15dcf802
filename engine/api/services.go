package api

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/proxy"

	api "k8s.io/kubernetes/pkg/apis/core"
	kubeoptions "k8s.io/kubernetes/pkg/kubeapiserver/options"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/service/ipallocator"
	"k8s.io/kubernetes/pkg/registry/core/service/portallocator"
	servicestore "k8s.io/kubernetes/pkg/registry/core/service/storage"
)

// addresses hands out one session's cluster IPs and node ports.
type addresses struct {
	ips   []*clusterIPs // of IPv6 too in dual-stack sessions only
	ports *portallocator.PortAllocator
	rest  *servicestore.REST // only its hooks are used
	proxy *service.ProxyREST
}

func (s *Session) newAddresses(dualStack bool) (*addresses, error) {
	a := &addresses{}
	ranges := []string{serviceCIDR}
	if dualStack {
		ranges = append(ranges, serviceCIDR6)
	}
	byFamily := map[api.IPFamily]ipallocator.Interface{}
	for _, r := range ranges {
		ips, err := s.newClusterIPs(r)
		if err != nil {
			return nil, err
		}
		a.ips = append(a.ips, ips)
		byFamily[ips.IPFamily()] = ips
	}
	var err error
	if a.ports, err = portallocator.NewInMemory(kubeoptions.DefaultServiceNodePortRange); err != nil {
		return nil, err
	}
	slices, err := proxy.NewEndpointSliceListerGetter(s.informers.Discovery().V1().EndpointSlices().Lister())
	if err != nil {
		return nil, err
	}
	a.rest, _, a.proxy, err = servicestore.NewREST(s.server.storage, api.IPv4Protocol,
		byFamily, a.ports, slices, s.server.getters.podStorage, podTransport())
	return a, err
}

func (a *addresses) close() {
	for _, ips := range a.ips {
		ips.close()
	}
}

// replay takes the node ports that the Services of a cloned tenant hold already;
// their cluster IPs are objects of the tenant.
func (a *addresses) replay(services []corev1.Service) error {
	for i := range services {
		svc := &services[i]
		ports := map[int32]bool{svc.Spec.HealthCheckNodePort: true}
		for _, p := range svc.Spec.Ports {
			ports[p.NodePort] = true // TCP and UDP may share one
		}
		for p := range ports {
			if p == 0 {
				continue
			}
			if err := a.ports.Allocate(int(p)); err != nil {
				return fmt.Errorf("service %s/%s, node port %d: %w", svc.Namespace, svc.Name, p, err)
			}
		}
	}
	return nil
}

// servicesOfSession is the shared services registry, allocating by session.
type servicesOfSession struct{ *servicestore.REST }

func newServicesOfSession(r *servicestore.REST) servicesOfSession {
	r.Store.BeginCreate = func(ctx context.Context, obj runtime.Object, o *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
		s, err := sessionFrom(ctx)
		if err != nil {
			return nil, err
		}
		return s.addresses.rest.BeginCreate(ctx, obj, o)
	}
	r.Store.BeginUpdate = func(ctx context.Context, obj, old runtime.Object, o *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
		s, err := sessionFrom(ctx)
		if err != nil {
			return nil, err
		}
		return s.addresses.rest.BeginUpdate(ctx, obj, old, o)
	}
	r.Store.AfterDelete = nil // it gets no context: see Delete
	return servicesOfSession{r}
}

func (r servicesOfSession) Delete(ctx context.Context, name string, v rest.ValidateObjectFunc, o *metav1.DeleteOptions) (runtime.Object, bool, error) {
	obj, gone, err := r.REST.Delete(ctx, name, v, o)
	if svc, ok := obj.(*api.Service); ok && gone && err == nil {
		s, err := sessionFrom(ctx)
		if err != nil {
			return nil, false, err
		}
		s.addresses.rest.Store.AfterDelete(svc, o)
	}
	return obj, gone, err
}

// serviceProxyOfSession finds the endpoints in the session's informers.
type serviceProxyOfSession struct{ *service.ProxyREST }

func (serviceProxyOfSession) Connect(ctx context.Context, id string, o runtime.Object, r rest.Responder) (http.Handler, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	return s.addresses.proxy.Connect(ctx, id, o, r)
}
