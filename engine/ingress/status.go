package ingress

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/ingress/plan"
	"github.com/podhop/podhop/engine/ingress/route"
)

// status gives served Ingresses the address of the controller's Service, and takes
// it from those that are served no more. hosts are the names that have an address.
func (c *Controller) status(ctx context.Context, o *plan.Objects, p *plan.IngressPlan) (hosts []Host, err error) {
	address := addressOf(o.Service(Namespace, Name))
	var errs []error
	for _, i := range o.Ingresses {
		want := networkingv1.IngressLoadBalancerStatus{}
		switch {
		case slices.Contains(p.Served, i):
			want = address
			hosts = append(hosts, hostsOf(i, address)...)
		case !equality.Semantic.DeepEqual(i.Status.LoadBalancer, address):
			continue // it is somebody else's
		}
		if equality.Semantic.DeepEqual(i.Status.LoadBalancer, want) {
			continue
		}
		next := i.DeepCopy()
		next.Status.LoadBalancer = want
		_, err := c.client.NetworkingV1().Ingresses(i.Namespace).UpdateStatus(ctx, next, metav1.UpdateOptions{})
		errs = append(errs, err)
	}
	return hosts, errors.Join(errs...)
}

// addressOf is a Service's status as an Ingress has it; of none, nothing.
func addressOf(s *corev1.Service) (status networkingv1.IngressLoadBalancerStatus) {
	if s == nil {
		return status
	}
	for _, in := range s.Status.LoadBalancer.Ingress {
		out := networkingv1.IngressLoadBalancerIngress{IP: in.IP, Hostname: in.Hostname}
		for _, p := range s.Spec.Ports {
			out.Ports = append(out.Ports, networkingv1.IngressPortStatus{Port: p.Port, Protocol: corev1.ProtocolTCP})
		}
		status.Ingress = append(status.Ingress, out)
	}
	return status
}

// A Host is a name that an object of the API gives an address.
type Host struct {
	Pattern route.Host
	Address netip.Addr
	// Kind, Namespace and Name are the object's, in whose status the address is.
	Kind, Namespace, Name string
}

// hostsOf are the names that an Ingress' rules and certificates are for.
func hostsOf(i *networkingv1.Ingress, status networkingv1.IngressLoadBalancerStatus) (hosts []Host) {
	var names []string
	for _, r := range i.Spec.Rules {
		names = append(names, r.Host)
	}
	for _, t := range i.Spec.TLS {
		names = append(names, t.Hosts...)
	}
	for _, in := range status.Ingress {
		ip, err := netip.ParseAddr(in.IP)
		if err != nil {
			continue
		}
		for _, name := range names {
			if name != "" {
				hosts = append(hosts, Host{Pattern: route.ParseHost(name, route.One), Address: ip, Kind: "Ingress", Namespace: i.Namespace, Name: i.Name})
			}
		}
	}
	return hosts
}

// Hosts are all names that have an address, in no order.
func (c *Controller) Hosts() []Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.hosts)
}

// Lookup finds the address that an Ingress has for a name, as somebody would write
// it into the hosts file of a machine outside: the most specific, false if there is none.
func (c *Controller) Lookup(name string) (found Host, ok bool) {
	name = route.Hostname(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.hosts {
		if h.Pattern.Matches(name) && (!ok || h.Pattern.Compare(found.Pattern) < 0) {
			found, ok = h, true
		}
	}
	return found, ok
}
