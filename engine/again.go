package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/podhop/podhop/engine/model"
)

// again breaks what was broken when the session's server ended. What cannot be broken any
// more is told in the log alone: the session goes on.
func (s *Session) again(ctx context.Context, k keptFile) {
	for _, n := range k.Nodes {
		if !n.Cut {
			continue
		}
		if err := s.cutNode(ctx, n.Name, true); err != nil {
			s.log.Warn("cutting a node off again", "node", n.Name, "err", err)
		}
	}
	if len(k.Faults) == 0 {
		return
	}
	if err := s.change(ctx, func(ctx context.Context) error { return s.setFaults(ctx, k.Faults) }); err != nil {
		s.log.Warn("breaking again what was broken", "err", err)
	}
}

// leaveLogs makes the folders of logs that nodes would have had, had they been rebooted with
// their disks: by them a kubelet whose runtime has forgotten all containers counts their
// restarts (k8s.io/kubernetes/pkg/kubelet/kuberuntime, calcRestartCountByLogDir). The
// logs themselves were on the session's disk, and are gone.
func (s *Session) leaveLogs(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(s.api.ClientConfig())
	if err != nil {
		return err
	}
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		m := s.nodes.find(p.Spec.NodeName)
		if m == nil {
			continue
		}
		for _, statuses := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses} {
			for _, c := range statuses {
				if c.ContainerID == "" {
					continue // it never ran
				}
				dir := filepath.Join(s.root(m), "logs", fmt.Sprintf("%s_%s_%s", p.Namespace, p.Name, p.UID), c.Name)
				if err := os.MkdirAll(dir, 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", c.RestartCount)), nil, 0o640); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// lostOf says why a session that was kept is not there.
func (e *Engine) lostOf(id string) error {
	if err := e.lost[id]; err != nil {
		return err
	}
	return fmt.Errorf("session %s: %w", id, model.ErrNotFound)
}
