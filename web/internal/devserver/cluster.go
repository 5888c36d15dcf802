package devserver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A Cluster tells of objects as the engine would, without having any.
type Cluster struct {
	viewed   viewed
	base, id string
	pace     time.Duration
	feed     *feed
	kube     *Kube

	terminals terminals

	mu       sync.Mutex
	options  model.SessionOptions
	stopped  []string // names of nodes
	faults   []model.Fault
	vertices map[string]model.Vertex
	edges    map[string]model.Edge
	events   []model.Event
	begun    map[model.StepRequest]bool
	journeys []model.Journey
	expires  time.Time
	pods     int // how many there ever were
	packets  int // how many conversations there ever were
}

func newCluster(base, id string, pace time.Duration, o model.SessionOptions) *Cluster {
	c := &Cluster{base: base, id: id, pace: pace, options: o, kube: newKube(), vertices: map[string]model.Vertex{}, edges: map[string]model.Edge{}, expires: time.Now().Add(2 * time.Hour)}
	c.feed = newFeed(c.snapshot)
	for range max(1, o.Nodes) {
		c.addNode()
	}
	c.put(model.Vertex{ID: "client", Kind: "Client", Name: "client", IPs: []string{"172.18.0.100"}, Ready: true})
	c.put(model.Vertex{ID: "underlay", Kind: "Underlay", Name: "underlay", IPs: []string{"172.18.0.0/24"}, Ready: true})
	c.put(model.Vertex{ID: "service/default/kubernetes", Kind: "Service", Namespace: "default", Name: "kubernetes", Status: "ClusterIP",
		IPs: []string{"10.96.0.1"}, Ports: []model.Port{{Name: "https", Protocol: "TCP", Port: 443, Target: "6443"}}, Ready: true, Have: 1, Want: 1})
	if strings.HasPrefix(id, "demo") {
		c.pace = 0
		c.addPod("my-pod", nil, "")
		c.addWorkload("my-deployment", 3, map[string]string{"app": "my-app"})
		c.addService("my-service", map[string]string{"app": "my-app"}, 80)
		c.pace = pace
		_, _ = c.Request(model.Request{From: "pod/default/my-pod", To: "http://10.96.41.7"})
	}
	if strings.HasPrefix(id, "odd") {
		c.put(model.Vertex{ID: "node/node-3", Kind: "Node", Name: "node-3", IPs: []string{"172.18.0.13"}, Status: "NotReady", Message: "kubelet stopped posting node status", Created: now()})
		for i, status := range []string{"ImagePullBackOff", "Terminating", "CrashLoopBackOff", "Completed", "Running"} {
			c.put(model.Vertex{ID: "pod/default/odd-" + fmt.Sprint(i), Kind: "Pod", Namespace: "default", Name: "odd-" + fmt.Sprint(i), Parent: fmt.Sprintf("node/node-%d", i%3+1),
				IPs: []string{fmt.Sprintf("10.244.%d.%d", i%3+1, i/3+2)}, Status: status, Message: "Back-off pulling image \"ngnix\"", Created: now() + int64(i), Restarts: i})
		}
		c.put(model.Vertex{ID: "pod/kube-system/big-one", Kind: "Pod", Namespace: "kube-system", Name: "big-one", Status: "Pending", Message: "0/3 nodes are available: 3 Insufficient memory.", Created: now()})
		c.event("Pod", "odd-0", "Failed", "Failed to pull image \"ngnix\": not found", "Warning")
		c.addService("nobody", map[string]string{"app": "none"}, 80)
	}
	if strings.HasPrefix(id, "full") {
		c.pace = 0
		c.addFull()
		c.pace = pace
	}
	if strings.HasPrefix(id, "many") {
		c.pace = 0
		c.addPod("my-pod", nil, "")
		for i := 1; i <= 6; i++ {
			app := map[string]string{"app": fmt.Sprintf("app-%d", i)}
			c.addWorkload(fmt.Sprintf("app-%d", i), 15, app)
			c.addService(fmt.Sprintf("app-%d", i), app, 80)
		}
		c.pace = pace
		_, _ = c.Request(model.Request{From: "pod/default/my-pod", To: "http://10.96.41.7"})
	}
	return c
}

// Session is what the API tells of it.
func (c *Cluster) Session() model.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session()
}

func (c *Cluster) session() model.Session {
	return model.Session{ID: c.id, URL: c.base + "/s/" + c.id, APIServer: "https://localhost:6443", Options: c.options, Stopped: slices.Clone(c.stopped), Faults: slices.Clone(c.faults), ExpiresAt: c.expires.UTC().Format(time.RFC3339)}
}

// Away has the session's server restart, or be there again.
func (c *Cluster) Away(away bool) { c.feed.Away(away) }

// Cut breaks the connections of everybody who looks.
func (c *Cluster) Cut() { c.feed.Cut() }

// Tell puts a message into the stream as it stands.
func (c *Cluster) Tell(m model.Message) { c.feed.push(m) }

// Skip loses a sequence number without a word, as no server should.
func (c *Cluster) Skip() {
	c.feed.mu.Lock()
	defer c.feed.mu.Unlock()
	c.feed.messages = append(c.feed.messages, model.Message{})
}

// Resumed is the sequence number that the last viewer who came back had seen.
func (c *Cluster) Resumed() uint64 {
	c.feed.mu.Lock()
	defer c.feed.mu.Unlock()
	return c.feed.resumed
}

// Viewers counts the connections that there ever were.
func (c *Cluster) Viewers() int {
	c.feed.mu.Lock()
	defer c.feed.mu.Unlock()
	return c.feed.viewers
}

func (c *Cluster) snapshot() model.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := model.Snapshot{Session: c.session(), Capture: model.Capture{Mode: model.CaptureAll}, Journeys: slices.Clone(c.journeys), Events: slices.Clone(c.events)}
	for _, id := range slices.Sorted(maps.Keys(c.vertices)) {
		s.Graph.Vertices = append(s.Graph.Vertices, c.vertices[id])
	}
	for _, id := range slices.Sorted(maps.Keys(c.edges)) {
		s.Graph.Edges = append(s.Graph.Edges, c.edges[id])
	}
	c.viewed.mu.Lock()
	defer c.viewed.mu.Unlock()
	s.Presenting, s.Watching = c.viewed.presenting, c.viewed.watching
	return s
}

func (c *Cluster) put(v model.Vertex) {
	c.mu.Lock()
	c.vertices[v.ID] = v
	c.mu.Unlock()
	c.tellKube(v)
	c.feed.push(model.Message{Type: "topology", Topology: &model.Diff{Put: []model.Vertex{v}}})
}

func (c *Cluster) event(kind, name, reason, message, sort string) {
	e := model.Event{Time: now(), Type: sort, Reason: reason, Object: model.Object{Kind: kind, Namespace: "default", Name: name}, Message: message, Count: 1}
	c.mu.Lock()
	c.events = append(c.events, e)
	c.mu.Unlock()
	c.feed.push(model.Message{Type: "event", Event: &e})
}

// addPod tells a pod's life from Pending to Ready.
func (c *Cluster) addPod(name string, labels map[string]string, owner string) {
	c.mu.Lock()
	n := c.pods
	c.pods++
	c.mu.Unlock()
	nodes := c.nodes()
	node := nodes[n%len(nodes)].Name
	number := strings.TrimPrefix(node, "node-")
	ip := fmt.Sprintf("10.244.%s.%d", number, n/len(nodes)+2)
	v := model.Vertex{ID: "pod/default/" + name, Kind: "Pod", Namespace: "default", Name: name, Owner: owner, Labels: labels, Status: "Pending", Created: now() + int64(n),
		Ports: []model.Port{{Protocol: "TCP", Port: 80}}, Containers: []model.Container{{Name: "my-container", Image: "nginx", State: "waiting", Reason: "ContainerCreating"}}}
	c.put(v)
	veth := fmt.Sprintf("veth%06x", n*7919+4096)
	c.after(1, func() {
		v.Parent, v.Status = "node/"+node, "ContainerCreating"
		c.put(v)
		c.event("Pod", name, "Scheduled", "Successfully assigned default/"+name+" to "+node, "Normal")
		c.after(1, func() {
			v.IPs = []string{ip}
			v.Wiring = []string{
				"ip -n " + node + " link add " + veth + " type veth peer name eth0 netns " + name,
				"ip -n " + name + " addr add " + ip + "/32 dev eth0",
				"ip -n " + name + " route add 10.244." + number + ".1 dev eth0 scope link",
				"ip -n " + name + " route add default via 10.244." + number + ".1",
				"ip -n " + node + " route add " + ip + "/32 dev " + veth + " scope link",
			}
			c.put(v)
			c.after(1, func() {
				v.Status, v.Ready = "Running", true
				v.Containers = []model.Container{{Name: "my-container", Image: "nginx", State: "running", Ready: true}}
				c.put(v)
				c.event("Pod", name, "Started", "Started container my-container", "Normal")
				c.reconcile()
			})
		})
	})
}

func (c *Cluster) after(steps int, f func()) {
	if c.pace == 0 {
		f()
		return
	}
	time.AfterFunc(time.Duration(steps)*c.pace, f)
}

func (c *Cluster) addWorkload(name string, replicas int, labels map[string]string) {
	rs := name + "-7c9f8d6b5"
	c.put(model.Vertex{ID: "deployment/default/" + name, Kind: "Deployment", Namespace: "default", Name: name, Labels: labels, Want: replicas, Created: now()})
	c.put(model.Vertex{ID: "replicaset/default/" + rs, Kind: "ReplicaSet", Namespace: "default", Name: rs, Labels: labels, Owner: "deployment/default/" + name, Want: replicas, Created: now()})
	c.event("Deployment", name, "ScalingReplicaSet", fmt.Sprintf("Scaled up replica set %s from 0 to %d", rs, replicas), "Normal")
	const letters = "bcdfghjklmnpqrstvwxz2456789"
	for i := range replicas {
		suffix := make([]byte, 5)
		for k := range suffix {
			suffix[k] = letters[(i*31+k*17+len(name)*5+i*k*3)%len(letters)]
		}
		c.addPod(rs+"-"+string(suffix), labels, "replicaset/default/"+rs)
	}
}

func (c *Cluster) addService(name string, selector map[string]string, port int) {
	c.mu.Lock()
	n := 0
	for _, v := range c.vertices {
		if v.Kind == "Service" {
			n++
		}
	}
	old, again := c.vertices["service/default/"+name]
	c.mu.Unlock()
	v := model.Vertex{ID: "service/default/" + name, Kind: "Service", Namespace: "default", Name: name, Status: "ClusterIP", Ready: true, Labels: selector,
		IPs: []string{fmt.Sprintf("10.96.41.%d", 6+n)}, Ports: []model.Port{{Protocol: "TCP", Port: port, Target: fmt.Sprint(port)}}, Created: now()}
	if again {
		v.IPs = old.IPs
	}
	c.put(v)
	c.reconcile()
}

// reconcile sets endpoints and counts to what the pods say.
func (c *Cluster) reconcile() {
	c.mu.Lock()
	var diff model.Diff
	for id, v := range c.vertices {
		have := 0
		for _, p := range c.vertices {
			if p.Kind != "Pod" || !p.Ready || (v.Kind == "Service" && len(v.Labels) == 0) {
				continue
			}
			edge := model.Edge{ID: id + ">" + p.ID, Kind: "endpoint", From: id, To: p.ID, Ready: true}
			if v.Kind == "Service" && matches(v.Labels, p.Labels) {
				have++
				if _, ok := c.edges[edge.ID]; !ok {
					c.edges[edge.ID] = edge
					diff.PutEdges = append(diff.PutEdges, edge)
				}
			} else if _, ok := c.edges[edge.ID]; ok {
				delete(c.edges, edge.ID)
				diff.RemoveEdges = append(diff.RemoveEdges, edge.ID)
			}
			if p.Owner == id || (v.Kind == "Deployment" && strings.HasPrefix(p.Name, v.Name+"-")) {
				have++
			}
		}
		if id != "service/default/kubernetes" && v.Have != have && (v.Kind == "Service" || v.Kind == "Deployment" || v.Kind == "ReplicaSet") {
			v.Have = have
			v.Ready = v.Kind == "Service" || have == v.Want
			c.vertices[id] = v
			diff.Put = append(diff.Put, v)
		}
	}
	c.mu.Unlock()
	if len(diff.Put)+len(diff.PutEdges)+len(diff.RemoveEdges) > 0 {
		c.feed.push(model.Message{Type: "topology", Topology: &diff})
	}
}

func matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

func now() int64 { return time.Now().UnixMilli() }
