package cri

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
)

// A member is a container of a sandbox, from CreateContainer to RemoveContainer.
type member struct {
	Container
	id      string
	sandbox *sandbox
	config  *runtimeapi.ContainerConfig
	image   pulled
	logPath string
	pace    pace
	// resources are those that hold. Under Runtime.mu; the value is never changed.
	resources *runtimeapi.LinuxContainerResources

	remove func() error // once
}

// CreateContainer prepares a container in a sandbox.
func (r *Runtime) CreateContainer(ctx context.Context, sandboxID string, config *runtimeapi.ContainerConfig, sandboxConfig *runtimeapi.PodSandboxConfig) (string, error) {
	leave, err := r.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	if err := r.afford(ctx, containerCost, sandboxConfig.GetMetadata()); err != nil {
		return "", err
	}
	r.mu.Lock()
	s := r.sandboxes[sandboxID]
	ready := s != nil && s.ready
	r.mu.Unlock()
	if s == nil {
		return "", notFound("sandbox", sandboxID)
	}
	if !ready {
		return "", fmt.Errorf("sandbox %q is not ready", sandboxID)
	}
	img, ok := r.cfg.Disk.find(config.GetImage().GetImage())
	if !ok {
		return "", notFound("image", config.GetImage().GetImage())
	}
	m := &member{id: newID(), sandbox: s, config: config, image: img, resources: config.GetLinux().GetResources()}
	if dir := s.config.GetLogDirectory(); dir != "" && config.GetLogPath() != "" {
		m.logPath = filepath.Join(dir, config.LogPath)
		if err := os.MkdirAll(filepath.Dir(m.logPath), 0o755); err != nil {
			return "", fmt.Errorf("container's log: %w", err)
		}
	}
	spec, err := r.spec(m)
	if err != nil {
		return "", err
	}
	spec.OnExit = func() { r.notify(s.uid()) }
	if m.Container, err = r.cfg.Containers.Create(ctx, spec); err != nil {
		return "", err
	}
	m.remove = sync.OnceValue(m.Remove)
	if config.GetMetadata().GetAttempt() == 0 && img.by != s.uid() { // who pulled it was told
		r.images.served(s.config.GetMetadata(), cmp.Or(config.GetImage().GetUserSpecifiedImage(), config.GetImage().GetImage()), img.Source)
	}
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.members[m.id] = m
	}
	r.mu.Unlock()
	if closed {
		return "", errors.Join(ErrClosed, m.remove())
	}
	return m.id, nil
}

func (r *Runtime) member(id string) (*member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[id]; m != nil {
		return m, nil
	}
	return nil, notFound("container", id)
}

func (m *member) running() bool { return m.Status().State == container.Running }

// StartContainer starts the container's program. A container that cannot start
// has ended with code 128 and the OCI runtime's own words.
func (r *Runtime) StartContainer(ctx context.Context, id string) error {
	m, err := r.member(id)
	if err != nil {
		return err
	}
	defer r.notify(m.sandbox.uid())
	return m.Start(ctx)
}

// StopContainer asks the container to end, and kills it after timeout seconds.
func (r *Runtime) StopContainer(ctx context.Context, id string, timeout int64) error {
	m, err := r.member(id)
	if err != nil {
		return nil // as the protocol wants it
	}
	ctx, cancel := r.until(ctx)
	defer cancel()
	return m.Stop(ctx, time.Duration(timeout)*time.Second)
}

// RemoveContainer removes it; one that runs is killed. Its log stays: that is the kubelet's.
func (r *Runtime) RemoveContainer(_ context.Context, id string) error {
	m, err := r.member(id)
	if err != nil {
		return nil // as the protocol wants it
	}
	if err := m.remove(); err != nil {
		return fmt.Errorf("failed to remove container %q: %w", id, err)
	}
	used, _ := m.Usage()
	r.mu.Lock()
	if r.members[id] == m {
		m.sandbox.spent += used.CPU
	}
	delete(r.members, id)
	r.mu.Unlock()
	r.notify(m.sandbox.uid())
	return nil
}

// ListContainers lists those that the filter lets pass.
func (r *Runtime) ListContainers(_ context.Context, f *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	var out []*runtimeapi.Container
	for _, m := range r.list(f.GetId(), f.GetPodSandboxId(), f.GetLabelSelector()) {
		st := m.Status()
		if f.GetState() != nil && f.State.State != state(st.State) {
			continue
		}
		out = append(out, &runtimeapi.Container{
			Id: m.id, PodSandboxId: m.sandbox.id, Metadata: m.config.Metadata, Image: m.image.spec(m.config.Image),
			ImageRef: m.image.ref(), ImageId: m.image.ID, State: state(st.State), CreatedAt: st.CreatedAt.UnixNano(),
			Labels: maps.Clone(m.config.Labels), Annotations: maps.Clone(m.config.Annotations),
		})
	}
	return out, nil
}

func (r *Runtime) list(id, sandbox string, labels map[string]string) []*member {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ms []*member
	for _, m := range r.members {
		if (id == "" || id == m.id) && (sandbox == "" || sandbox == m.sandbox.id) && selects(labels, m.config.Labels) {
			ms = append(ms, m)
		}
	}
	return ms
}

func state(s container.State) runtimeapi.ContainerState {
	switch s {
	case container.Created:
		return runtimeapi.ContainerState_CONTAINER_CREATED
	case container.Running:
		return runtimeapi.ContainerState_CONTAINER_RUNNING
	case container.Exited:
		return runtimeapi.ContainerState_CONTAINER_EXITED
	}
	return runtimeapi.ContainerState_CONTAINER_UNKNOWN
}

// ContainerStatus is where the kubelet takes states, exit codes and reasons from.
func (r *Runtime) ContainerStatus(_ context.Context, id string, _ bool) (*runtimeapi.ContainerStatusResponse, error) {
	m, err := r.member(id)
	if err != nil {
		return nil, err
	}
	st := m.Status()
	r.mu.Lock()
	resources := m.resources
	r.mu.Unlock()
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{
		Id: m.id, Metadata: m.config.Metadata, State: state(st.State), CreatedAt: st.CreatedAt.UnixNano(),
		StartedAt: nanos(st.StartedAt), FinishedAt: nanos(st.FinishedAt), ExitCode: int32(st.ExitCode),
		Image: m.image.spec(m.config.Image), ImageRef: m.image.ref(), ImageId: m.image.ID,
		Reason: st.Reason, Message: st.Message, Mounts: m.config.Mounts,
		Labels: maps.Clone(m.config.Labels), Annotations: maps.Clone(m.config.Annotations), LogPath: m.logPath,
		Resources: &runtimeapi.ContainerResources{Linux: resources},
	}}, nil
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// ReopenContainerLog is called after the kubelet moved the log away.
func (r *Runtime) ReopenContainerLog(_ context.Context, id string) error {
	m, err := r.runningMember(id)
	if err != nil {
		return err
	}
	return m.ReopenLog()
}
