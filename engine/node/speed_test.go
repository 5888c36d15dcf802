package node_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestBoundToReady measures, from a pod's creation, bound to the node already,
// to the event that says it is Ready, and from its deletion to its end.
func TestBoundToReady(t *testing.T) {
	w := newWorld(t)
	_, err := w.client.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "cm"}, Data: map[string]string{"a": "b"}}, metav1.CreateOptions{})
	w.must(err)
	no := false
	for _, kind := range []string{"plain", "volumes"} {
		var up, down []time.Duration
		for i := range 21 {
			name := fmt.Sprintf("%s-%d", kind, i)
			p := pod(name, forever())
			p.Spec.Containers[0].ImagePullPolicy = corev1.PullIfNotPresent
			if p.Spec.AutomountServiceAccountToken = &no; kind == "volumes" {
				p.Spec.AutomountServiceAccountToken = nil
				p.Spec.Volumes = []corev1.Volume{
					{Name: "cm", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}}}},
					{Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				}
				p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "cm", MountPath: "/cm"}, {Name: "e", MountPath: "/e"}}
			}
			start := time.Now()
			w.create(p)
			w.until(name, "Ready", ready)
			up = append(up, time.Since(start))
			w.eventually("up", func() error {
				if w.log(name, "") != "up\n" {
					return errors.New("the program is not at its trap yet")
				}
				return nil
			})
			start = time.Now()
			w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), name, metav1.DeleteOptions{}))
			w.until(name, "gone", gone)
			down = append(down, time.Since(start))
		}
		slices.Sort(up)
		slices.Sort(down)
		t.Logf("%s: bound to Ready: median %v, most %v; delete to gone: median %v, most %v", kind, up[10], up[20], down[10], down[20])
		if up[10] > 2*time.Second {
			t.Errorf("%s: half of the pods took more than two seconds", kind)
		}
	}
	t.Logf("goroutines of the idle node: %d", labelled(w.root))
}

// TestBurst: one pod that waits must not hold up the others.
func TestBurst(t *testing.T) {
	w := newWorld(t)
	const n = 30
	stuck := forever()
	stuck.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "nope"}}}}
	w.create(pod("stuck", stuck))
	volume := pod("novolume", forever())
	volume.Spec.Volumes = []corev1.Volume{{Name: "cm", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "nope"}}}}}
	w.create(volume)
	start := time.Now()
	for i := range n {
		w.create(pod(fmt.Sprintf("p%d", i), forever()))
	}
	ips := map[string]bool{}
	for i := range n {
		ips[w.until(fmt.Sprintf("p%d", i), "Ready", ready).Status.PodIP] = true
	}
	t.Logf("%d pods Ready after %v", n, time.Since(start))
	if len(ips) != n {
		t.Errorf("%d pods have %d addresses", n, len(ips))
	}
	start = time.Now()
	w.must(w.client.CoreV1().Pods("default").DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	for i := range n {
		w.until(fmt.Sprintf("p%d", i), "gone", gone)
	}
	w.until("stuck", "gone", gone)
	w.until("novolume", "gone", gone)
	t.Logf("gone after %v", time.Since(start))
}
