package topology

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/model"
)

// Build is the whole graph, sorted by ID.
func Build(o *Objects, n *Network) model.Graph {
	g := model.Graph{
		Vertices: make([]model.Vertex, 0, len(n.Places)+len(o.Namespaces)+len(o.Nodes)+len(o.Pods)+len(o.Services)+len(o.ReplicaSets)+len(o.Deployments)),
		Edges:    []model.Edge{},
	}
	g.Vertices = append(g.Vertices, n.Places...)
	for _, namespace := range o.Namespaces {
		v := vertex("Namespace", &namespace.ObjectMeta)
		v.Status = string(namespace.Status.Phase)
		v.Ready = namespace.Status.Phase == corev1.NamespaceActive
		g.Vertices = append(g.Vertices, v)
	}
	for _, node := range o.Nodes {
		g.Vertices = append(g.Vertices, nodeVertex(node))
	}
	for _, pod := range o.Pods {
		g.Vertices = append(g.Vertices, podVertex(pod))
	}
	workloads(o, &g)
	services(o, &g)
	ingresses(o, &g)
	gateways(o, &g)
	policies(o, &g)
	for i := range g.Vertices {
		v := &g.Vertices[i]
		v.Wiring, v.CNI = n.Wiring[v.ID], n.CNI[v.ID]
	}
	g.Sort()
	return g
}

func nodeVertex(node *corev1.Node) model.Vertex {
	v := vertex("Node", &node.ObjectMeta)
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			v.IPs = append(v.IPs, address.Address)
		}
	}
	v.Status, v.Ready, v.Message = nodeStatus(node)
	for _, c := range node.Status.Conditions {
		v.Conditions = append(v.Conditions, model.Condition{Type: string(c.Type), Status: string(c.Status), Reason: c.Reason, Message: c.Message})
	}
	v.Facts = nodeFacts(node)
	return v
}

func podVertex(pod *corev1.Pod) model.Vertex {
	v := vertex("Pod", &pod.ObjectMeta)
	if pod.Spec.NodeName != "" {
		v.Parent = ID("Node", "", pod.Spec.NodeName)
	}
	for _, ip := range pod.Status.PodIPs {
		v.IPs = append(v.IPs, ip.IP)
	}
	status := podStatus(pod)
	v.Status, v.Have, v.Want, v.Restarts = status.reason, status.ready, status.containers, status.restarts
	v.Ready = podCondition(pod, corev1.PodReady)
	v.Message = podMessage(pod)
	statuses := map[string]*corev1.ContainerStatus{}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			statuses[list[i].Name] = &list[i]
		}
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			v.Containers = append(v.Containers, container(&list[i], statuses[list[i].Name]))
		}
	}
	for i := range pod.Spec.Containers {
		for _, port := range pod.Spec.Containers[i].Ports {
			v.Ports = append(v.Ports, model.Port{Name: port.Name, Protocol: string(port.Protocol), Port: int(port.ContainerPort)})
		}
	}
	v.Facts = podFacts(pod)
	return v
}

func container(spec *corev1.Container, status *corev1.ContainerStatus) model.Container {
	c := model.Container{Name: spec.Name, Image: spec.Image, State: "waiting"}
	if status == nil {
		return c
	}
	c.Ready, c.Restarts = status.Ready, int(status.RestartCount)
	switch state := &status.State; {
	case state.Running != nil:
		c.State = "running"
	case state.Terminated != nil:
		c.State, c.Reason, c.Message = "terminated", state.Terminated.Reason, state.Terminated.Message
		if c.Reason == "" {
			c.Reason = exitReason(state.Terminated)
		}
	case state.Waiting != nil:
		c.Reason, c.Message = state.Waiting.Reason, state.Waiting.Message
	}
	return c
}

// servicePort is one port of a Service as the map shows it.
func servicePort(port *corev1.ServicePort) model.Port {
	target := port.TargetPort.String()
	if target == "0" {
		target = strconv.Itoa(int(port.Port))
	}
	return model.Port{
		Name: port.Name, Protocol: string(port.Protocol), Port: int(port.Port),
		Target: target, NodePort: int(port.NodePort),
	}
}

// clusterIPs are none for headless Services and aliases.
func clusterIPs(service *corev1.Service) []string {
	var ips []string
	for _, ip := range service.Spec.ClusterIPs {
		if ip != corev1.ClusterIPNone && ip != "" {
			ips = append(ips, ip)
		}
	}
	return ips
}

// externalIPs are those of the load balancer, then spec.externalIPs.
func externalIPs(service *corev1.Service) []string {
	var ips []string
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if ingress.IP != "" {
			ips = append(ips, ingress.IP)
		} else if ingress.Hostname != "" {
			ips = append(ips, ingress.Hostname)
		}
	}
	return append(ips, service.Spec.ExternalIPs...)
}

// join puts several messages into one line.
func join(messages []string) string { return strings.Join(messages, "; ") }
