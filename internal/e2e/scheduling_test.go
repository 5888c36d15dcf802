package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// placed are pods that the scheduler must think about: three that keep apart from each
// other, three that spread over two zones, and those that find no node.
const placed = `apiVersion: apps/v1
kind: Deployment
metadata: {name: apart}
spec:
  replicas: 3
  selector: {matchLabels: {app: apart}}
  template:
    metadata: {labels: {app: apart}}
    spec:
      terminationGracePeriodSeconds: 0
      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: apart}}}]}}
      containers: [{name: c, image: busybox, command: [sleep, "1000000"]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: spread}
spec:
  replicas: 4
  selector: {matchLabels: {app: spread}}
  template:
    metadata: {labels: {app: spread}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: spread}}}]
      containers: [{name: c, image: busybox, command: [sleep, "1000000"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: gated}
spec: {schedulingGates: [{name: example.com/wait}], terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox, command: [sleep, "1000000"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: picky}
spec: {nodeSelector: {disk: ssd}, terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox, command: [sleep, "1000000"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: huge}
spec: {terminationGracePeriodSeconds: 0, containers: [{name: c, image: busybox, command: [sleep, "1000000"], resources: {requests: {cpu: 1k}}}]}
`

func checkPlaces(t *testing.T, n *namespace) {
	n.kubectl("label", "node", "node-1", "node-2", "zone=a")
	n.kubectl("label", "node", "node-3", "zone=b")
	n.create(placed)
	n.available("apart")
	n.available("spread")
	at := func(app string) map[string]int { // pods by node
		on := map[string]int{}
		for _, p := range must(n.pods(t.Context(), "app="+app)) {
			on[p.Spec.NodeName]++
		}
		return on
	}
	if got := at("apart"); len(got) != 3 {
		t.Errorf("three that keep apart are at %v", got)
	}
	if got := at("spread"); got["node-3"] != 2 {
		t.Errorf("four over two zones are at %v", got)
	}
	n.event("Pod", "FailedScheduling", "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.")
	n.event("Pod", "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.")
	if out := n.do("get", "pod", "gated"); !strings.Contains(out, "SchedulingGated") {
		t.Error(out)
	}
	n.do("scale", "deployment/apart", "--replicas=4")
	n.event("Pod", "FailedScheduling", "3 node(s) didn't match pod anti-affinity rules")
	n.kubectl("label", "node", "node-2", "disk=ssd")
	n.do("patch", "pod", "gated", "--type=json", "-p", `[{"op":"remove","path":"/spec/schedulingGates"}]`)
	n.do("wait", "--for=condition=Ready", "pod/gated", "pod/picky", "--timeout=55s")
	if got := n.do("get", "pod", "picky", "--show-managed-fields", "-o", "jsonpath={.metadata.managedFields[*].manager}"); !strings.Contains(got, "kubelet") {
		t.Errorf("the pod's status is written by %s", got)
	}
}

// ranks are two pods that both want the one slot of a node.
const ranks = `apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: urgent}
value: 1000
---
apiVersion: v1
kind: Pod
metadata: {name: modest}
spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: busybox, command: [sleep, "1000000"], resources: {limits: {example.com/slot: 1}}}]}
`

const urgent = `apiVersion: v1
kind: Pod
metadata: {name: urgent}
spec: {priorityClassName: urgent, containers: [{name: c, image: busybox, command: [sleep, "1000000"], resources: {limits: {example.com/slot: 1}}}]}
`

// checkPreemption lets the more important of two have what there is one of.
func checkPreemption(t *testing.T, n *namespace) {
	n.kubectl("patch", "node", "node-1", "--subresource=status", "--type=merge", "-p", `{"status":{"capacity":{"example.com/slot":"1"},"allocatable":{"example.com/slot":"1"}}}`)
	n.create(ranks)
	n.do("wait", "--for=condition=Ready", "pod/modest", "--timeout=55s")
	n.create(urgent)
	n.event("Pod", "Preempted", "Preempted by pod")
	n.do("wait", "--for=condition=Ready", "pod/urgent", "--timeout=55s")
	if out, err := n.tryKubectl("", "-n", n.name, "get", "pod", "modest"); err == nil || !strings.Contains(out, "NotFound") {
		t.Errorf("%v\n%s", err, out)
	}
	if got := n.do("get", "pod", "urgent", "-o", "jsonpath={.spec.priority} {.spec.nodeName}"); got != "1000 node-1" {
		t.Error(got)
	}
}

const budgeted = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor, labelSelector: {matchLabels: {app: web}}}]
      containers: [{name: nginx, image: nginx}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
`

// checkBudget drains a node of pods that their budget holds there, until it does not.
func checkBudget(t *testing.T, n *namespace) {
	n.create(budgeted)
	n.available("web")
	allowed := func(want int32) {
		t.Helper()
		n.until(fmt.Sprintf("the budget allows %d disruptions", want), func(ctx context.Context) string {
			b, err := n.client.PolicyV1().PodDisruptionBudgets(n.name).Get(ctx, "web", metav1.GetOptions{})
			if err != nil || b.Status.ObservedGeneration != b.Generation || b.Status.CurrentHealthy != want+2 || b.Status.DisruptionsAllowed != want {
				return fmt.Sprintf("%+v %v", b.Status, err)
			}
			return ""
		})
	}
	allowed(0)
	pod := must(n.pods(t.Context(), "app=web"))[0]
	err := n.client.PolicyV1().Evictions(n.name).Evict(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: n.name}})
	if !apierrors.IsTooManyRequests(err) || !strings.Contains(err.Error(), "Cannot evict pod as it would violate the pod's disruption budget.") {
		t.Errorf("eviction: %v", err)
	}
	drain := []string{"drain", "node-2", "--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector=app=web"}
	if out, err := n.tryKubectl("", append(drain, "--timeout=1s")...); err == nil || !strings.Contains(out, "Cannot evict pod as it would violate the pod's disruption budget.") {
		t.Errorf("drain: %v\n%s", err, out)
	}
	n.do("scale", "deployment/web", "--replicas=3") // the third comes to the node that is left
	n.available("web")
	allowed(1)
	if out, err := n.tryKubectl("", append(drain, "--timeout=55s")...); err != nil || !strings.Contains(out, "node/node-2 drained") {
		t.Errorf("drain: %v\n%s", err, out)
	}
	n.available("web")
	for _, p := range must(n.pods(t.Context(), "app=web")) {
		if p.Spec.NodeName != "node-1" {
			t.Errorf("%s is on %s, which is drained", p.Name, p.Spec.NodeName)
		}
	}
	n.kubectl("uncordon", "node-2")
}

// hasty is a Deployment that waits a second for a node that is gone, not five minutes.
const hasty = `apiVersion: apps/v1
kind: Deployment
metadata: {name: hasty}
spec:
  replicas: 2
  selector: {matchLabels: {app: hasty}}
  template:
    metadata: {labels: {app: hasty}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor, labelSelector: {matchLabels: {app: hasty}}}]
      containers: [{name: nginx, image: nginx}]
---
apiVersion: v1
kind: Pod
metadata: {name: patient, labels: {app: patient}}
spec: {nodeName: node-2, terminationGracePeriodSeconds: 1, containers: [{name: nginx, image: nginx}]}
`

// checkNodeFailure switches off a machine under pods, and on again.
func checkNodeFailure(t *testing.T, n *namespace) {
	n.create(hasty)
	n.available("hasty")
	n.do("wait", "--for=condition=Ready", "pod/patient", "--timeout=55s")
	var lost string
	for _, p := range must(n.pods(t.Context(), "app=hasty")) {
		if p.Spec.NodeName == "node-2" {
			lost = p.Name
		}
	}
	if lost == "" {
		t.Fatal("of two that spread over two nodes, none is on node-2")
	}
	n.node("POST", "/node-2/stop")
	n.until("node-2 is NotReady, and marked", func(ctx context.Context) string {
		o, err := n.client.CoreV1().Nodes().Get(ctx, "node-2", metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		marked := slices.ContainsFunc(o.Spec.Taints, func(t corev1.Taint) bool {
			return t.Key == corev1.TaintNodeUnreachable && t.Effect == corev1.TaintEffectNoExecute
		})
		for _, c := range o.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionUnknown && c.Reason == "NodeStatusUnknown" && c.Message == "Kubelet stopped posting node status." && marked {
				return ""
			}
		}
		return fmt.Sprintf("%+v %+v", o.Spec.Taints, o.Status.Conditions)
	})
	n.event("Pod", "NodeNotReady", "Node is not ready")
	n.event("Pod", "TaintManagerEviction", "Marking for deletion Pod node-failure/"+lost)
	n.until("both run on node-1, and the one that was lost cannot end", func(ctx context.Context) string {
		list, err := n.client.CoreV1().Pods(n.name).List(ctx, metav1.ListOptions{LabelSelector: "app=hasty"})
		if err != nil {
			return err.Error()
		}
		var all []string
		for _, p := range list.Items {
			switch {
			case p.Name == lost && p.DeletionTimestamp != nil:
				all = append(all, "lost")
			case p.Spec.NodeName == "node-1" && isReady(&p):
				all = append(all, "well")
			default:
				all = append(all, fmt.Sprintf("%s on %s: %+v", p.Name, p.Spec.NodeName, p.Status.Conditions))
			}
		}
		if slices.Sort(all); !slices.Equal(all, []string{"lost", "well", "well"}) {
			return strings.Join(all, "\n")
		}
		return ""
	})
	if got := n.do("get", "pod", "patient", "-o", "jsonpath={.metadata.deletionTimestamp}{.spec.tolerations[?(@.key=='node.kubernetes.io/unreachable')].tolerationSeconds}"); got != "300" {
		t.Errorf("the pod without a wish of its own is given up after %q s, want 300, and not yet", got)
	}
	n.node("POST", "/node-2/start")
	n.until("the lost pod has ended, and the patient one is ready again", func(ctx context.Context) string {
		list, err := n.client.CoreV1().Pods(n.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		var all []string
		for _, p := range list.Items {
			all = append(all, fmt.Sprintf("%s ready=%v", p.Name, isReady(&p)))
			if p.Name == lost || !isReady(&p) {
				all = append(all, "!")
			}
		}
		if len(list.Items) != 3 || slices.Contains(all, "!") {
			return strings.Join(all, "\n")
		}
		return ""
	})
}
