package cri

import (
	"context"
	"errors"
	"fmt"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image"
)

// pauseImage is process 1 of pods whose containers share a process namespace. Other
// pods have none: their namespaces live without a process.
const pauseImage = "registry.k8s.io/pause:3.10"

// startPause starts a sandbox's first process, if its containers share a namespace
// of processes: it outlives them, and reaps what they leave.
func (r *Runtime) startPause(ctx context.Context, s *sandbox) error {
	ns := s.config.GetLinux().GetSecurityContext().GetNamespaceOptions()
	if ns == nil || ns.Pid != runtimeapi.NamespaceMode_POD {
		return nil
	}
	img, _, err := r.cfg.Images.Pull(ctx, pauseImage, image.Auth{}, nil)
	if err != nil {
		return fmt.Errorf("failed to get sandbox image %q: %w", pauseImage, err)
	}
	s.pause, err = r.cfg.Containers.Create(ctx, container.Spec{
		ID: s.id, Image: img, Sandbox: s.attach.Sandbox, HostNetwork: s.attach.HostNetwork, Hostname: s.hostname,
		Group:  r.pods.find(s.config.GetLinux().GetCgroupParent()),
		OnExit: func() { r.ended(s) },
	})
	if err != nil {
		return fmt.Errorf("failed to create sandbox container: %w", err)
	}
	if err := s.pause.Start(ctx); err != nil {
		return errors.Join(fmt.Errorf("failed to start sandbox container: %w", err), s.pause.Remove())
	}
	return nil
}

// ended takes notice that a sandbox is ready no more: it was stopped, or has lost its
// first process, and with it all others. The kubelet makes another.
func (r *Runtime) ended(s *sandbox) {
	r.mu.Lock()
	was := s.ready
	s.ready = false
	r.mu.Unlock()
	if was {
		r.notify(s.uid())
	}
}

// removePause ends it, if there is one.
func (s *sandbox) removePause() error {
	if s.pause == nil {
		return nil
	}
	return s.pause.Remove()
}
