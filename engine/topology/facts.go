package topology

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podhop/podhop/engine/model"
)

// facts gathers what is said; what is empty is not.
type facts []model.Fact

func (f *facts) add(name string, values ...string) {
	if value := strings.Join(values, ", "); value != "" {
		*f = append(*f, model.Fact{Name: name, Value: value})
	}
}

func nodeFacts(node *corev1.Node) []model.Fact {
	var f facts
	f.add(name(node.Spec.PodCIDRs, "Pod CIDR"), node.Spec.PodCIDRs...)
	var taints []string
	for i := range node.Spec.Taints {
		taints = append(taints, node.Spec.Taints[i].ToString())
	}
	f.add(name(taints, "Taint"), taints...)
	info := &node.Status.NodeInfo
	f.add("Kubelet", info.KubeletVersion)
	f.add("Runtime", info.ContainerRuntimeVersion)
	f.add("Kernel", info.KernelVersion)
	return f
}

func podFacts(pod *corev1.Pod) []model.Fact {
	var f facts
	if pod.Spec.HostNetwork {
		f.add("Network", "its node's own")
	}
	if p := pod.Spec.DNSPolicy; p != "" && p != corev1.DNSClusterFirst {
		f.add("DNS policy", string(p))
	}
	if pod.Spec.Subdomain != "" {
		f.add("Subdomain", pod.Spec.Subdomain)
	}
	return f
}

// serviceFacts leaves out what every Service has unless it is told otherwise.
func serviceFacts(service *corev1.Service) []model.Fact {
	var f facts
	spec := &service.Spec
	f.add("External name", spec.ExternalName)
	f.add("Selector", labels.Set(spec.Selector).String())
	if len(spec.IPFamilies) > 1 {
		f.add("IP families", string(spec.IPFamilies[0]), string(spec.IPFamilies[1]))
	}
	if spec.SessionAffinity == corev1.ServiceAffinityClientIP {
		held := ""
		if c := spec.SessionAffinityConfig; c != nil && c.ClientIP != nil && c.ClientIP.TimeoutSeconds != nil {
			held = fmt.Sprintf(" for %v", time.Duration(*c.ClientIP.TimeoutSeconds)*time.Second)
		}
		f.add("Session affinity", string(spec.SessionAffinity)+held)
	}
	if spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		f.add("External traffic", "Local")
	}
	if p := spec.InternalTrafficPolicy; p != nil && *p == corev1.ServiceInternalTrafficPolicyLocal {
		f.add("Internal traffic", "Local")
	}
	if spec.TrafficDistribution != nil {
		f.add("Traffic distribution", *spec.TrafficDistribution)
	}
	if spec.LoadBalancerClass != nil {
		f.add("Class", *spec.LoadBalancerClass)
	}
	f.add("Source ranges", spec.LoadBalancerSourceRanges...)
	if spec.HealthCheckNodePort != 0 {
		f.add("Health check port", strconv.Itoa(int(spec.HealthCheckNodePort)))
	}
	if spec.PublishNotReadyAddresses {
		f.add("Not ready endpoints", "published")
	}
	return f
}

// name is one with an s where there are several.
func name(values []string, one string) string {
	if len(values) > 1 {
		return one + "s"
	}
	return one
}
