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
