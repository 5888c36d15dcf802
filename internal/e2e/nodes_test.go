package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// nodes are the names of those that the API calls Ready, or not.
func (x *session) nodes(ready bool) (names []string) {
	for _, v := range x.graph().Vertices {
		if v.Kind == "Node" && v.Ready == ready {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	return names
}

// ready waits until these and no others are Ready.
func (x *session) ready(names ...string) {
	x.t.Helper()
	until(x.t, patience, fmt.Sprintf("%v are Ready", names), func() string {
		if got := x.nodes(true); !slices.Equal(got, names) {
			return fmt.Sprint(got)
		}
		return ""
	})
}

// node does something to a node: "POST", "/node-1/stop".
func (x *session) node(method, path string) {
	x.t.Helper()
	if code := x.call(method, x.path("/nodes"+path), nil, nil); code != 204 {
		x.t.Fatalf("%s %s: %d", method, path, code)
	}
}

func (x *session) addNode(want string) {
	x.t.Helper()
	var added model.NewNode
	if code := x.call("POST", x.path("/nodes"), nil, &added); code != 201 || added.Name != want {
		x.t.Fatalf("added %q, want %q: %d", added.Name, want, code)
	}
}

func (x *session) info() (info model.Session) {
	x.t.Helper()
	if code := x.call("GET", x.path(""), nil, &info); code != 200 {
		x.t.Fatalf("session: %d", code)
	}
	return info
}

// look is what a node's tools say.
func (x *session) look(node, at string) string {
	x.t.Helper()
	resp := must(http.Get(x.URL + x.path("/nodes/"+node+"/look?at="+at)))
	defer resp.Body.Close()
	text := string(must(io.ReadAll(resp.Body)))
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		x.t.Fatalf("look at %s of %s: %s\n%s", at, node, resp.Status, text)
	}
	return text
}

// on is the running pod of a prefix on a node.
func (x *session) on(prefix, node string) (model.Vertex, bool) {
	for _, p := range x.pods(prefix) {
		if p.Parent == "node/"+node {
			return p, true
		}
	}
	return model.Vertex{}, false
}

const everywhere = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: everywhere}
spec:
  selector: {matchLabels: {app: everywhere}}
  template:
    metadata: {labels: {app: everywhere}}
    spec:
      containers:
      - {name: nginx, image: nginx, volumeMounts: [{name: disk, mountPath: /disk}]}
      volumes: [{name: disk, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: everywhere}
spec: {clusterIP: 10.96.77.1, selector: {app: everywhere}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: somewhere}
spec:
  replicas: 2
  selector: {matchLabels: {app: somewhere}}
  template:
    metadata: {labels: {app: somewhere}}
    spec:
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: somewhere}}}
      containers: [{name: nginx, image: nginx}]
`

// TestNodes has machines come, go, stop and start under pods that go on working.
func TestNodes(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := start(t, t.TempDir())
	x := s.openWith(model.SessionOptions{Nodes: 1})
	x.ready("node-1")
	if got := x.info().Options; got != (model.SessionOptions{Nodes: 1, CNI: "routed"}) {
		t.Errorf("options %+v", got)
	}
	for _, r := range x.apply(everywhere) {
		if r.Action != "created" {
			t.Fatalf("%+v", r)
		}
	}
	runs := func(t *testing.T, x *session, prefix string, nodes ...string) {
		t.Helper()
		until(t, 60*time.Second, fmt.Sprintf("%s runs on %v", prefix, nodes), func() string {
			var on []string
			for _, p := range x.pods(prefix) {
				on = append(on, strings.TrimPrefix(p.Parent, "node/"))
			}
			if slices.Sort(on); slices.Equal(on, nodes) {
				return ""
			}
			return fmt.Sprint(on)
		})
	}
	// reaches asks a pod on one node from a pod on another, and the Service from there.
	reaches := func(t *testing.T, x *session, from, to string) {
		t.Helper()
		a, _ := x.on("everywhere", from)
		b, _ := x.on("everywhere", to)
		for _, target := range []string{b.IPs[0], "10.96.77.1"} {
			until(t, patience, from+" reaches "+target+" of "+to, func() string {
				if answer := x.send(a.ID, "http://"+target).Answers[0]; answer.Status != 200 {
					return fmt.Sprintf("%+v", answer)
				}
				return ""
			})
		}
	}
	runs(t, x, "everywhere", "node-1")
	runs(t, x, "somewhere", "node-1", "node-1")

	x.run(t, "the only one stays", func(t *testing.T, x *session) {
		x.refuse("DELETE", x.path("/nodes/node-1"), "", 409, "only node")
	})
	x.run(t, "add", func(t *testing.T, x *session) {
		x.addNode("node-2")
		x.addNode("node-3")
		runs(t, x, "everywhere", "node-1", "node-2", "node-3")
		for _, pair := range [][2]string{{"node-1", "node-3"}, {"node-3", "node-1"}, {"node-2", "node-3"}} {
			reaches(t, x, pair[0], pair[1])
		}
		if got := x.kubectl("get", "node", "node-3", "-o", "jsonpath={.spec.podCIDR} {.spec.taints} {.status.addresses[0].address}"); got != "10.244.3.0/24  172.18.0.13" {
			t.Error(got)
		}
		if n := x.info().Options.Nodes; n != 3 {
			t.Errorf("the session says %d nodes", n)
		}
	})
	x.run(t, "five are enough", func(t *testing.T, x *session) {
		x.addNode("node-4")
		x.addNode("node-5")
		runs(t, x, "everywhere", "node-1", "node-2", "node-3", "node-4", "node-5")
		reaches(t, x, "node-5", "node-4")
		x.refuse("POST", x.path("/nodes"), "", 409, "at most 5")
		x.node("DELETE", "/node-5")
		x.node("DELETE", "/node-4")
		x.ready("node-1", "node-2", "node-3")
	})
	x.run(t, "cordon", func(t *testing.T, x *session) {
		x.node("POST", "/node-2/cordon")
		if out := x.kubectl("get", "node", "node-2"); !strings.Contains(out, "Ready,SchedulingDisabled") {
			t.Error(out)
		}
		x.apply(strings.NewReplacer("my-pod", "refused").Replace(article("1-my-pod.yaml")) + "  nodeSelector: {kubernetes.io/hostname: node-2}\n")
		until(t, patience, "the scheduler says why", func() string {
			out := x.kubectl("describe", "pod", "refused")
			if strings.Contains(out, "FailedScheduling") && strings.Contains(out, "unschedulable") {
				return ""
			}
			return out
		})
		x.node("POST", "/node-2/uncordon")
		until(t, 60*time.Second, "it runs once it may", func() string {
			if p, ok := x.on("refused", "node-2"); !ok {
				return fmt.Sprint(p)
			}
			return ""
		})
	})
	x.run(t, "stop and start", func(t *testing.T, x *session) { checkStop(t, x, reaches, runs) })
	x.run(t, "remove", func(t *testing.T, x *session) {
		old := x.pods("somewhere")
		x.kubectl("rollout", "restart", "deployment/somewhere") // so that one is on each of several nodes
		var gone string
		until(t, 60*time.Second, "new pods have taken over", func() string {
			pods := x.pods("somewhere")
			for _, p := range pods {
				if len(pods) != 2 || p.Status != "Running" || p.Name == old[0].Name || p.Name == old[1].Name {
					return fmt.Sprintf("%+v", pods)
				}
				gone = strings.TrimPrefix(p.Parent, "node/")
			}
			return ""
		})
		x.node("DELETE", "/"+gone)
		if out, err := x.tryKubectl("", "get", "node", gone); err == nil {
			t.Errorf("kubectl still finds it:\n%s", out)
		}
		x.refuse("POST", x.path("/nodes/"+gone+"/stop"), "", 404, gone)
		x.refuse("GET", x.path("/nodes/"+gone+"/look?at=addr"), "", 404, gone)
		// Upstream's pod garbage collector looks every 20 s, and waits for 40 s more.
		until(t, 120*time.Second, "its pods run elsewhere", func() string {
			here, there := x.pods("somewhere"), 0
			for _, p := range here {
				if p.Parent == "node/"+gone {
					there++
				}
			}
			if len(here) == 2 && there == 0 {
				return ""
			}
			return x.kubectl("get", "pods", "-o", "wide")
		})
		x.addNode(gone) // its name is free
		runs(t, x, "everywhere", "node-1", "node-2", "node-3")
		reaches(t, x, gone, map[bool]string{true: "node-1", false: "node-2"}[gone != "node-1"])
	})
	x.run(t, "kubectl deletes a node", func(t *testing.T, x *session) {
		x.kubectl("delete", "node", "node-2")
		x.addNode("node-4") // the machine node-2 is still there
		x.node("DELETE", "/node-2")
		x.ready("node-1", "node-3", "node-4")
	})
}

// checkStop switches a machine off, and on again.
func checkStop(t *testing.T, x *session, reaches func(*testing.T, *session, string, string), runs func(*testing.T, *session, string, ...string)) {
	pod, _ := x.on("everywhere", "node-3")
	x.kubectl("exec", pod.Name, "--", "sh", "-c", "echo kept > /disk/it")
	boot := func() string {
		return x.kubectl("get", "node", "node-3", "-o", "jsonpath={.status.nodeInfo.bootID}")
	}
	before := boot()
	x.node("POST", "/node-3/stop")
	x.node("POST", "/node-3/stop") // is well
	if got := x.info().Stopped; !slices.Equal(got, []string{"node-3"}) {
		t.Errorf("stopped: %v", got)
	}
	if a := x.send("node/node-1", "http://"+pod.IPs[0]).Answers[0]; a.Outcome == "answered" || a.Outcome == "" {
		t.Errorf("a pod on a machine that is off: %+v", a)
	}
	x.refuse("POST", x.path("/requests"), `{"from":"node/node-3","to":"http://10.96.77.1"}`, 422, "switched off")
	x.refuse("GET", x.path("/nodes/node-3/look?at=addr"), "", 409, "switched off")
	if out, err := x.tryKubectl("", "logs", pod.Name); err == nil || !strings.Contains(out, "no route to host") {
		t.Errorf("logs: %v\n%s", err, out)
	}
	until(t, 60*time.Second, "the node is NotReady, and its pod no endpoint", func() string {
		if got := x.nodes(false); !slices.Equal(got, []string{"node-3"}) {
			return fmt.Sprint(got)
		}
		for _, e := range x.graph().Edges {
			if e.From == "service/default/everywhere" && e.To == pod.ID && e.Ready {
				return "it is"
			}
		}
		return ""
	})
	until(t, 60*time.Second, "node-3 is marked", func() string {
		got := x.kubectl("get", "node", "node-3", "-o", "jsonpath={.spec.taints[*].key}")
		if strings.Contains(got, "node.kubernetes.io/unreachable") {
			return ""
		}
		return got
	})
	reaches(t, x, "node-1", "node-2") // the Service, too: it has left the dead one out
	x.node("POST", "/node-3/start")
	x.node("POST", "/node-3/start") // is well
	runs(t, x, "everywhere", "node-1", "node-2", "node-3")
	if got, _ := x.on("everywhere", "node-3"); got.ID != pod.ID || got.Restarts != 1 {
		t.Errorf("%s with %d restarts, want %s with 1", got.ID, got.Restarts, pod.ID)
	}
	if got := x.kubectl("exec", pod.Name, "--", "cat", "/disk/it"); got != "kept\n" {
		t.Errorf("its disk: %q", got)
	}
	// That the kubelet's event of it is told is tried in engine/node.
	until(t, patience, "the node says that it was rebooted", func() string {
		if now := boot(); now == before || now == "" {
			return "boot id " + now
		}
		return ""
	})
	if got := x.info().Stopped; len(got) != 0 {
		t.Errorf("stopped: %v", got)
	}
	reaches(t, x, "node-1", "node-3")
	reaches(t, x, "node-3", "node-2")
}

// TestLook asks the tools inside nodes, and holds them against what is known.
func TestLook(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.openWith(model.SessionOptions{Nodes: 2})
	x.apply(everywhere)
	until(t, 60*time.Second, "two pods run", func() string {
		if n := len(x.pods("everywhere")); n != 2 {
			return fmt.Sprint(n)
		}
		return ""
	})
	one, _ := x.on("everywhere", "node-1")
	two, _ := x.on("everywhere", "node-2")
	until(t, patience, "the Service answers", func() string {
		if a := x.send(two.ID, "http://10.96.77.1").Answers[0]; a.Status != 200 {
			return fmt.Sprintf("%+v", a)
		}
		return ""
	})
	for _, c := range []struct{ node, at, want string }{
		{"node-1", "addr", "inet 172.18.0.11/24"},
		{"node-1", "route", "10.244.2.0/24 via 172.18.0.12 dev eth0"},
		{"node-1", "route", one.IPs[0] + " dev veth"},
		{"node-2", "neigh", "172.18.0.11 dev eth0 lladdr 0a:58:ac:12:00:0b PERMANENT"},
		{"node-2", "link", "veth addrgenmode"},
		{"node-2", "route6", ""},
		{"node-1", "fdb", "dev eth0 self permanent"},
		{"node-1", "nft", "10.96.77.1 . tcp . 80"},
		{"node-2", "conntrack", "dst=10.96.77.1"},
		{"node-1", "ss", "Local Address:Port"},
		{"client", "addr", "172.18.0.100/24"},
		{"client", "route", "172.18.0.0/24 dev eth0"},
		{"underlay", "fdb", "dev node-2 master br0"},
		{"underlay", "link", "node-1@"},
	} {
		if got := x.look(c.node, c.at); !strings.Contains(got, c.want) {
			t.Errorf("%s of %s: no %q in\n%s", c.at, c.node, c.want, got)
		}
	}
	x.refuse("GET", x.path("/nodes/node-1/look?at=passwd"), "", 422, "at must be")
	x.refuse("GET", x.path("/nodes/node-1/look"), "", 422, "at must be")
	x.refuse("GET", x.path("/nodes/node-9/look?at=addr"), "", 404, "node-9")
	x.refuse("GET", x.path("/nodes/..%2Fclient/look?at=addr"), "", 404, "")
}

// TestOptions opens sessions of all sorts, and none of those that there are not.
func TestOptions(t *testing.T) {
	s := start(t, t.TempDir(), "--nodes", "2")
	s.open().ready("node-1", "node-2") // as the flag says
	if code := s.call("POST", "/api/sessions", nil, nil); code != 201 {
		t.Errorf("without a body: %d", code)
	}
	x := s.openWith(model.SessionOptions{Nodes: 5})
	x.ready("node-1", "node-2", "node-3", "node-4", "node-5")
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"nodes":6}`, 422, "nodes must be between 1 and 5"},
		{`{"nodes":-1}`, 422, "nodes must be between 1 and 5"},
		{`{"nodes":2.5}`, 400, "nodes"},
		{`{"nodes":"2"}`, 400, "nodes"},
		{`{"cni":"calico"}`, 422, "cni must be one of [routed bridge vxlan]"},
		{`{"cni":1}`, 400, "cni"},
		{`{"dualStack":"yes"}`, 400, "dualStack"},
		{`{"masters":1}`, 400, "masters"},
		{`[]`, 400, "JSON object"},
		{`{`, 400, "JSON object"},
	} {
		s.refuse("POST", "/api/sessions", c.body, c.status, c.want)
	}
	s.refuse("PATCH", x.path(""), `{"cni":"calico"}`, 422, "cni must be one of [routed bridge vxlan]")
	s.refuse("PATCH", x.path(""), `{"cni":""}`, 422, "cni must be one of [routed bridge vxlan]")
	s.refuse("PATCH", x.path(""), `{"nodes":3}`, 400, "nodes")
	s.refuse("PATCH", x.path(""), ``, 400, "")
	s.refuse("PATCH", "/api/sessions/nope", `{"cni":"routed"}`, 404, "session")
	for _, c := range []struct{ cni, plugin string }{{"routed", "ptp"}, {"bridge", "bridge"}, {"vxlan", "flannel"}, {"routed", "ptp"}} {
		var info model.Session
		if code := s.call("PATCH", x.path(""), model.SessionChange{CNI: c.cni}, &info); code != 200 || info.Options.CNI != c.cni || info.Options.Nodes != 5 {
			t.Errorf("changed to %s: %d %+v", c.cni, code, info)
		}
		if got := x.look("node-5", "cni"); !strings.Contains(got, `"type": "`+c.plugin+`"`) {
			t.Errorf("%s's conflist:\n%s", c.cni, got)
		}
	}
	s.refuse("GET", x.path("/nodes/client/look?at=cni"), "", 422, "no pods")
	x = s.openWith(model.SessionOptions{CNI: "vxlan"})
	if got := x.look("node-1", "link"); x.info().Options.CNI != "vxlan" || !strings.Contains(got, "vxlan id") {
		t.Errorf("opened with vxlan: %+v\n%s", x.info(), got)
	}
}
