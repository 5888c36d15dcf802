package whatif

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podhop/podhop/engine/policy"
)

// A pods is what test pods are made of: of one owner, one on each of the nodes named.
type pods struct {
	namespace, owner, kind, app string
	nodes                       []int
	ports                       []v1.ContainerPort
}

var workloads = []pods{
	{"default", "web", "ReplicaSet", "web", []int{1, 1, 2}, []v1.ContainerPort{{Name: "http", ContainerPort: 80}}},
	{"default", "db", "StatefulSet", "db", []int{1, 2}, []v1.ContainerPort{{ContainerPort: 5432}, {Name: "dns", ContainerPort: 53, Protocol: v1.ProtocolUDP}}},
	{"default", "my-app", "", "my-app", []int{1}, nil},
	{"default", "allowed", "", "allowed-app", []int{2}, nil},
	{"other", "web", "ReplicaSet", "web", []int{2, 2}, []v1.ContainerPort{{Name: "http", ContainerPort: 8080}}},
	{"other", "lone", "", "third", []int{1}, []v1.ContainerPort{{Name: "http", ContainerPort: 80}}},
}

// world is two namespaces and some workloads on two nodes.
func world(dualStack bool) Input {
	in := Input{Now: policy.Input{Namespaces: []*v1.Namespace{
		{ObjectMeta: metav1.ObjectMeta{Name: "default", Labels: map[string]string{"team": "a", v1.LabelMetadataName: "default"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{"team": "b", v1.LabelMetadataName: "other"}}},
	}}}
	next := map[int]int{}
	for _, w := range workloads {
		for i, node := range w.nodes {
			in.Now.Pods = append(in.Now.Pods, w.pod(i, node, 2+next[node], dualStack))
			next[node]++
		}
	}
	for i := 1; i <= 2; i++ {
		in.Places = append(in.Places, Place{ID: fmt.Sprintf("node/node-%d", i), Kind: "Node", Name: fmt.Sprintf("node-%d", i), IPs: ips("172.18.0", 10+i, dualStack)})
	}
	in.Places = append(in.Places, Place{ID: "client", Kind: "Client", Name: "client", IPs: ips("172.18.0", 100, dualStack)})
	return in
}

func (w pods) pod(i, node, n int, dualStack bool) *v1.Pod {
	p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: w.owner, Labels: map[string]string{"app": w.app}}}
	if yes := true; w.kind != "" {
		p.Name = fmt.Sprintf("%s-%d", w.owner, i)
		owner := w.owner
		if w.kind == "ReplicaSet" {
			p.Labels["pod-template-hash"] = "5d8f"
			owner += "-5d8f"
		}
		p.OwnerReferences = []metav1.OwnerReference{{Kind: w.kind, Name: owner, Controller: &yes}}
	}
	p.Spec = v1.PodSpec{NodeName: fmt.Sprintf("node-%d", node), Containers: []v1.Container{{Name: "main", Ports: w.ports}}}
	p.Status.Phase = v1.PodRunning
	for _, a := range ips(fmt.Sprintf("10.244.%d", node), n, dualStack) {
		p.Status.PodIPs = append(p.Status.PodIPs, v1.PodIP{IP: a.String()})
	}
	for _, a := range ips("172.18.0", 10+node, dualStack) {
		p.Status.HostIPs = append(p.Status.HostIPs, v1.HostIP{IP: a.String()})
	}
	return p
}

// ips are an address, and its like of IPv6.
func ips(net string, n int, dualStack bool) []netip.Addr {
	a := netip.MustParseAddr(fmt.Sprintf("%s.%d", net, n))
	if !dualStack {
		return []netip.Addr{a}
	}
	b := a.As4()
	return []netip.Addr{a, netip.MustParseAddr(fmt.Sprintf("fd00:%d:%d:%d::%d", b[0], b[1], b[2], b[3]))}
}

// generate makes policies whose names are few, so that some take the place of others.
func generate(r *rand.Rand) (out []*networking.NetworkPolicy) {
	chance := func(n int) bool { return r.IntN(n) == 0 }
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	selector := func() *metav1.LabelSelector {
		switch r.IntN(3) {
		case 0:
			return &metav1.LabelSelector{}
		case 1:
			return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{pick("my-app", "web", "db")}}}}
		}
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": pick("my-app", "allowed-app", "web", "db", "third")}}
	}
	peers := func() (out []networking.NetworkPolicyPeer) {
		for range r.IntN(3) {
			var x networking.NetworkPolicyPeer
			switch r.IntN(4) {
			case 0: // which tells replicas apart, and nodes
				x.IPBlock = &networking.IPBlock{CIDR: pick("10.244.0.0/16", "10.244.1.0/24", "10.244.1.2/31", "0.0.0.0/0", "::/0", "fd00:10:244:1::/64", "172.18.0.11/32", "172.18.0.64/26")}
			case 1:
				x.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": pick("a", "b")}}
			case 2:
				x.NamespaceSelector, x.PodSelector = &metav1.LabelSelector{}, selector()
			default:
				x.PodSelector = selector()
			}
			out = append(out, x)
		}
		return out
	}
	ports := func() (out []networking.NetworkPolicyPort) {
		for range r.IntN(3) {
			protocol := v1.Protocol(pick("TCP", "TCP", "UDP"))
			x := networking.NetworkPolicyPort{Protocol: &protocol}
			switch r.IntN(4) {
			case 0:
				n := intstr.FromInt32(int32([]int{53, 80, 8080, 5432}[r.IntN(4)]))
				x.Port = &n
			case 1:
				n, end := intstr.FromInt32(int32(50+r.IntN(5))), int32(54+r.IntN(30))
				x.Port, x.EndPort = &n, &end
			case 2:
				n := intstr.FromString(pick("http", "dns"))
				x.Port = &n
			}
			out = append(out, x)
		}
		return out
	}
	for range r.IntN(4) {
		p := &networking.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: pick("default", "default", "other"), Name: pick("p1", "p2", "p3", "p4")}}
		p.Spec.PodSelector = *selector()
		if chance(2) {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networking.PolicyTypeIngress)
			for range r.IntN(3) {
				p.Spec.Ingress = append(p.Spec.Ingress, networking.NetworkPolicyIngressRule{From: peers(), Ports: ports()})
			}
		}
		if len(p.Spec.PolicyTypes) == 0 || chance(2) {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networking.PolicyTypeEgress)
			for range r.IntN(3) {
				p.Spec.Egress = append(p.Spec.Egress, networking.NetworkPolicyEgressRule{To: peers(), Ports: ports()})
			}
		}
		out = append(out, p)
	}
	return out
}
