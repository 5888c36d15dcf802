package topology

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podhop/podhop/engine/model"
)

// policies adds the NetworkPolicies, and an edge from each to the pods that it
// selects. What they forbid is engine/policy's to say, and the kernel's.
func policies(o *Objects, g *model.Graph) {
	for _, policy := range o.NetworkPolicies {
		v := vertex("NetworkPolicy", &policy.ObjectMeta)
		var types []string
		for _, t := range policy.Spec.PolicyTypes {
			types = append(types, string(t))
		}
		v.Status, v.Ready = strings.Join(types, ", "), true
		v.Rules = policyRules(&policy.Spec)
		selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err != nil { // the API server would not have taken it
			selector = labels.Nothing()
		}
		for _, pod := range o.Pods {
			// Pods on their node's network are not isolated by any policy.
			if pod.Namespace != policy.Namespace || pod.Spec.HostNetwork || !selector.Matches(labels.Set(pod.Labels)) {
				continue
			}
			to := ID("Pod", pod.Namespace, pod.Name)
			g.Edges = append(g.Edges, model.Edge{ID: v.ID + "->" + to, Kind: "policy", From: v.ID, To: to, Ready: true})
			v.Have++
		}
		v.Want = v.Have
		v.Facts = []model.Fact{{Name: "Selects", Value: selectorText(&policy.Spec.PodSelector, "pods", "all pods of the namespace")}}
		if v.Have == 0 {
			v.Message = "it selects no pod"
		}
		g.Vertices = append(g.Vertices, v)
	}
}

// policyRules words each rule, and a direction that has none.
func policyRules(spec *networkingv1.NetworkPolicySpec) []model.Rule {
	var rules []model.Rule
	say := func(format string, args ...any) {
		rules = append(rules, model.Rule{Text: fmt.Sprintf(format, args...)})
	}
	for _, direction := range spec.PolicyTypes {
		switch direction {
		case networkingv1.PolicyTypeIngress:
			for i, rule := range spec.Ingress {
				say("ingress %d: from %s, %s", i+1, peersText(rule.From), portsText(rule.Ports))
			}
			if len(spec.Ingress) == 0 {
				say("ingress: from nobody")
			}
		case networkingv1.PolicyTypeEgress:
			for i, rule := range spec.Egress {
				say("egress %d: to %s, %s", i+1, peersText(rule.To), portsText(rule.Ports))
			}
			if len(spec.Egress) == 0 {
				say("egress: to nobody")
			}
		}
	}
	return rules
}

func peersText(peers []networkingv1.NetworkPolicyPeer) string {
	if len(peers) == 0 {
		return "anywhere"
	}
	var all []string
	for _, peer := range peers {
		switch {
		case peer.IPBlock != nil:
			text := peer.IPBlock.CIDR
			if len(peer.IPBlock.Except) > 0 {
				text += " except " + strings.Join(peer.IPBlock.Except, ", ")
			}
			all = append(all, text)
		case peer.NamespaceSelector == nil:
			all = append(all, selectorText(peer.PodSelector, "pods", "any pod of the namespace"))
		case peer.PodSelector == nil:
			all = append(all, "any pod of "+selectorText(peer.NamespaceSelector, "namespaces", "any namespace"))
		default:
			all = append(all, selectorText(peer.PodSelector, "pods", "any pod")+" of "+
				selectorText(peer.NamespaceSelector, "namespaces", "any namespace"))
		}
	}
	return strings.Join(all, " or ")
}

func portsText(ports []networkingv1.NetworkPolicyPort) string {
	if len(ports) == 0 {
		return "any port"
	}
	var all []string
	for _, port := range ports {
		text := string(corev1.ProtocolTCP)
		if port.Protocol != nil {
			text = string(*port.Protocol)
		}
		if port.Port != nil {
			text += " " + port.Port.String()
			if port.EndPort != nil {
				text += fmt.Sprintf("-%d", *port.EndPort)
			}
		}
		all = append(all, text)
	}
	return "port " + strings.Join(all, " or ")
}

// selectorText is kubectl's writing of a selector after what it selects, or empty
// where it selects everything.
func selectorText(selector *metav1.LabelSelector, what, all string) string {
	text := metav1.FormatLabelSelector(selector)
	if selector == nil || text == "<none>" {
		return all
	}
	return what + " " + text
}
