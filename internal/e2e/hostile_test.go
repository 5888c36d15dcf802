package e2e

import (
	"strings"
	"testing"
	"time"
)

// hostile is what a session may be filled with by somebody who means it.
const hostile = `
apiVersion: v1
kind: Pod
metadata: {name: bomb}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: c, image: busybox, command: [sh, -c, "bomb() { bomb | bomb & }; bomb; exec sleep 1000"]}
---
apiVersion: v1
kind: Pod
metadata: {name: hog}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: c, image: busybox, command: [sh, -c, "exec tail -c 1000m /dev/zero"], resources: {limits: {memory: 64Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: deaf}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: c, image: busybox, command: [sh, -c, "trap '' TERM; echo up; while :; do sleep 1; done"]}
`

// filling has nodes evict pods, the others of the session among them.
const filling = `
apiVersion: v1
kind: Pod
metadata: {name: talker}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: c, image: busybox, command: ["yes"]}
---
apiVersion: v1
kind: Pod
metadata: {name: filler}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: c, image: busybox, command: [sh, -c, "dd if=/dev/zero of=/big bs=1M; exec sleep 1000"]}
`

// TestHostile has one session do its worst beside another.
func TestHostile(t *testing.T) {
	s := start(t, t.TempDir(), "--nodes", "1")
	if strings.Contains(s.log.String(), "NO CGROUPS") {
		t.Skip("there are no cgroups here, and the server says so")
	}
	bad, good := s.open(), s.open()
	bad.apply(hostile)

	field := func(pod, path string) string {
		return bad.kubectl("get", "pod", pod, "--ignore-not-found", "-o", "jsonpath={"+path+"}")
	}
	const patience = 3 * time.Minute
	until(t, patience, "the fork bomb is refused", func() string {
		out, _ := bad.tryKubectl("", "logs", "bomb", "--tail=1000")
		if strings.Contains(out, "can't fork: Resource temporarily unavailable") {
			return ""
		}
		return tail(out, 3)
	})
	until(t, patience, "the other session runs a pod", func() string {
		good.apply(article("1-my-pod.yaml"))
		out := good.kubectl("get", "pod", "my-pod", "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}")
		if out == "True" {
			return ""
		}
		return out
	})
	until(t, patience, "the memory hog is killed for it", func() string {
		out := field("hog", ".status.containerStatuses[0].lastState.terminated.reason") + " " + field("hog", ".status.containerStatuses[0].lastState.terminated.exitCode")
		if out == "OOMKilled 137" {
			return ""
		}
		return out
	})
	bad.apply(filling)
	until(t, patience, "what fills the disk is evicted", func() string {
		out := field("filler", ".status.reason")
		if out == "Evicted" {
			return ""
		}
		return out
	})
	bad.kubectl("delete", "pod", "--all", "--wait=false")
	until(t, patience, "all of it goes, with what does not listen", func() string { return bad.kubectl("get", "pods", "--no-headers", "-o", "name") })
	if out := good.kubectl("get", "pod", "my-pod", "-o", "jsonpath={.status.phase} {.status.containerStatuses[0].restartCount}"); out != "Running 0" {
		t.Errorf("the other session's pod: %s", out)
	}
}
