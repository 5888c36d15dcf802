package topology

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/podhop/podhop/engine/model"
)

// services adds the Services, and an edge from each to what is behind its
// endpoints. A pod is one endpoint: of two ports, in one EndpointSlice with both, and
// of two families of addresses, in a slice each. Where no pod is named, each address
// is one.
func services(o *Objects, g *model.Graph) {
	slices := map[string][]*discoveryv1.EndpointSlice{}
	for _, slice := range o.EndpointSlices {
		if name := slice.Labels[discoveryv1.LabelServiceName]; name != "" {
			id := ID("Service", slice.Namespace, name)
			slices[id] = append(slices[id], slice)
		}
	}
	byIP := map[string]string{} // of what an endpoint without reference may mean
	for i := range g.Vertices {
		switch v := &g.Vertices[i]; v.Kind {
		case "Node", "Client", "Underlay", "ControlPlane":
			for _, ip := range v.IPs {
				byIP[ip] = v.ID
			}
		}
	}
	for _, service := range o.Services {
		v := vertex("Service", &service.ObjectMeta)
		v.IPs, v.External = clusterIPs(service), externalIPs(service)
		for i := range service.Spec.Ports {
			v.Ports = append(v.Ports, servicePort(&service.Spec.Ports[i]))
		}
		v.Status = string(service.Spec.Type) // kubectl's TYPE: a Service has no STATUS
		ready := map[string]bool{}           // by what is behind the endpoint, or its address
		edges := map[string]model.Edge{}
		for _, slice := range slices[v.ID] {
			for i := range slice.Endpoints {
				endpoint := &slice.Endpoints[i]
				// Unknown counts as ready: EndpointConditions says so.
				serves := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
				to := target(endpoint, slice.Namespace, byIP)
				of := endpoint.Addresses
				if ref := endpoint.TargetRef; ref != nil && ref.Kind == "Pod" {
					of = []string{to}
				}
				for _, one := range of {
					ready[one] = ready[one] || serves
				}
				if to == "" {
					continue
				}
				id := v.ID + "->" + to
				edges[id] = model.Edge{ID: id, Kind: "endpoint", From: v.ID, To: to, Ready: serves || edges[id].Ready}
			}
		}
		v.Want = len(ready)
		for _, serves := range ready {
			if serves {
				v.Have++
			}
		}
		v.Ready = v.Have > 0 || service.Spec.Type == corev1.ServiceTypeExternalName
		v.Message, v.Facts = serviceMessage(service, v.Want, v.Have), serviceFacts(service)
		for _, edge := range edges {
			g.Edges = append(g.Edges, edge)
		}
		g.Vertices = append(g.Vertices, v)
	}
}

func target(endpoint *discoveryv1.Endpoint, namespace string, byIP map[string]string) string {
	if ref := endpoint.TargetRef; ref != nil && ref.Kind == "Pod" {
		return ID("Pod", namespace, ref.Name)
	} else if ref != nil && ref.Kind == "Node" {
		return ID("Node", "", ref.Name)
	}
	for _, address := range endpoint.Addresses {
		if id, ok := byIP[address]; ok {
			return id
		}
	}
	return ""
}

func serviceMessage(service *corev1.Service, want, have int) string {
	switch {
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		return "an alias of " + service.Spec.ExternalName
	case service.Spec.Type == corev1.ServiceTypeLoadBalancer && len(service.Status.LoadBalancer.Ingress) == 0:
		return "EXTERNAL-IP <pending>"
	case want == 0 && len(service.Spec.Selector) > 0:
		return "no pod matches its selector"
	case want > 0 && have == 0:
		return fmt.Sprintf("none of its %d endpoints is ready", want)
	}
	return ""
}
