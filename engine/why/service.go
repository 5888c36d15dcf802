package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podhop/podhop/engine/model"
)

// service is what kube-proxy ended, for a Service's sake.
func (c *failure) service() *model.Why {
	to, ok := c.destination(c.last)
	if !ok {
		return nil
	}
	s := c.of(c.decision.Object)
	if s == nil {
		s = c.serviceAt(to.Addr())
	}
	if s == nil {
		return nil
	}
	if c.j.Protocol == "ICMP" || c.j.Protocol == "ICMPv6" {
		return c.ping(s, to.Addr())
	}
	if strings.HasPrefix(c.decision.Chain, "firewall-") { // of kube-proxy
		return c.unranged(s)
	}
	p := portAt(s, v1.Protocol(c.j.Protocol), to)
	switch {
	case p == nil:
		return c.servicePort(s, to)
	case c.decision.Kind == "drop":
		return c.local(s, to)
	}
	return c.empty(s, p)
}

// of is a Service that a decision names; nil if it is none, or is gone.
func (o *Objects) of(x *model.Object) *v1.Service {
	if x == nil || x.Kind != "Service" {
		return nil
	}
	s, err := o.Services.Services(x.Namespace).Get(x.Name)
	if err != nil {
		return nil
	}
	return s
}

// serviceAt is the Service whose ClusterIP this is.
func (o *Objects) serviceAt(ip netip.Addr) *v1.Service {
	all, _ := o.Services.List(labels.Everything())
	for _, s := range all {
		if slices.Contains(s.Spec.ClusterIPs, ip.String()) {
			return s
		}
	}
	return nil
}

// portAt is the Service's port that a destination stands for: a node port unless the
// address is the Service's.
func portAt(s *v1.Service, protocol v1.Protocol, to netip.AddrPort) *v1.ServicePort {
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		at := p.NodePort
		if owns(s, to.Addr()) {
			at = p.Port
		}
		if p.Protocol == protocol && at == int32(to.Port()) {
			return p
		}
	}
	return nil
}

// owns reports whether an address is the Service's, and no node's.
func owns(s *v1.Service, ip netip.Addr) bool {
	return slices.Contains(s.Spec.ClusterIPs, ip.String()) || slices.Contains(s.Spec.ExternalIPs, ip.String()) ||
		slices.ContainsFunc(s.Status.LoadBalancer.Ingress, func(i v1.LoadBalancerIngress) bool { return i.IP == ip.String() })
}

func (c *failure) ping(s *v1.Service, ip netip.Addr) *model.Why {
	if !slices.Contains(s.Spec.ClusterIPs, ip.String()) {
		return nil
	}
	w := &model.Why{Trap: TrapPing,
		Sentence: fmt.Sprintf("A ClusterIP cannot be pinged: %s is no machine's address, but stands in the nodes' rules for %s of Service %s. A ping has no port.", ip, portsText(s), nameOf(s)),
		Seen:     []model.Finding{c.seen(c.last), spec(s, "Its ports: "+portsText(s)+".")},
	}
	if p := s.Spec.Ports; len(p) > 0 {
		w.Advice = append(w.Advice, model.Advice{Sentence: fmt.Sprintf("Ask for one of its ports instead: %s.", url(s, &p[0]))})
	}
	if e := c.endpoints(s); len(e) > 0 {
		w.Advice = append(w.Advice, model.Advice{Sentence: fmt.Sprintf("Or ping one of its pods: %s.", e[0].Addresses[0])})
	}
	return w
}

func (c *failure) servicePort(s *v1.Service, to netip.AddrPort) *model.Why {
	if !slices.Contains(s.Spec.ClusterIPs, to.Addr().String()) || len(s.Spec.Ports) == 0 {
		return nil
	}
	other := "What its pods listen on is another matter, and is its targetPort."
	if slices.ContainsFunc(s.Spec.Ports, func(p v1.ServicePort) bool { return p.NodePort == int32(to.Port()) }) {
		other = fmt.Sprintf("%d is its nodePort, which the nodes' addresses have, and this one has not.", to.Port())
	}
	return &model.Why{Trap: TrapServicePort,
		Sentence: fmt.Sprintf("Service %s has no %s port %d: it takes %s. %s", nameOf(s), c.j.Protocol, to.Port(), portsText(s), other),
		Seen:     []model.Finding{c.seen(c.last), spec(s, "Its ports: "+portsText(s)+".")},
		Advice:   []model.Advice{{Sentence: fmt.Sprintf("Ask for a port that it has: %s.", url(s, &s.Spec.Ports[0]))}},
	}
}

// local is a traffic policy that lets a node use its own endpoints only.
func (c *failure) local(s *v1.Service, to netip.AddrPort) *model.Why {
	field, set := "externalTrafficPolicy", s.Spec.ExternalTrafficPolicy == v1.ServiceExternalTrafficPolicyLocal
	if slices.Contains(s.Spec.ClusterIPs, to.Addr().String()) {
		field, set = "internalTrafficPolicy", s.Spec.InternalTrafficPolicy != nil && *s.Spec.InternalTrafficPolicy == v1.ServiceInternalTrafficPolicyLocal
	}
	node, isNode := strings.CutPrefix(c.j.Hops[c.last].Place.Vertex, "node/")
	if !set || !isNode {
		return nil
	}
	var nodes []string
	for _, e := range c.endpoints(s) {
		if e.NodeName != nil && !slices.Contains(nodes, *e.NodeName) {
			nodes = append(nodes, *e.NodeName)
		}
	}
	slices.Sort(nodes)
	if slices.Contains(nodes, node) {
		return nil // it has got one since
	}
	where := "It has no ready endpoint on any node."
	if len(nodes) > 0 {
		where = "Its ready endpoints are on " + list(nodes) + "."
	}
	w := &model.Why{Trap: TrapLocal,
		Sentence: fmt.Sprintf("Service %s has %s Local, so that a node uses only its own endpoints, and %s has none: it drops what comes, without a word.", nameOf(s), field, node),
		Seen:     []model.Finding{c.seen(c.last), spec(s, field+": Local."), spec(s, where)},
	}
	if field == "externalTrafficPolicy" && len(nodes) > 0 {
		w.Advice = append(w.Advice, model.Advice{Sentence: fmt.Sprintf("Ask a node that has one: %s.", list(nodes))})
	}
	w.Advice = append(w.Advice, model.Advice{
		Sentence: "Or let nodes send it on to each other: the pods then see a node's address where the client's was.",
		Command:  fmt.Sprintf(`kubectl patch service -n %s %s -p '{"spec":{"%s":"Cluster"}}'`, s.Namespace, s.Name, field),
	})
	if field == "internalTrafficPolicy" {
		w.Advice[len(w.Advice)-1].Sentence = "Let nodes use each other's endpoints."
	}
	return w
}

// endpoints are the ready ones of a Service.
func (o *Objects) endpoints(s *v1.Service) (ready []discovery.Endpoint) {
	slicesOf, _ := o.EndpointSlices.EndpointSlices(s.Namespace).List(labels.SelectorFromSet(labels.Set{discovery.LabelServiceName: s.Name}))
	slices.SortFunc(slicesOf, func(a, b *discovery.EndpointSlice) int { return strings.Compare(a.Name, b.Name) })
	for _, x := range slicesOf {
		for _, e := range x.Endpoints {
			if (e.Conditions.Ready == nil || *e.Conditions.Ready) && len(e.Addresses) > 0 {
				ready = append(ready, e)
			}
		}
	}
	return ready
}

func spec(s *v1.Service, sentence string) model.Finding {
	return model.Finding{Sentence: sentence, Object: object("Service", s.Namespace, s.Name)}
}

func nameOf(s *v1.Service) string { return s.Namespace + "/" + s.Name }

// portsText is "TCP port 80", or "TCP port 80 and UDP port 53".
func portsText(s *v1.Service) string {
	var all []string
	for _, p := range s.Spec.Ports {
		all = append(all, fmt.Sprintf("%s port %d", p.Protocol, p.Port))
	}
	return list(all)
}

// url is what to ask for a port of a Service.
func url(s *v1.Service, p *v1.ServicePort) string {
	name := s.Name + "." + s.Namespace
	if p.Protocol == v1.ProtocolTCP && p.Port == 80 {
		return "http://" + name
	}
	return fmt.Sprintf("%s:%d", name, p.Port)
}

// list is "a", "a and b" or "a, b and c".
func list(all []string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}
