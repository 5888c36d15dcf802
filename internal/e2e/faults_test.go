package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

const broken = `apiVersion: v1
kind: Pod
metadata: {name: asks}
spec: {nodeName: node-1, containers: [{name: nginx, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: answers, labels: {app: answers}}
spec: {nodeName: node-2, containers: [{name: nginx, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: answers}
spec: {clusterIP: 10.96.88.1, selector: {app: answers}, ports: [{port: 80}]}
`

// breakIt sets a fault, and mend undoes it.
func (x *session) breakIt(id string, set model.FaultSettings) {
	x.t.Helper()
	var f model.Fault
	if code := x.call("PUT", x.path("/faults/"+id), set, &f); code != 200 || f.ID != id || f.Text == "" {
		x.t.Fatalf("%s: %d %+v", id, code, f)
	}
	x.t.Cleanup(func() { x.call("DELETE", x.path("/faults/"+id), nil, nil) }) // if the test ends before it does
	if !slices.Contains(x.info().Faults, f) {
		x.t.Errorf("%+v is not among the session's faults: %+v", f, x.info().Faults)
	}
}

func (x *session) mend(id string) {
	x.t.Helper()
	if code := x.call("DELETE", x.path("/faults/"+id), nil, nil); code != 204 {
		x.t.Fatalf("%s: %d", id, code)
	}
	if slices.ContainsFunc(x.info().Faults, func(f model.Fault) bool { return f.ID == id }) {
		x.t.Errorf("%s is still among the session's faults", id)
	}
}

// tellsFault waits until a request to somebody has an outcome, and a journey with a decision of a
// fault's whose sentence says something.
func (x *session) tellsFault(to, outcome, says string) {
	x.t.Helper()
	until(x.t, 90*time.Second, outcome+", because: "+says, func() string {
		r := x.send("pod/default/asks", to)
		found := false
		for _, id := range r.Journeys {
			var j model.Journey
			x.call("GET", x.path("/journeys/"+id), nil, &j)
			for _, h := range j.Hops {
				found = found || h.Decision != nil && h.Decision.Kind == "fault" && strings.Contains(h.Sentence, says)
			}
		}
		if r.Answers[0].Outcome == outcome && found {
			return ""
		}
		return fmt.Sprintf("%+v\n%s", r.Answers[0], x.tell(r.Journeys))
	})
}

// answered waits until a request is.
func (x *session) answered() {
	x.t.Helper()
	until(x.t, 90*time.Second, "an answer", func() string {
		if a := x.send("pod/default/asks", "http://answers").Answers[0]; a.Status != 200 {
			return fmt.Sprintf("%+v", a)
		}
		return ""
	})
}

// TestFaults breaks a cluster on purpose, looks at what comes of it, and mends it.
func TestFaults(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := start(t, t.TempDir())
	x := s.openWith(model.SessionOptions{Nodes: 2})
	for _, r := range x.apply(broken) {
		if r.Action != "created" {
			t.Fatalf("%+v", r)
		}
	}
	x.answered()
	x.run(t, "a link loses", func(t *testing.T, x *session) {
		x.breakIt("link.node.node-2", model.FaultSettings{Loss: 100})
		x.tellsFault("http://10.96.88.1", "timeout", "Lost on the link of node-2: a fault you set loses 100% of its packets.")
		x.mend("link.node.node-2")
		x.answered()
	})
	x.run(t, "a link holds", func(t *testing.T, x *session) {
		x.breakIt("link.pod.default.answers", model.FaultSettings{DelayMS: 100, JitterMS: 20})
		x.tellsFault("http://10.96.88.1", "answered", "a fault you set slows the link of answers.")
		x.mend("link.pod.default.answers")
	})
	x.run(t, "DNS is slow", func(t *testing.T, x *session) {
		x.breakIt("dns", model.FaultSettings{DelayMS: 300})
		x.tellsFault("http://answers", "answered", "The DNS server held this answer for 300 ms")
		x.breakIt("dns", model.FaultSettings{Loss: 100})
		x.tellsFault("http://answers", "error", "The DNS server gives no answer to this")
		x.mend("dns")
		x.answered()
	})
	x.run(t, "a container is killed", func(t *testing.T, x *session) {
		if code := x.call("POST", x.path("/kill"), model.Kill{Pod: "pod/default/answers", Container: "nginx"}, nil); code != 204 {
			t.Fatal(code)
		}
		until(t, 90*time.Second, "it is started again", func() string {
			out, err := x.tryKubectl("", "get", "pod", "answers", "-o", "jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].lastState.terminated.exitCode} {.status.containerStatuses[0].ready}")
			if err != nil || out != "1 137 true" {
				return fmt.Sprint(out, err)
			}
			return ""
		})
		x.answered()
	})
	x.run(t, "a node is cut off", func(t *testing.T, x *session) {
		x.breakIt("cut.node.node-2", model.FaultSettings{})
		x.ready("node-1")
		// It runs on, and can be reached from where it is.
		until(t, patience, "the node reaches its pod", func() string {
			for _, v := range x.graph().Vertices {
				if v.ID == "pod/default/answers" && len(v.IPs) > 0 {
					if a := x.send("node/node-2", "http://"+v.IPs[0]).Answers[0]; a.Status != 200 {
						return fmt.Sprintf("%+v", a)
					}
					return ""
				}
			}
			return "it has no address"
		})
		x.mend("cut.node.node-2")
		x.ready("node-1", "node-2")
		x.answered()
	})
	x.run(t, "all at once", func(t *testing.T, x *session) {
		x.breakIt("link.client", model.FaultSettings{Loss: 50, Direction: "in"})
		x.breakIt("dns", model.FaultSettings{DelayMS: 10})
		x.breakIt("stop.node.node-2", model.FaultSettings{})
		if code := x.call("DELETE", x.path("/faults"), nil, nil); code != 204 {
			t.Fatal(code)
		}
		if left := x.info().Faults; len(left) > 0 {
			t.Errorf("left: %+v", left)
		}
	})
	for id, status := range map[string]int{"link.node.node-9": 404, "link.pod.default.nobody": 404, "cut.node.node-1": 422, "nonsense": 404} {
		if code := x.call("PUT", x.path("/faults/"+id), model.FaultSettings{Loss: 1}, nil); code != status {
			t.Errorf("%s: %d, want %d", id, code, status)
		}
	}
}
