package node_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/container"
)

func evicted(p *corev1.Pod) bool {
	return p != nil && p.Status.Phase == corev1.PodFailed && p.Status.Reason == "Evicted"
}

// The kubelet looks each 10 s, so all that may be evicted for its own limits is
// there at once.
func TestEviction(t *testing.T) {
	w := newWorld(t, func(c *container.SessionConfig) { c.SizeBytes = 64 << 20 })
	w.create(pod("quiet", withResources(forever(), "", "ephemeral-storage=8Mi")))
	w.create(pod("layer", withResources(shell("dd if=/dev/zero of=/big bs=1M count=4; exec sleep 1000"), "", "ephemeral-storage=1Mi")))
	w.create(pod("log", withResources(shell("head -c 4000000 /dev/zero | tr '\\0' x; exec sleep 1000"), "", "ephemeral-storage=1Mi")))
	limit := resource.MustParse("1Mi")
	p := pod("volume", shell("dd if=/dev/zero of=/scratch/big bs=1M count=4; exec sleep 1000"))
	p.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}}}}
	p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "scratch", MountPath: "/scratch"}}
	w.create(p)
	for name, want := range map[string]string{
		"layer":  "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ",
		"log":    "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ",
		"volume": `Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". `,
	} {
		if p := w.until(name, "evicted", evicted); p.Status.Message != want {
			t.Errorf("%s: %q", name, p.Status.Message)
		}
	}

	w.create(pod("full", shell("dd if=/dev/zero of=/big bs=1M count=60; exec sleep 1000")))
	p = w.until("full", "evicted", evicted)
	if !strings.HasPrefix(p.Status.Message, "The node was low on resource: ephemeral-storage. Threshold quantity: ") ||
		!strings.Contains(p.Status.Message, "Container c0 was using ") {
		t.Errorf("it says %q", p.Status.Message)
	}
	w.eventually("pressure", func() error {
		n, err := w.client.CoreV1().Nodes().Get(context.Background(), "node-1", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeDiskPressure && c.Status == corev1.ConditionTrue && c.Reason == "KubeletHasDiskPressure" {
				return nil
			}
		}
		return fmt.Errorf("conditions %+v", n.Status.Conditions)
	})
	if p, err := w.client.CoreV1().Pods("default").Get(t.Context(), "quiet", metav1.GetOptions{}); err != nil || !ready(p) {
		t.Errorf("the quiet pod: %v, %+v", err, p.Status)
	}
	w.create(pod("late", forever()))
	p = w.until("late", "refused", func(p *corev1.Pod) bool { return p != nil && p.Status.Phase == corev1.PodFailed })
	if p.Status.Reason != "Evicted" || !strings.Contains(p.Status.Message, "The node had condition: [DiskPressure].") {
		t.Errorf("a pod that comes late: %s, %q", p.Status.Reason, p.Status.Message)
	}
}
