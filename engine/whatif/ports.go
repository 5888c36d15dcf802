package whatif

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/podhop/podhop/engine/policy"
)

// A port of a group's pods, and where it is known from.
type port struct {
	policy.Port
	known string
}

// ports are what is known of a group: its containers' ports, where Services lead, what
// rules name, and what was seen in use; in order of their numbers.
func (t *table) ports(g *group) []port {
	all := map[policy.Port]string{}
	add := func(p policy.Port, known string) {
		if p.Protocol == "" {
			p.Protocol = v1.ProtocolTCP
		}
		if _, ok := all[p]; !ok {
			all[p] = known
		}
	}
	for _, p := range declared(g.members[0].pod) { // those of all members are the same
		known := "containerPort"
		if p.Name != "" {
			known += " " + p.Name
		}
		add(policy.Port{Protocol: p.Protocol, Number: uint16(p.ContainerPort)}, known)
	}
	for _, m := range g.members {
		for _, ip := range m.ips {
			for _, p := range t.served[ip] {
				add(p.Port, p.known)
			}
			for _, plan := range []*policy.Plan{t.now, t.after} {
				for p, name := range plan.Named(ip) {
					add(p, "a rule of "+name)
				}
			}
		}
	}
	out := make([]port, 0, len(all))
	for p, known := range all {
		out = append(out, port{p, known})
	}
	slices.SortFunc(out, func(a, b port) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Protocol, b.Protocol))
	})
	return out
}

// serve says by address where Services lead, and what was seen in use.
func (t *table) serve(opened []opening) {
	t.served = map[netip.Addr][]port{}
	for _, s := range t.EndpointSlices {
		for _, p := range s.Ports {
			if p.Port == nil {
				continue
			}
			at := port{policy.Port{Number: uint16(*p.Port)}, fmt.Sprintf("Service %s/%s", s.Namespace, s.Labels[discovery.LabelServiceName])}
			if p.Protocol != nil {
				at.Protocol = *p.Protocol
			}
			for _, e := range s.Endpoints {
				for _, text := range e.Addresses {
					if a, err := netip.ParseAddr(text); err == nil {
						t.served[a] = append(t.served[a], at)
					}
				}
			}
		}
	}
	for _, o := range opened {
		if o.in.Port != 0 {
			t.served[o.in.To] = append(t.served[o.in.To], port{policy.Port{Protocol: o.in.Protocol, Number: o.in.Port}, "seen in use"})
		}
	}
}

// declared are the ports of a pod's containers, and of its sidecars.
func declared(p *v1.Pod) (all []v1.ContainerPort) {
	for i := range p.Spec.InitContainers {
		if c := &p.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
			all = append(all, c.Ports...)
		}
	}
	for i := range p.Spec.Containers {
		all = append(all, p.Spec.Containers[i].Ports...)
	}
	return all
}
