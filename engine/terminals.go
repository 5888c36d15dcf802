package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubectl/pkg/cmd/util/podcmd"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/terminal"
)

// hangup is how long the programs of a terminal that is closed have to end.
const hangup = time.Second

// Terminals are the session's, oldest first.
func (s *Session) Terminals() []model.Terminal { return s.terminals.List() }

// OpenTerminal starts a shell at a place; see model.Terminal. It fails with a
// *model.FieldError for what is no place, with model.ErrNotFound if there is no such node,
// pod or container, with model.ErrConflict if there can be no shell now, or no more of them.
func (s *Session) OpenTerminal(ctx context.Context, want model.NewTerminal) (model.Terminal, error) {
	s.api.Act()
	kind, name, _ := strings.Cut(want.Place, "/")
	switch {
	case want.Place == network.VertexClient:
		return s.terminals.Open(ctx, want.Place, shell(s.desk.Exec, "bash"))
	case kind == "node":
		return s.openNodeTerminal(ctx, name)
	case kind == "pod":
		return s.openPodTerminal(ctx, name)
	}
	return model.Terminal{}, &model.FieldError{Field: "place", Detail: fmt.Sprintf("must be client, node/NAME or pod/NAMESPACE/NAME/CONTAINER, not %q", want.Place)}
}

// CloseTerminal ends a terminal's program and forgets it. It fails with model.ErrNotFound
// if there is no such terminal.
func (s *Session) CloseTerminal(id string) error { return s.terminals.Delete(id) }

// ViewTerminal looks at a terminal; close what it answers. It fails with
// model.ErrNotFound if there is no such terminal, with model.ErrConflict if too many look.
func (s *Session) ViewTerminal(id string) (*terminal.Viewer, error) { return s.terminals.View(id) }

func (s *Session) openNodeTerminal(ctx context.Context, name string) (model.Terminal, error) {
	m, err := s.node(name)
	if err != nil {
		return model.Terminal{}, err
	}
	d, release, err := s.nodeDesk(m)
	if err != nil {
		return model.Terminal{}, err
	}
	run := shell(d.Exec, "bash")
	t, err := s.terminals.Open(ctx, "node/"+name, func(ctx context.Context, io terminal.IO) (int, error) {
		defer release()
		return run(ctx, io)
	})
	if err != nil {
		release() // it may not have run
	}
	return t, err
}

// openPodTerminal is for NAMESPACE/NAME or NAMESPACE/NAME/CONTAINER.
func (s *Session) openPodTerminal(ctx context.Context, name string) (model.Terminal, error) {
	parts := strings.Split(name, "/")
	if len(parts) == 2 {
		parts = append(parts, "")
	}
	if len(parts) != 3 {
		return model.Terminal{}, &model.FieldError{Field: "place", Detail: "must be pod/NAMESPACE/NAME or pod/NAMESPACE/NAME/CONTAINER"}
	}
	pod, err := s.api.Informers().Core().V1().Pods().Lister().Pods(parts[0]).Get(parts[1])
	if err != nil {
		return model.Terminal{}, fmt.Errorf("%w: there is no pod %s/%s", model.ErrNotFound, parts[0], parts[1])
	}
	c, on, err := s.containerOf(pod, parts[2])
	if err != nil {
		return model.Terminal{}, err
	}
	t, err := s.terminals.Open(ctx, strings.Join([]string{"pod", pod.Namespace, pod.Name, on}, "/"), shell(c.Exec, "sh", "-c", anyShell))
	switch {
	case errors.Is(err, container.ErrExec):
		err = fmt.Errorf("%w: container %s of pod %s has no shell: its image has neither bash nor sh", model.ErrConflict, on, pod.Name)
	case errors.Is(err, container.ErrNotRunning):
		err = fmt.Errorf("%w: container %s of pod %s does not run", model.ErrConflict, on, pod.Name)
	}
	return t, err
}

// anyShell is bash, where there is one.
const anyShell = `if command -v bash >/dev/null 2>&1; then exec bash; fi; exec sh`

// containerOf finds the running container that kubectl exec would take, and its name.
func (s *Session) containerOf(pod *corev1.Pod, name string) (*container.Container, string, error) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil, "", fmt.Errorf("%w: cannot exec into a container in a completed pod; current phase is %s", model.ErrConflict, pod.Status.Phase)
	}
	c, err := podcmd.FindOrDefaultContainerByName(pod, name, true, nil)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", model.ErrNotFound, err)
	}
	if m := s.nodes.find(pod.Spec.NodeName); m != nil {
		if _, cut := s.nodes.state(m); cut {
			return nil, "", fmt.Errorf("%w: %s, where pod %s is, is cut off", model.ErrConflict, m.Name, pod.Name)
		}
	}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for _, st := range statuses {
			if _, id, _ := strings.Cut(st.ContainerID, "://"); st.Name == c.Name && id != "" {
				if found, ok := s.containers.Container(id); ok {
					return found, c.Name, nil
				}
			}
		}
	}
	return nil, "", fmt.Errorf("%w: container %s of pod %s does not run", model.ErrConflict, c.Name, pod.Name)
}

// shell runs args in a terminal by what runs processes there.
func shell(exec func(context.Context, container.ExecSpec) (int, error), args ...string) terminal.Program {
	return func(ctx context.Context, io terminal.IO) (int, error) {
		ended := make(chan struct{})
		defer close(ended)
		sizes := make(chan container.Size)
		go func() {
			for {
				select {
				case z := <-io.Sizes:
					select {
					case sizes <- container.Size{Width: uint16(z.Columns), Height: uint16(z.Rows)}:
					case <-ended:
						return
					}
				case <-ended:
					return
				}
			}
		}()
		return exec(ctx, container.ExecSpec{
			Args: args, Env: []string{"TERM=xterm-256color"}, TTY: true, Stdin: io.In, Stdout: io.Out, Resize: sizes,
			Started: io.Started, Hangup: hangup,
		})
	}
}
