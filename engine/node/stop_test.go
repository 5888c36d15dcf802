package node_test

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStopLeavesNothing(t *testing.T) {
	w := newWorld(t)
	c := shell("sleep 1000 & exec sleep 1000") // does not end by SIGTERM
	c.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
	long := int64(1000)
	p := pod("web", c)
	p.Spec.TerminationGracePeriodSeconds = &long
	w.create(p)
	w.until("web", "Ready", ready)
	bad := forever()
	bad.Image = "nope"
	w.create(pod("bad", bad))
	w.until("bad", "waiting", func(p *corev1.Pod) bool { return waiting("ErrImagePull")(p) || waiting("ImagePullBackOff")(p) })
	if n := labelled(w.root); n < 20 {
		t.Fatalf("only %d goroutines have the node's label: nothing is seen", n)
	}
	t.Logf("goroutines of a node with two pods: %d", labelled(w.root))
	// In the middle of a long goodbye.
	w.must(w.client.CoreV1().Pods("default").Delete(t.Context(), "web", metav1.DeleteOptions{}))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w.must(w.node.Stop(ctx))
	w.must(w.runtime.Close(ctx))
	w.eventually("goroutines", func() error {
		if n := labelled(w.root); n > 0 {
			return fmt.Errorf("%d are left:\n%s", n, goroutines(w.root))
		}
		return nil
	})
	if left := w.session.Containers(); len(left) != 0 {
		t.Errorf("containers are left: %v", left)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	w.must(err)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, w.root) || strings.Contains(line, "/rootfs") {
			t.Errorf("mounted still: %s", line)
		}
	}
}

// goroutines are those that the node with this root has started, each once with
// how many there are. The API is called on the node's goroutines, so what it
// starts for itself has the label, too.
func goroutines(root string) string {
	var all, mine strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
	for block := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(block, fmt.Sprintf("%q", root)) && !strings.Contains(block, "k8s.io/apiserver/pkg/admission") {
			mine.WriteString(block + "\n\n")
		}
	}
	return mine.String()
}

func labelled(root string) int {
	n := 0
	for block := range strings.SplitSeq(goroutines(root), "\n\n") {
		var k int
		_, _ = fmt.Sscanf(strings.TrimSpace(block), "%d @", &k)
		n += k
	}
	return n
}
