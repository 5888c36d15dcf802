package cri

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/container"
)

// Kill kills the first process of a pod's container, as `kill -9` on the host does: the
// kubelet learns of it as of any exit. The name may be empty where the pod has one
// container that runs. sandbox is the pod's ID here.
func (r *Runtime) Kill(sandbox, name string) error {
	var running []string
	for _, m := range r.list("", sandbox, nil) {
		if !m.running() {
			continue
		}
		running = append(running, m.config.GetMetadata().GetName())
		if name == m.config.GetMetadata().GetName() {
			return m.Signal(unix.SIGKILL)
		}
	}
	slices.Sort(running)
	if name == "" && len(running) == 1 {
		return r.Kill(sandbox, running[0])
	}
	if len(running) == 0 {
		return fmt.Errorf("%w: no container of the pod runs", container.ErrNotRunning)
	}
	return fmt.Errorf("%w: those that run are %s", container.ErrNotRunning, strings.Join(running, ", "))
}

// Warn has the events of a container's pod say something; it does nothing for a container
// of another node.
func (r *Runtime) Warn(id, reason, message string) {
	r.mu.Lock()
	m := r.members[id]
	r.mu.Unlock()
	if m == nil || r.cfg.Event == nil {
		return
	}
	pod := m.sandbox.config.GetMetadata()
	r.cfg.Event(pod.GetNamespace(), pod.GetName(), pod.GetUid(), "Warning", reason, message)
}

// PodOf names the pod of a container of this node, and the container in it.
func (r *Runtime) PodOf(id string) (namespace, pod, name string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[id]
	if m == nil {
		return "", "", "", false
	}
	of := m.sandbox.config.GetMetadata()
	return of.GetNamespace(), of.GetName(), m.config.GetMetadata().GetName(), true
}
