package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// rolling is a Deployment whose selector takes sets, with %s where its strategy goes.
const rolling = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  minReadySeconds: 1
  strategy: {rollingUpdate: {%s}}
  selector:
    matchExpressions:
    - {key: tier, operator: In, values: [front, web]}
    - {key: legacy, operator: DoesNotExist}
  template:
    metadata: {labels: {tier: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: nginx, image: nginx}]
---
apiVersion: v1
kind: Pod
metadata: {name: stranger, labels: {tier: web, legacy: "yes"}}
spec: {terminationGracePeriodSeconds: 1, containers: [{name: nginx, image: nginx}]}
`

// checkRolling updates a Deployment and holds every state in between against the
// bounds of its strategy.
func checkRolling(t *testing.T, n *namespace, strategy string, most, fewest int) {
	n.create(fmt.Sprintf(rolling, strategy))
	first := n.available("web")
	w := n.watch("tier in (front,web),!legacy", first)
	n.do("set", "image", "deployment/web", "nginx=httpd")
	n.available("web")
	n.until("the watch has seen the end", func(context.Context) string {
		return w.missing(func() bool { return len(w.wanted) == 2 && slices.Contains(values(w.wanted), 0) && len(w.ready) == 3 })
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.most != most || w.fewest < fewest {
		t.Errorf("with %s there were up to %d pods, want %d, and at times only %d ready, want %d", strategy, w.most, most, w.fewest, fewest)
	}
	if out := n.do("get", "pods", "-l", "tier in (front,web),!legacy", "-o", "name"); strings.Count(out, "pod/web-") != 3 || strings.Contains(out, "stranger") {
		t.Errorf("of the set: %s", out)
	}
}

// A rollout is what a watch has seen of a Deployment, from state to state of the API.
type rollout struct {
	mu     sync.Mutex
	wanted map[string]int  // pods by ReplicaSet, as the Deployment's controller asked for them
	ready  map[string]bool // pods that are
	most   int             // pods asked for at once, the highest
	fewest int             // pods ready at once, the lowest
	err    error
}

func (n *namespace) watch(selector string, d *appsv1.Deployment) *rollout {
	n.t.Helper()
	w := &rollout{wanted: map[string]int{}, ready: map[string]bool{}, fewest: int(*d.Spec.Replicas)}
	o := metav1.ListOptions{LabelSelector: selector}
	ctx := n.t.Context()
	sets := must(n.client.AppsV1().ReplicaSets(n.name).List(ctx, o))
	pods := must(n.client.CoreV1().Pods(n.name).List(ctx, o))
	for _, s := range sets.Items {
		w.wanted[s.Name] = int(*s.Spec.Replicas)
	}
	for _, p := range pods.Items {
		if isReady(&p) {
			w.ready[p.Name] = true
		}
	}
	follow := func(from string, watch func(context.Context, metav1.ListOptions) (watch.Interface, error)) {
		o.ResourceVersion = from
		stream := must(watch(ctx, o))
		go func() {
			for e := range stream.ResultChan() {
				w.saw(e.Type, e.Object)
			}
		}()
	}
	follow(sets.ResourceVersion, n.client.AppsV1().ReplicaSets(n.name).Watch)
	follow(pods.ResourceVersion, n.client.CoreV1().Pods(n.name).Watch)
	return w
}

func (w *rollout) saw(event watch.EventType, o runtime.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch o := o.(type) {
	case *appsv1.ReplicaSet:
		w.wanted[o.Name] = int(*o.Spec.Replicas)
	case *corev1.Pod:
		if delete(w.ready, o.Name); event != watch.Deleted && isReady(o) {
			w.ready[o.Name] = true
		}
	default:
		w.err = fmt.Errorf("%s %+v", event, o)
	}
	sum := 0
	for _, n := range w.wanted {
		sum += n
	}
	w.most, w.fewest = max(w.most, sum), min(w.fewest, len(w.ready))
}

func (w *rollout) missing(done func() bool) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil && done() {
		return ""
	}
	return fmt.Sprintf("pods wanted %v, ready %v, %v", w.wanted, w.ready, w.err)
}

func values(m map[string]int) (v []int) {
	for _, n := range m {
		v = append(v, n)
	}
	return v
}

const revisions = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  revisionHistoryLimit: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: nginx, env: [{name: TURN, value: "1"}]}]
`

// checkRevisions pauses a Deployment and resumes it, goes back to a revision, and has
// no more of them kept than it asks for.
func checkRevisions(t *testing.T, n *namespace) {
	n.create(revisions)
	n.available("web")
	sets := func() map[string]string { // the names of ReplicaSets by revision
		list := must(n.client.AppsV1().ReplicaSets(n.name).List(t.Context(), metav1.ListOptions{}))
		m := map[string]string{}
		for _, s := range list.Items {
			m[s.Annotations["deployment.kubernetes.io/revision"]] = s.Name
		}
		return m
	}
	first := sets()["1"]
	n.do("rollout", "pause", "deployment/web")
	n.condition("web", appsv1.DeploymentProgressing, corev1.ConditionUnknown, "DeploymentPaused")
	n.do("set", "env", "deployment/web", "TURN=2")
	n.do("set", "resources", "deployment/web", "--requests=cpu=1m")
	n.until("the paused Deployment has been looked at", func(ctx context.Context) string {
		d, err := n.client.AppsV1().Deployments(n.name).Get(ctx, "web", metav1.GetOptions{})
		if err != nil || d.Status.ObservedGeneration != d.Generation {
			return fmt.Sprint(d.Status, err)
		}
		return ""
	})
	if got := sets(); len(got) != 1 {
		t.Errorf("paused, and has ReplicaSets %v", got)
	}
	n.do("rollout", "resume", "deployment/web")
	n.available("web")
	if got := sets(); len(got) != 2 || got["1"] != first || got["2"] == "" {
		t.Errorf("two changes made while paused are one revision, not %v", got)
	}
	if out := n.do("rollout", "history", "deployment/web", "--revision=2"); !strings.Contains(out, "TURN:\t2") || !strings.Contains(out, "cpu:\t1m") {
		t.Errorf("history of revision 2:\n%s", out)
	}
	n.do("rollout", "undo", "deployment/web", "--to-revision=1")
	d := n.available("web")
	if env := d.Spec.Template.Spec.Containers[0].Env[0].Value; env != "1" || d.Annotations["deployment.kubernetes.io/revision"] != "3" {
		t.Errorf("undone to TURN=%s, revision %v", env, d.Annotations)
	}
	if got := sets(); len(got) != 2 || got["3"] != first {
		t.Errorf("undone: %v, want %s at revision 3", got, first)
	}
	for turn := 4; turn < 7; turn++ {
		n.do("set", "env", "deployment/web", fmt.Sprint("TURN=", turn))
		n.available("web")
	}
	n.until("two old ReplicaSets are kept", func(context.Context) string {
		if got := sets(); len(got) != 3 || got["6"] == "" || got["5"] == "" || got["4"] == "" {
			return fmt.Sprint(got)
		}
		return ""
	})
	if out, err := n.tryKubectl("", "-n", n.name, "rollout", "undo", "deployment/web", "--to-revision=1"); err == nil || !strings.Contains(out, "unable to find specified revision 1 in history") {
		t.Errorf("a revision that is forgotten: %v\n%s", err, out)
	}
}
