package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// workers rest until somebody makes them work; bare has no requests.
const workers = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: work}
spec:
  selector: {matchLabels: {app: work}}
  template:
    metadata: {labels: {app: work}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: busybox, command: [sleep, "100000"], resources: {requests: {cpu: 100m, memory: 4Mi}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: bare}
spec:
  selector: {matchLabels: {app: bare}}
  template:
    metadata: {labels: {app: bare}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: busybox, command: [sleep, "100000"]}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: work}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: work}
  maxReplicas: 2
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}} # five minutes, where nothing is said
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
  - type: Resource
    resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}
`

// TestUse makes a pod work, looks who uses what, and has the autoscaler answer to it.
func TestUse(t *testing.T) {
	t.Parallel()
	x := start(t, t.TempDir()).openWith(model.SessionOptions{Nodes: 2})
	if out, err := x.tryKubectl(workers, "apply", "-f", "-"); err != nil {
		t.Fatal(out)
	}
	x.kubectl("rollout", "status", "deployment/work", "--timeout=60s")
	x.kubectl("rollout", "status", "deployment/bare", "--timeout=60s")
	says := func(hpa, what, path, want string) {
		t.Helper()
		until(t, 2*time.Minute, what, func() string {
			got := x.kubectl("get", "hpa", hpa, "-o", "jsonpath={"+path+"}")
			if strings.Contains(got, want) {
				return ""
			}
			return fmt.Sprintf("%q has no %q:\n%s", got, want, x.kubectl("describe", "hpa", hpa))
		})
	}
	x.kubectl("autoscale", "deployment/bare", "--name=bare", "--min=1", "--max=2", "--cpu=50%")
	says("work", "the autoscaler knows what pods use", ".status.conditions[*].message", "the HPA was able to successfully calculate a replica count from ")

	ctx, rest := context.WithCancel(t.Context())
	defer rest()
	working := make(chan struct{})
	go func() {
		defer close(working)
		output(ctx, "", kubectl, "--kubeconfig", x.kubeconfig, "exec", "deployment/work", "--", "sh", "-c", "while :; do :; done") //nolint:errcheck // it is killed
	}()
	pod := strings.TrimPrefix(strings.TrimSpace(x.kubectl("get", "pods", "-l", "app=work", "-o", "name")), "pod/")
	x.run(t, "top", func(t *testing.T, x *session) {
		until(t, 2*time.Minute, "the pod that works is told from the one that rests", func() string {
			out, err := x.tryKubectl("", "top", "pods", "--no-headers")
			if used := millicores(out); err == nil && used["work"] > used["bare"]+20 {
				return ""
			}
			return out
		})
		until(t, 2*time.Minute, "so are their containers", func() string {
			out, err := x.tryKubectl("", "top", "pods", "--containers", "--no-headers", "-l", "app=work")
			if f := strings.Fields(out); err == nil && len(f) >= 4 && f[0] == pod && f[1] == "c" && strings.HasSuffix(f[2], "m") && strings.HasSuffix(f[3], "Mi") {
				return ""
			}
			return out
		})
		node := x.kubectl("get", "pod", pod, "-o", "jsonpath={.spec.nodeName}")
		until(t, 2*time.Minute, "and their nodes", func() string {
			out, err := x.tryKubectl("", "top", "nodes", "--no-headers")
			if used := millicores(out); err == nil && len(used) == 1 && strings.Count(out, "node-") == 2 && used["node"] > 0 && strings.Contains(out, node) {
				return ""
			}
			return out
		})
		if out, err := x.tryKubectl("", "top", "pod", "none"); err == nil || !strings.Contains(out, `Error from server (NotFound): pods "none" not found`) {
			t.Errorf("of a pod that there is not: %v, %s", err, out)
		}
	})
	x.run(t, "more under load", func(t *testing.T, x *session) {
		says("work", "the autoscaler wants more", ".status.desiredReplicas", "2")
		says("work", "and says why", ".status.conditions[*].message",
			"the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)")
		until(t, time.Minute, "there is another pod", func() string {
			out := x.kubectl("get", "pods", "-l", "app=work", "--no-headers")
			if strings.Count(out, "1/1") == 2 {
				return ""
			}
			return out
		})
		until(t, time.Minute, "an event tells of the new size", func() string {
			out := x.kubectl("get", "events", "--field-selector=involvedObject.kind=HorizontalPodAutoscaler,reason=SuccessfulRescale")
			if strings.Contains(out, "New size: 2; reason: cpu resource utilization (percentage of request) above target") {
				return ""
			}
			return out
		})
	})
	x.kubectl("exec", pod, "--", "killall", "sh")
	rest()
	<-working
	x.run(t, "fewer without", func(t *testing.T, x *session) {
		says("work", "the autoscaler wants fewer", ".status.desiredReplicas", "1")
		until(t, time.Minute, "a pod goes", func() string {
			out := x.kubectl("get", "deployment", "work", "-o", "jsonpath={.spec.replicas}")
			if out == "1" {
				return ""
			}
			return out
		})
	})
	// Who cannot know says so, in upstream's words.
	says("bare", "no request, no utilization", `.status.conditions[?(@.type=="ScalingActive")].message`,
		"the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container c of Pod bare-")
	if now := x.kubectl("get", "hpa", "work", "-o", `jsonpath={.status.currentMetrics[?(@.resource.name=="memory")].resource.current.averageValue}`); now == "" || now == "0" {
		t.Errorf("memory %q", now)
	}
	out := x.kubectl("get", "horizontalpodautoscalers.v1.autoscaling", "bare", "-o", "jsonpath={.apiVersion} {.spec.targetCPUUtilizationPercentage}")
	if out != "autoscaling/v1 50" {
		t.Errorf("in the first version: %s", out)
	}
}

// millicores are what `kubectl top` says, summed up by the first part of names.
func millicores(out string) map[string]int {
	sum := map[string]int{}
	for _, line := range strings.Split(out, "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		name, _, _ := strings.Cut(f[0], "-")
		n, err := strconv.Atoi(strings.TrimSuffix(f[1], "m"))
		if err == nil {
			sum[name] += n
		}
	}
	return sum
}
