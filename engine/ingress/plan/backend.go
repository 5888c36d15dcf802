package plan

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podhop/podhop/engine/ingress/route"
)

// backend is a port of a Service and its endpoints. What is wrong is in the
// backend's refusal, with a reason that an event can have: problem is that of the
// event, "" if all is well.
func (o *Objects) backend(namespace string, ref networkingv1.IngressServiceBackend) (b route.Backend, problem string) {
	b = route.Backend{Weight: 1, Namespace: namespace, Name: ref.Name, Port: ref.Port.Name}
	if b.Port == "" {
		b.Port = strconv.Itoa(int(ref.Port.Number))
	}
	what := fmt.Sprintf("Service %s/%s", namespace, ref.Name)
	refuse := func(problem, format string, args ...any) (route.Backend, string) {
		b.Refusal = route.Refusal{Status: http.StatusServiceUnavailable, Reason: fmt.Sprintf(format, args...)}
		return b, problem
	}
	service := o.Service(namespace, ref.Name)
	if service == nil {
		return refuse("ServiceNotFound", "%s is not there", what)
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return refuse("UnsupportedService", "%s is an alias of %s, which is not in this cluster", what, service.Spec.ExternalName)
	}
	port := portOf(service, ref.Port)
	if port == nil {
		return refuse("ServicePortNotFound", "%s has no TCP port %s", what, b.Port)
	}
	b.HTTP2 = port.AppProtocol != nil && *port.AppProtocol == "kubernetes.io/h2c"
	if b.Endpoints = endpoints(o.Slices(namespace, ref.Name), port.Name); len(b.Endpoints) == 0 {
		return refuse("NoEndpoints", "%s has no ready endpoint for port %s", what, b.Port)
	}
	return b, ""
}

// portOf finds a Service's port by name or number.
func portOf(service *corev1.Service, port networkingv1.ServiceBackendPort) *corev1.ServicePort {
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		if p.Protocol != corev1.ProtocolTCP && p.Protocol != "" {
			continue
		}
		if port.Name != "" && p.Name == port.Name || port.Name == "" && p.Port == port.Number {
			return p
		}
	}
	return nil
}

// endpoints are the addresses of a named port that are ready; where none is, those
// that still serve while they end, as kube-proxy has it.
func endpoints(all []*discoveryv1.EndpointSlice, port string) []netip.AddrPort {
	var ready, serving []netip.AddrPort
	for _, slice := range all {
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		number := 0
		for _, p := range slice.Ports {
			name := ""
			if p.Name != nil {
				name = *p.Name
			}
			if name == port && p.Port != nil && (p.Protocol == nil || *p.Protocol == corev1.ProtocolTCP) {
				number = int(*p.Port)
			}
		}
		if number == 0 {
			continue
		}
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			list := &ready
			if c := e.Conditions; c.Ready != nil && !*c.Ready {
				if c.Serving == nil || !*c.Serving {
					continue
				}
				list = &serving
			}
			for _, address := range e.Addresses {
				if ip, err := netip.ParseAddr(address); err == nil {
					*list = append(*list, netip.AddrPortFrom(ip, uint16(number)))
				}
			}
		}
	}
	if len(ready) == 0 {
		ready = serving
	}
	slices.SortFunc(ready, netip.AddrPort.Compare)
	return slices.Compact(ready)
}
