package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// portOf compiles a port; pods are those that its name is looked up in.
func portOf(p *networking.NetworkPolicyPort, pods func() []*pod) port {
	w := port{protocol: protocolOf(p)}
	switch {
	case p.Port == nil:
	case p.Port.Type == intstr.Int:
		w.first = uint16(p.Port.IntVal)
		w.last = w.first
		if p.EndPort != nil {
			w.last = uint16(*p.EndPort)
		}
	default:
		w.isNamed = true
		for _, q := range pods() {
			for _, number := range q.ports(p.Port.StrVal, w.protocol) {
				for _, a := range q.ips {
					w.named = append(w.named, netip.AddrPortFrom(a, number))
				}
			}
		}
		slices.SortFunc(w.named, compareAddrPort)
		w.named = slices.Compact(w.named)
	}
	return w
}

// ports are the numbers of a pod's container ports of a name.
func (p *pod) ports(name string, protocol v1.Protocol) (out []uint16) {
	look := func(all []v1.ContainerPort) {
		for _, c := range all {
			if c.Name == name && (c.Protocol == protocol || c.Protocol == "" && protocol == v1.ProtocolTCP) {
				out = append(out, uint16(c.ContainerPort))
			}
		}
	}
	for i := range p.object.Spec.InitContainers { // of which sidecars listen
		look(p.object.Spec.InitContainers[i].Ports)
	}
	for i := range p.object.Spec.Containers {
		look(p.object.Spec.Containers[i].Ports)
	}
	return out
}

func (w *port) admits(to netip.Addr, protocol v1.Protocol, number uint16) bool {
	switch {
	case w.protocol == "":
		return true
	case w.protocol != protocol:
		return false
	case w.isNamed:
		_, found := slices.BinarySearchFunc(w.named, netip.AddrPortFrom(to, number), compareAddrPort)
		return found
	case w.last == 0:
		return true
	}
	return w.first <= number && number <= w.last
}

func protocolOf(p *networking.NetworkPolicyPort) v1.Protocol {
	if p.Protocol == nil {
		return v1.ProtocolTCP
	}
	return *p.Protocol
}

// portText is what a sentence calls a port; TCP goes without saying.
func portText(p *networking.NetworkPolicyPort) string {
	protocol := protocolOf(p)
	if p.Port == nil {
		return fmt.Sprintf("any %s port", protocol)
	}
	text := "port " + p.Port.String()
	if p.EndPort != nil {
		text = fmt.Sprintf("ports %s-%d", p.Port, *p.EndPort)
	}
	if protocol != v1.ProtocolTCP {
		text = string(protocol) + " " + text
	}
	return text
}

// peerText is what a sentence calls a peer.
func peerText(x *networking.NetworkPolicyPeer) string {
	if b := x.IPBlock; b != nil {
		if len(b.Except) > 0 {
			return b.CIDR + " except " + strings.Join(b.Except, " ")
		}
		return b.CIDR
	}
	text := "all pods"
	if s := x.PodSelector; s != nil && (len(s.MatchLabels) > 0 || len(s.MatchExpressions) > 0) {
		text = metav1.FormatLabelSelector(s)
	}
	switch n := x.NamespaceSelector; {
	case n == nil:
		return text
	case len(n.MatchLabels) == 0 && len(n.MatchExpressions) == 0:
		return text + " of all namespaces"
	default:
		return text + " of namespaces " + metav1.FormatLabelSelector(n)
	}
}
