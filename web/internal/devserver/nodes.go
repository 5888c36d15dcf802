package devserver

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// addNode tells of a node with the lowest number that is free.
func (c *Cluster) addNode() (string, bool) {
	c.mu.Lock()
	n := 1
	for ; n <= 5; n++ {
		if _, taken := c.vertices[fmt.Sprintf("node/node-%d", n)]; !taken {
			break
		}
	}
	c.mu.Unlock()
	if n > 5 {
		return "", false
	}
	name := fmt.Sprintf("node-%d", n)
	c.put(model.Vertex{ID: "node/" + name, Kind: "Node", Name: name, IPs: []string{fmt.Sprintf("172.18.0.1%d", n)}, Status: "Ready", Ready: true, Created: now(),
		Conditions: []model.Condition{
			{Type: "MemoryPressure", Status: "False", Reason: "KubeletHasSufficientMemory", Message: "kubelet has sufficient memory available"},
			{Type: "DiskPressure", Status: "False", Reason: "KubeletHasNoDiskPressure", Message: "kubelet has no disk pressure"},
			{Type: "Ready", Status: "True", Reason: "KubeletReady", Message: "kubelet is posting ready status"}},
		Facts: []model.Fact{{Name: "Pod CIDR", Value: fmt.Sprintf("10.244.%d.0/24", n)}, {Name: "Kubelet", Value: "v1.36.2"}, {Name: "Runtime", Value: "crun://1.8.1"}, {Name: "Kernel", Value: "6.1.0-32-amd64"}}})
	return name, true
}

// nodes are the vertices of the nodes there are, in order.
func (c *Cluster) nodes() []model.Vertex {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []model.Vertex
	for n := 1; n <= 5; n++ {
		if v, ok := c.vertices[fmt.Sprintf("node/node-%d", n)]; ok {
			all = append(all, v)
		}
	}
	return all
}

// sayOptions tells viewers what the cluster is made with now.
func (c *Cluster) sayOptions(change func(*model.SessionOptions)) {
	c.mu.Lock()
	change(&c.options)
	c.mu.Unlock()
	s := c.Session()
	c.feed.push(model.Message{Type: "session", Session: &s})
}

func (c *Cluster) removeNode(name string) {
	c.mu.Lock()
	var diff model.Diff
	for id, v := range c.vertices {
		if id == "node/"+name || v.Parent == "node/"+name {
			diff.Remove = append(diff.Remove, id)
			delete(c.vertices, id)
		}
	}
	for id, e := range c.edges {
		if slices.Contains(diff.Remove, e.To) {
			diff.RemoveEdges = append(diff.RemoveEdges, id)
			delete(c.edges, id)
		}
	}
	c.mu.Unlock()
	c.feed.push(model.Message{Type: "topology", Topology: &diff})
	c.reconcile()
}

// tellNode does what the real server's verbs do to a node's vertex.
func (c *Cluster) tellNode(v model.Vertex, verb string) bool {
	const disabled = ",SchedulingDisabled"
	switch verb {
	case "cordon":
		v.Status = strings.TrimSuffix(v.Status, disabled) + disabled
	case "uncordon":
		v.Status = strings.TrimSuffix(v.Status, disabled)
	case "stop":
		v.Ready = false
		v.Status, v.Message = strings.Replace(v.Status, "Ready", "NotReady", 1), "Kubelet stopped posting node status."
	case "start":
		v.Ready = true
		v.Status, v.Message = strings.Replace(v.Status, "NotReady", "Ready", 1), ""
	default:
		return false
	}
	c.put(v)
	c.mu.Lock()
	c.stopped = slices.DeleteFunc(c.stopped, func(name string) bool { return name == v.Name })
	if !v.Ready {
		c.stopped = append(c.stopped, v.Name)
	}
	c.mu.Unlock()
	c.sayOptions(func(*model.SessionOptions) {})
	return true
}

func changeNode(c *Cluster, w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	v, ok := c.vertices["node/"+r.PathValue("name")]
	c.mu.Unlock()
	if !ok {
		problem(w, http.StatusNotFound, "Not found", "there is no node "+r.PathValue("name"))
		return
	}
	switch verb := r.PathValue("verb"); {
	case r.Method == http.MethodDelete && len(c.nodes()) == 1:
		problem(w, http.StatusConflict, "Conflict", "a cluster needs at least one node")
		return
	case r.Method == http.MethodDelete:
		c.removeNode(v.Name)
		c.sayOptions(func(o *model.SessionOptions) { o.Nodes-- })
	case !c.tellNode(v, verb):
		problem(w, http.StatusNotFound, "Not found", "there is no verb "+verb)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func addNode(c *Cluster, w http.ResponseWriter, _ *http.Request) {
	name, ok := c.addNode()
	if !ok {
		problem(w, http.StatusConflict, "Conflict", "a session has at most 5 nodes")
		return
	}
	c.sayOptions(func(o *model.SessionOptions) { o.Nodes++ })
	answer(w, http.StatusCreated, map[string]string{"name": name})
}

func changeSession(c *Cluster, w http.ResponseWriter, r *http.Request) {
	var o model.SessionOptions
	if !read(w, r, &o) {
		return
	}
	if !slices.Contains([]string{"routed", "bridge", "vxlan"}, o.CNI) {
		problem(w, http.StatusUnprocessableEntity, "Invalid", "cni "+strconv.Quote(o.CNI)+": must be routed, bridge or vxlan")
		return
	}
	c.sayOptions(func(old *model.SessionOptions) { old.CNI = o.CNI })
	answer(w, http.StatusOK, c.Session())
}

// look answers with what a node's kernel might say.
func look(c *Cluster, w http.ResponseWriter, r *http.Request) {
	node, at := r.PathValue("name"), r.URL.Query().Get("at")
	text, ok := map[string]string{
		"addr": "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    inet 127.0.0.1/8 scope host lo\n" +
			"2: eth0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n    inet 172.18.0.11/24 brd 172.18.0.255 scope global eth0\n",
		"route":     "10.244.1.2 dev veth001000 scope link\n10.244.2.0/24 via 172.18.0.12 dev eth0\n10.244.3.0/24 via 172.18.0.13 dev eth0\n172.18.0.0/24 dev eth0 proto kernel scope link src 172.18.0.11\n",
		"neigh":     "172.18.0.12 dev eth0 lladdr 02:42:ac:12:00:0c REACHABLE\n",
		"link":      "2: eth0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500\n",
		"nft":       "table ip kube-proxy {\n\tmap service-ips {\n\t\ttype ipv4_addr . inet_proto . inet_service : verdict\n\t}\n}\n",
		"conntrack": "tcp      6 119 TIME_WAIT src=10.244.1.2 dst=10.96.41.7 sport=47298 dport=80 src=10.244.2.3 dst=10.244.1.2 sport=80 dport=47298 [ASSURED] mark=0 use=1\n",
		"route6":    "fd00:172:18::/64 dev eth0 proto kernel metric 256 pref medium\n",
		"fdb":       "0a:58:ac:12:00:0c dev flannel.1 dst 172.18.0.12 self permanent\n",
		"ss":        "",
		"cni":       "{\n  \"cniVersion\": \"1.1.0\",\n  \"name\": \"podhop\",\n  \"plugins\": [{\"type\": \"ptp\"}]\n}\n",
	}[at]
	if !ok {
		problem(w, http.StatusUnprocessableEntity, "Invalid", "at "+strconv.Quote(at)+": must be addr, route, route6, neigh, link, fdb, nft, conntrack, ss or cni")
		return
	}
	c.mu.Lock()
	_, there := c.vertices["node/"+node]
	there = there || node == "client" || node == "underlay"
	c.mu.Unlock()
	if !there {
		problem(w, http.StatusNotFound, "Not found", "there is no node "+node)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text))
}
