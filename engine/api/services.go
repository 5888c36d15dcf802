package api

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
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
	ips    []*clusterIPs // of IPv6 too in dual-stack sessions only
	ports  *portallocator.PortAllocator
	rest   *servicestore.REST
	status *servicestore.StatusREST
	proxy  *service.ProxyREST
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
	a.rest, a.status, a.proxy, err = servicestore.NewREST(s.server.storage, api.IPv4Protocol,
		byFamily, a.ports, slices, s.server.getters.podStorage, podTransport(s.dial))
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

// servicesOfSession reads as the shared services registry does, and writes through
// the session's own: it allocates, and whichever way a Service goes (by itself, with
// its namespace, by an update that takes the last finalizer) it gives back.
type servicesOfSession struct{ *servicestore.REST }

func (servicesOfSession) Create(ctx context.Context, obj runtime.Object, v rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	return s.addresses.rest.Create(ctx, obj, v, o)
}

func (servicesOfSession) Update(ctx context.Context, name string, obj rest.UpdatedObjectInfo, v rest.ValidateObjectFunc, u rest.ValidateObjectUpdateFunc, create bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, false, err
	}
	return s.addresses.rest.Update(ctx, name, obj, v, u, create, o)
}

func (servicesOfSession) Delete(ctx context.Context, name string, v rest.ValidateObjectFunc, o *metav1.DeleteOptions) (runtime.Object, bool, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, false, err
	}
	return s.addresses.rest.Delete(ctx, name, v, o)
}

func (servicesOfSession) DeleteCollection(ctx context.Context, v rest.ValidateObjectFunc, o *metav1.DeleteOptions, l *metainternalversion.ListOptions) (runtime.Object, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	return s.addresses.rest.DeleteCollection(ctx, v, o, l)
}

// serviceStatusOfSession writes through the session's own registry too: upstream's
// service controller takes the finalizer of a load balancer by the status.
type serviceStatusOfSession struct{ *servicestore.StatusREST }

func (serviceStatusOfSession) Update(ctx context.Context, name string, obj rest.UpdatedObjectInfo, v rest.ValidateObjectFunc, u rest.ValidateObjectUpdateFunc, create bool, o *metav1.UpdateOptions) (runtime.Object, bool, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, false, err
	}
	return s.addresses.status.Update(ctx, name, obj, v, u, create, o)
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
