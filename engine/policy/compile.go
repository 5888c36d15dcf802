package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podhop/podhop/engine/policy/note"
)

// Input is what the API says. The planner changes none of it.
type Input struct {
	Policies   []*networking.NetworkPolicy
	Pods       []*v1.Pod
	Namespaces []*v1.Namespace
	// Addresses are those that pods have, by UID. If it is nil, pods have what their
	// statuses say, until they have ended.
	Addresses map[types.UID][]netip.Addr
}

// A Plan is what the policies come to. It is never changed, and may be read by many.
type Plan struct {
	in         Input
	namespaces map[string]labels.Set
	pods       []*pod // in order of their names
	byIP       map[netip.Addr]*pod
	policies   []*policy // in order of their names
}

type pod struct {
	name   string // namespace/name
	object *v1.Pod
	ips    []netip.Addr
	hosts  []netip.Addr // its node's
	// ingress and egress are the policies that isolate it.
	ingress, egress []*policy
}

type policy struct {
	name     string // namespace/name
	selected []*pod
	ingress  []*rule
	egress   []*rule
}

// A rule is one peer and one port of one of a policy's rules.
type rule struct {
	note note.Note
	peer *peer // nil is everybody
	port port
	// source is the peer as it was written, if it was.
	source *networking.NetworkPolicyPeer
}

type peer struct {
	id     string // tells it from the policy's other peers
	ranges []Range
	block  bool // ranges are of an ipBlock, not of pods
}

// A port is what a rule says of one. The zero value is any port of any protocol.
type port struct {
	protocol    v1.Protocol
	first, last uint16 // both 0: any
	// named holds what pods have by the port's name, if isNamed.
	isNamed bool
	named   []netip.AddrPort
}

// Compile plans. Pods on their node's own network and those that have no address are
// left out: policies do not apply to them, and select none of them.
func Compile(in Input) *Plan {
	c := compiler{
		Plan:   &Plan{in: in, byIP: map[netip.Addr]*pod{}, namespaces: map[string]labels.Set{}},
		podsIn: map[string][]*pod{}, selections: map[string]*selection{},
	}
	for _, n := range in.Namespaces {
		c.namespaces[n.Name] = n.Labels
	}
	for _, p := range in.Pods {
		c.pod(p)
	}
	slices.SortFunc(c.pods, func(a, b *pod) int { return cmp.Compare(a.name, b.name) })
	for _, p := range c.pods {
		c.podsIn[p.object.Namespace] = append(c.podsIn[p.object.Namespace], p)
	}
	all := slices.Clone(in.Policies)
	slices.SortFunc(all, func(a, b *networking.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for _, p := range all {
		c.policy(p)
	}
	return c.Plan
}

type compiler struct {
	*Plan
	podsIn     map[string][]*pod     // by namespace
	selections map[string]*selection // by what selects
}

func (c *compiler) pod(o *v1.Pod) {
	if o.Spec.HostNetwork {
		return
	}
	p := &pod{name: o.Namespace + "/" + o.Name, object: o}
	switch {
	case c.in.Addresses != nil:
		p.ips = c.in.Addresses[o.UID]
	case o.Status.Phase != v1.PodSucceeded && o.Status.Phase != v1.PodFailed:
		for _, ip := range o.Status.PodIPs {
			if a, err := netip.ParseAddr(ip.IP); err == nil {
				p.ips = append(p.ips, a)
			}
		}
	}
	for _, ip := range o.Status.HostIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil {
			p.hosts = append(p.hosts, a)
		}
	}
	// Statuses of pods that are on their way out may name what others have by now.
	p.ips = slices.DeleteFunc(slices.Clone(p.ips), func(a netip.Addr) bool { return c.byIP[a] != nil })
	if len(p.ips) == 0 {
		return
	}
	for _, a := range p.ips {
		c.byIP[a] = p
	}
	c.pods = append(c.pods, p)
}

func (c *compiler) policy(o *networking.NetworkPolicy) {
	p := &policy{name: o.Namespace + "/" + o.Name}
	p.selected = selectPods(c.podsIn[o.Namespace], &o.Spec.PodSelector)
	types := o.Spec.PolicyTypes
	if len(types) == 0 { // as the API server defaults them
		types = []networking.PolicyType{networking.PolicyTypeIngress}
		if len(o.Spec.Egress) > 0 {
			types = append(types, networking.PolicyTypeEgress)
		}
	}
	if slices.Contains(types, networking.PolicyTypeIngress) {
		for _, s := range p.selected {
			s.ingress = append(s.ingress, p)
		}
		for i, r := range o.Spec.Ingress {
			p.ingress = append(p.ingress, c.rules(o, p, note.Ingress, i+1, r.From, r.Ports)...)
		}
	}
	if slices.Contains(types, networking.PolicyTypeEgress) {
		for _, s := range p.selected {
			s.egress = append(s.egress, p)
		}
		for i, r := range o.Spec.Egress {
			p.egress = append(p.egress, c.rules(o, p, note.Egress, i+1, r.To, r.Ports)...)
		}
	}
	c.policies = append(c.policies, p)
}

// rules are one rule's peers and ports, each with each.
func (c *compiler) rules(o *networking.NetworkPolicy, p *policy, direction string, index int,
	from []networking.NetworkPolicyPeer, ports []networking.NetworkPolicyPort) (out []*rule) {
	type named struct {
		*peer
		source *networking.NetworkPolicyPeer
		text   string
		place  int           // among them, from 1
		pods   func() []*pod // asked for by a port's name only
	}
	peers := []named{{nil, nil, "any peer", 0, func() []*pod { return c.pods }}}
	if len(from) > 0 {
		peers = nil
	}
	for i := range from {
		x := &peer{id: fmt.Sprintf("%d-%d", index, i+1)}
		pods := func() (in []*pod) {
			for _, q := range c.pods {
				if slices.ContainsFunc(q.ips, func(a netip.Addr) bool { return contains(x.ranges, a) }) {
					in = append(in, q)
				}
			}
			return in
		}
		if b := from[i].IPBlock; b != nil {
			x.ranges, x.block = blockRanges(b), true
		} else {
			selected := c.peerPods(o.Namespace, &from[i])
			x.ranges = selected.ranges
			pods = func() []*pod { return selected.pods }
		}
		peers = append(peers, named{x, &from[i], "peer " + peerText(&from[i]), i + 1, pods})
	}
	for _, x := range peers {
		add := func(w port, text string) {
			out = append(out, &rule{peer: x.peer, source: x.source, port: w, note: note.Note{
				Direction: direction, Policies: []string{p.name}, Rule: index, Peer: x.place, Detail: x.text + ", " + text,
			}})
		}
		if len(ports) == 0 {
			add(port{}, "any port")
		}
		for i := range ports {
			// A name is the destination's: the selected pods', or those of the peer.
			pods := x.pods
			if direction == note.Ingress {
				pods = func() []*pod { return p.selected }
			}
			add(portOf(&ports[i], pods), portText(&ports[i]))
		}
	}
	return out
}

// A selection is what a peer's selectors select.
type selection struct {
	pods   []*pod
	ranges []Range
}

// peerPods are those of a peer, which many rules may have alike.
func (c *compiler) peerPods(namespace string, x *networking.NetworkPolicyPeer) *selection {
	id := namespace + " " + x.PodSelector.String()
	if x.NamespaceSelector != nil {
		id = x.NamespaceSelector.String() + " " + x.PodSelector.String()
	}
	if s := c.selections[id]; s != nil {
		return s
	}
	s := &selection{}
	if x.NamespaceSelector == nil {
		s.pods = selectPods(c.podsIn[namespace], x.PodSelector)
	} else if by, err := metav1.LabelSelectorAsSelector(x.NamespaceSelector); err == nil { // the API server lets no other in
		for name, set := range c.namespaces {
			switch {
			case !by.Matches(set):
			case x.PodSelector == nil:
				s.pods = append(s.pods, c.podsIn[name]...)
			default:
				s.pods = append(s.pods, selectPods(c.podsIn[name], x.PodSelector)...)
			}
		}
	}
	var ips []netip.Addr
	for _, q := range s.pods {
		ips = append(ips, q.ips...)
	}
	s.ranges = ones(ips)
	c.selections[id] = s
	return s
}

func selectPods(all []*pod, by *metav1.LabelSelector) (out []*pod) {
	s, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		return nil
	}
	for _, p := range all {
		if s.Matches(labels.Set(p.object.Labels)) {
			out = append(out, p)
		}
	}
	return out
}

func blockRanges(b *networking.IPBlock) []Range {
	cidr, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return nil
	}
	var except []netip.Prefix
	for _, e := range b.Except {
		if p, err := netip.ParsePrefix(e); err == nil {
			except = append(except, p)
		}
	}
	return without(cidr, except)
}
