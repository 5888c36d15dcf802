package node_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// amounts reads "cpu=100m memory=32Mi".
func amounts(text string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for _, word := range strings.Fields(text) {
		name, amount, _ := strings.Cut(word, "=")
		list[corev1.ResourceName(name)] = resource.MustParse(amount)
	}
	return list
}

func withResources(c corev1.Container, requests, limits string) corev1.Container {
	c.Resources = corev1.ResourceRequirements{Requests: amounts(requests), Limits: amounts(limits)}
	return c
}

// tryResize asks for other resources of one container.
func (w *world) tryResize(name string, container int, requests, limits string) error {
	pods := w.client.CoreV1().Pods("default")
	p, err := pods.Get(w.Context(), name, metav1.GetOptions{})
	if err == nil {
		p.Spec.Containers[container].Resources.Requests = amounts(requests)
		p.Spec.Containers[container].Resources.Limits = amounts(limits)
		_, err = pods.UpdateResize(w.Context(), name, p, metav1.UpdateOptions{})
	}
	return err
}

// resize tries until nobody else has written to the pod meanwhile, as the kubelet may.
func (w *world) resize(name string, container int, requests, limits string) {
	w.Helper()
	w.eventually("resize", func() error { return w.tryResize(name, container, requests, limits) })
}

// has tells whether a container's status shows these resources, and no resize is
// under way.
func has(container int, requests, limits string) func(*corev1.Pod) bool {
	equal := func(a, b corev1.ResourceList) bool {
		for name, amount := range b {
			if have := a[name]; have.Cmp(amount) != 0 {
				return false
			}
		}
		return len(a) == len(b)
	}
	return func(p *corev1.Pod) bool {
		if p == nil || len(p.Status.ContainerStatuses) <= container || condition(p, corev1.PodResizePending) != nil || condition(p, corev1.PodResizeInProgress) != nil {
			return false
		}
		s := p.Status.ContainerStatuses[container]
		return s.State.Running != nil && s.Resources != nil && equal(s.Resources.Requests, amounts(requests)) && equal(s.Resources.Limits, amounts(limits)) &&
			equal(s.AllocatedResources, amounts(requests))
	}
}

func condition(p *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == kind {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

// inside runs a script in a container that runs.
func (w *world) inside(p *corev1.Pod, container int, script string) string {
	w.Helper()
	_, id, _ := strings.Cut(p.Status.ContainerStatuses[container].ContainerID, "://")
	c, ok := w.session.Container(id)
	if !ok {
		w.Fatalf("no container %s", id)
	}
	out, errs, code, err := c.ExecSync(context.Background(), []string{"sh", "-c", script}, 0)
	if err != nil || code != 0 {
		w.Fatalf("%s: code %d, %v, %s", script, code, err, errs)
	}
	return string(out)
}

// memoryLimit is where programs look for it, in either version of cgroups.
const memoryLimit = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes"

func TestResize(t *testing.T) {
	w := newWorld(t)
	if !w.host.Cgroups() {
		t.Skip("there are no cgroups here")
	}
	p := pod("fit", withResources(forever(), "cpu=100m memory=32Mi", "cpu=200m memory=64Mi"), withResources(forever(), "memory=32Mi", "memory=32Mi"))
	p.Spec.Containers[1].ResizePolicy = []corev1.ContainerResizePolicy{{ResourceName: corev1.ResourceMemory, RestartPolicy: corev1.RestartContainer}}
	w.create(p)
	w.until("fit", "running with what it asked for", has(0, "cpu=100m memory=32Mi", "cpu=200m memory=64Mi"))

	group := func(p *corev1.Pod) int64 { // of the pod as a whole
		r, ok := w.runtime.PodCgroups().Get("pod" + string(p.UID))
		if !ok {
			t.Fatal("the pod has no cgroup")
		}
		return r.MemoryLimitInBytes >> 20
	}

	w.resize("fit", 0, "cpu=150m memory=48Mi", "cpu=400m memory=96Mi")
	p = w.until("fit", "larger", has(0, "cpu=150m memory=48Mi", "cpu=400m memory=96Mi"))
	if got := strings.TrimSpace(w.inside(p, 0, memoryLimit)); got != fmt.Sprint(96<<20) || p.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("the container sees %s, and was restarted %d times", got, p.Status.ContainerStatuses[0].RestartCount)
	}
	if got := group(p); got != 128 {
		t.Errorf("the pod has %d MiB, want 96 and 32", got)
	}

	w.resize("fit", 1, "memory=40Mi", "memory=40Mi")
	p = w.until("fit", "larger with a restart", has(1, "memory=40Mi", "memory=40Mi"))
	if got := strings.TrimSpace(w.inside(p, 1, memoryLimit)); got != fmt.Sprint(40<<20) || p.Status.ContainerStatuses[1].RestartCount != 1 || p.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("the container sees %s, restarts %d and %d", got, p.Status.ContainerStatuses[0].RestartCount, p.Status.ContainerStatuses[1].RestartCount)
	}

	w.resize("fit", 0, "cpu=50m memory=32Mi", "cpu=100m memory=48Mi")
	p = w.until("fit", "smaller", has(0, "cpu=50m memory=32Mi", "cpu=100m memory=48Mi"))
	if got := group(p); got != 88 {
		t.Errorf("the pod has %d MiB, want 48 and 40", got)
	}

	// What the node has not is refused at once.
	w.eventually("a refusal", func() error {
		err := w.tryResize("fit", 0, "cpu=1000 memory=32Mi", "cpu=1000 memory=48Mi")
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "node didn't have enough allocatable resources: cpu, requested: 1000000") {
			return fmt.Errorf("1000 cores: %v", err)
		}
		return nil
	})

	// What would fit once another pod has gone is done when that has.
	cores := runtime.NumCPU() * 1000
	w.create(pod("other", withResources(forever(), fmt.Sprintf("cpu=%dm", cores-500), "")))
	w.until("other", "Ready", ready)
	w.resize("fit", 0, "cpu=600m memory=32Mi", "cpu=600m memory=48Mi")
	w.until("fit", "deferred", func(p *corev1.Pod) bool {
		c := condition(p, corev1.PodResizePending)
		return c != nil && c.Reason == corev1.PodReasonDeferred
	})
	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "other", metav1.DeleteOptions{}))
	w.until("fit", "resized after the other has gone", has(0, "cpu=600m memory=32Mi", "cpu=600m memory=48Mi"))

	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "fit", metav1.DeleteOptions{}))
	w.until("fit", "gone", gone)
	w.eventually("no cgroups", func() error {
		if left := w.runtime.PodCgroups().List(); len(left) > 0 {
			return fmt.Errorf("left: %v", left)
		}
		return nil
	})
}

func TestOutOfMemory(t *testing.T) {
	w := newWorld(t)
	if !w.host.Cgroups() {
		t.Skip("there are no cgroups here")
	}
	w.create(pod("hog", withResources(shell("exec tail -c 100m /dev/zero"), "", "memory=16Mi"), forever()))
	p := w.until("hog", "killed and waiting", func(p *corev1.Pod) bool {
		return waiting("CrashLoopBackOff")(p) && p.Status.ContainerStatuses[0].LastTerminationState.Terminated != nil
	})
	s := p.Status.ContainerStatuses[0]
	if last := s.LastTerminationState.Terminated; last.Reason != "OOMKilled" || last.ExitCode != 137 {
		t.Errorf("it ended with %+v", last)
	}
	if p.Status.QOSClass != corev1.PodQOSBurstable {
		t.Errorf("class %s", p.Status.QOSClass)
	}
	if other := p.Status.ContainerStatuses[1]; other.RestartCount != 0 || other.State.Running == nil {
		t.Errorf("its neighbour is %+v", other)
	}
}
