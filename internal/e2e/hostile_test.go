package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
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
	besides(t, bad, good)
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

// besides has one learner's terminal write without end to a viewer who does not read, and
// their editor paste as fast as it can, while another learner works.
func besides(t *testing.T, bad, good *session) {
	t.Helper()
	flood := bad.terminal("client")
	flood.shows("client:~$ ")
	flood.types("cat /dev/urandom & yes & head -c 10000000 /dev/zero | tr '\\0' x; echo never-the-others; yes\n")

	var pasting sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer pasting.Wait()
	defer stop()
	var answers sync.Map
	for n := range 8 {
		pasting.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				path := "/apply" + []string{"", "?dryRun=true"}[i%2]
				text := fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: paste-%d}, data: {n: \"%d\"}}\n", n, i)
				request, err := http.NewRequestWithContext(ctx, "POST", bad.URL+bad.path(path), strings.NewReader(text))
				if err != nil {
					return
				}
				request.Header.Set("Content-Type", "application/yaml")
				answer, err := http.DefaultClient.Do(request)
				if err != nil {
					continue
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				answers.Store(answer.StatusCode, path)
			}
		})
	}

	calm := good.terminal("client")
	calm.shows("client:~$ ")
	calm.types("kubectl get pod my-pod -o name; echo the-''end\n")
	calm.shows("pod/my-pod\r\n")
	calm.shows("the-end\r\n")
	good.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: calm}, data: {n: \"1\"}}")
	var list []model.Terminal
	if code := good.call("GET", good.path("/terminals"), nil, &list); code != 200 || len(list) != 1 || strings.Contains(calm.text, "never-the-others") {
		t.Errorf("the other learner has %+v (%d), and sees %q", list, code, calm.text)
	}
	if out := good.kubectl("get", "configmaps", "-o", "name"); strings.Contains(out, "paste-") {
		t.Errorf("the other learner has %s", out)
	}
	stop()
	pasting.Wait()
	answers.Range(func(code, path any) bool {
		if code != 200 && code != 409 && code != 429 {
			t.Errorf("%v answered %v", path, code)
		}
		return true
	})
	until(t, time.Minute, "the one who pasted is heard as well", func() string {
		if out, err := bad.tryKubectl("", "get", "configmap", "paste-0", "-o", "name"); err != nil || !strings.Contains(out, "configmap/paste-0") {
			return out
		}
		return ""
	})
	bad.call("DELETE", bad.path("/terminals/"+flood.id), nil, nil)
}
