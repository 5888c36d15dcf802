package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podhop/podhop/engine/model"
)

// Outside says why a client outside of the cluster has no way to an address, which is a
// Service's or a pod's; nil if it is neither.
func (o *Objects) Outside(to netip.Addr) *model.Why {
	if s := o.serviceAt(to); s != nil {
		w := &model.Why{Trap: TrapOutside,
			Sentence: fmt.Sprintf("%s is the ClusterIP of Service %s: it is known to the nodes' rules alone, and nobody outside has a route to it.", to, nameOf(s)),
			Seen:     []model.Finding{spec(s, fmt.Sprintf("Type %s, ClusterIP %s.", s.Spec.Type, to))},
		}
		w.Advice = []model.Advice{fromOutside(s)}
		return w
	}
	all, _ := o.Pods.List(labels.Everything())
	i := slices.IndexFunc(all, func(p *v1.Pod) bool {
		return !p.Spec.HostNetwork && p.Status.Phase == v1.PodRunning && slices.Contains(p.Status.PodIPs, v1.PodIP{IP: to.String()})
	})
	if i < 0 {
		return nil
	}
	p := all[i]
	return &model.Why{Trap: TrapOutside,
		Sentence: fmt.Sprintf("%s is the address of pod %s/%s: only the nodes have routes to pods, and nobody outside has.", to, p.Namespace, p.Name),
		Seen:     []model.Finding{{Sentence: fmt.Sprintf("Pod %s/%s has %s.", p.Namespace, p.Name, to), Object: object("Pod", p.Namespace, p.Name)}},
		Advice:   []model.Advice{{Sentence: "Have a Service of type NodePort or LoadBalancer, an Ingress or a Gateway lead to it."}},
	}
}

// fromOutside is how one gets to a Service from outside.
func fromOutside(s *v1.Service) model.Advice {
	for _, i := range s.Status.LoadBalancer.Ingress {
		if i.IP != "" && len(s.Spec.Ports) > 0 {
			return model.Advice{Sentence: fmt.Sprintf("Ask its load balancer: %s.", netip.AddrPortFrom(netip.MustParseAddr(i.IP), uint16(s.Spec.Ports[0].Port)))}
		}
	}
	for _, p := range s.Spec.Ports {
		if p.NodePort != 0 {
			return model.Advice{Sentence: fmt.Sprintf("Ask any node, for its port %d.", p.NodePort)}
		}
	}
	return model.Advice{Sentence: "Have each node lead a port to it.", Command: fmt.Sprintf(`kubectl patch service -n %s %s -p '{"spec":{"type":"NodePort"}}'`, s.Namespace, s.Name)}
}

// unranged is a source that a load balancer's ranges leave out.
func (c *failure) unranged(s *v1.Service) *model.Why {
	from, err := netip.ParseAddr(hostOf(c.j.Hops[c.last].Header.Source))
	if err != nil || len(s.Spec.LoadBalancerSourceRanges) == 0 {
		return nil
	}
	ranges := s.Spec.LoadBalancerSourceRanges
	for _, r := range ranges {
		if p, err := netip.ParsePrefix(strings.TrimSpace(r)); err == nil && p.Contains(from) {
			return nil // it is let in by now
		}
	}
	one := netip.PrefixFrom(from, from.BitLen())
	return &model.Why{Trap: TrapSourceRanges,
		Sentence: fmt.Sprintf("Service %s takes only what comes from %s by its load balancer, and %s is not of those: the node drops it, without a word.", nameOf(s), list(ranges), from),
		Seen:     []model.Finding{c.seen(c.last), spec(s, "loadBalancerSourceRanges: "+strings.Join(ranges, ", ")+".")},
		Advice: []model.Advice{{Sentence: fmt.Sprintf("Let %s in, too.", from),
			Command: fmt.Sprintf(`kubectl patch service -n %s %s --type=json -p '[{"op":"add","path":"/spec/loadBalancerSourceRanges/-","value":"%s"}]'`, s.Namespace, s.Name, one)}},
	}
}

// hostOf is an address without the port that it may have.
func hostOf(a string) string {
	if p, err := netip.ParseAddrPort(a); err == nil {
		return p.Addr().String()
	}
	return a
}
