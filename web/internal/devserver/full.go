package devserver

import (
	"fmt"

	"github.com/podhop/podhop/engine/model"
)

// addFull tells of a cluster with one of everything that its network can have.
func (c *Cluster) addFull() {
	c.put(model.Vertex{ID: "control-plane", Kind: "ControlPlane", Name: "control-plane", IPs: []string{"172.18.0.10"}, Status: "Ready", Ready: true})
	app := func(name string) map[string]string { return map[string]string{"app": name} }
	c.addPod("allowed", app("allowed-app"), "")
	c.addWorkload("my-deployment", 3, app("my-app"))
	c.addWorkload("app1", 2, app("app1"))
	c.addService("my-service", app("my-app"), 80)
	c.addService("app1-service", app("app1"), 80)
	c.addService("app2-service", app("app2"), 80)
	c.change("service/default/my-service", func(v *model.Vertex) {
		v.Status, v.External, v.Ports[0].NodePort = "LoadBalancer", []string{"203.0.113.1"}, 31234
		v.Facts = []model.Fact{{Name: "Selector", Value: "app=my-app"}, {Name: "External traffic", Value: "Local"}}
	})
	c.put(model.Vertex{ID: "service/default/elsewhere", Kind: "Service", Namespace: "default", Name: "elsewhere", Status: "ExternalName", Ready: true,
		Message: "an alias of example.org", Facts: []model.Fact{{Name: "External name", Value: "example.org"}}, Created: now()})
	c.put(model.Vertex{ID: "ingress/default/my-ingress", Kind: "Ingress", Namespace: "default", Name: "my-ingress", Status: "served", Ready: true, External: []string{"203.0.113.2"},
		Facts: []model.Fact{{Name: "Class", Value: "podhop"}}, Created: now(),
		Rules: []model.Rule{
			{Host: "example.com", Path: "/app1", Text: "Prefix", To: "service/default/app1-service", Port: "http"},
			{Host: "example.com", Path: "/app2", Text: "Prefix", To: "service/default/app2-service", Port: "http"},
			{Host: "example.com", Path: "/app3", Text: "Prefix", To: "service/default/app3-service", Port: "http"}},
		Message: "there is no Service app3-service"})
	c.put(model.Vertex{ID: "pod/ingress-podhop/proxy-0", Kind: "Pod", Namespace: "ingress-podhop", Name: "proxy-0", Parent: "node/node-2", IPs: []string{"10.244.2.9"},
		Status: "Running", Ready: true, Ports: []model.Port{{Protocol: "TCP", Port: 80}}, Created: now() + 100})
	policy := model.Vertex{ID: "networkpolicy/default/my-network-policy", Kind: "NetworkPolicy", Namespace: "default", Name: "my-network-policy", Status: "Ingress", Ready: true,
		Rules: []model.Rule{{Text: "ingress 1: from pods app=allowed-app, port TCP 80"}}, Facts: []model.Fact{{Name: "Selects", Value: "pods app=my-app"}}, Created: now()}
	var edges []model.Edge
	c.mu.Lock()
	for id, v := range c.vertices {
		if v.Kind == "Pod" && v.Labels["app"] == "my-app" {
			edges = append(edges, model.Edge{Kind: "policy", From: policy.ID, To: id, Ready: true})
			policy.Have++
		}
	}
	c.mu.Unlock()
	c.put(policy)
	for n := 1; n <= 2; n++ {
		edges = append(edges, model.Edge{Kind: "backend", From: "ingress/default/my-ingress", To: fmt.Sprintf("service/default/app%d-service", n), Ready: true})
	}
	c.join(edges)
	c.change("pod/default/allowed", func(v *model.Vertex) {
		v.CNI = &model.CNI{Plugin: "ptp", Args: []string{"CNI_COMMAND=ADD", "CNI_CONTAINERID=3f1c", "CNI_NETNS=/proc/71/ns/net", "CNI_IFNAME=eth0", "CNI_ARGS=K8S_POD_NAMESPACE=default;K8S_POD_NAME=allowed"},
			Config: "{\n  \"cniVersion\": \"1.1.0\",\n  \"name\": \"podhop\",\n  \"type\": \"ptp\"\n}",
			Result: "{\n  \"cniVersion\": \"1.1.0\",\n  \"interfaces\": [{\"name\": \"eth0\"}],\n  \"ips\": [{\"address\": \"10.244.1.2/32\"}]\n}"}
	})
	c.change("pod/default/allowed", func(v *model.Vertex) {
		v.Containers = append(v.Containers, model.Container{Name: "sidecar", Image: "busybox", State: "running", Ready: true})
	})
	nodes := c.nodes()
	c.tellNode(nodes[1], "cordon")
	c.tellNode(nodes[2], "stop")
	_, _ = c.Request(model.Request{From: "pod/default/allowed", To: "http://10.96.41.7"})
}

func (c *Cluster) change(id string, f func(*model.Vertex)) {
	c.mu.Lock()
	v := c.vertices[id]
	c.mu.Unlock()
	f(&v)
	c.put(v)
}

func (c *Cluster) join(edges []model.Edge) {
	c.mu.Lock()
	for i := range edges {
		edges[i].ID = edges[i].From + "->" + edges[i].To
		c.edges[edges[i].ID] = edges[i]
	}
	c.mu.Unlock()
	c.feed.push(model.Message{Type: "topology", Topology: &model.Diff{PutEdges: edges}})
}
