package cri

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container/image"
)

// ImageService is one node's ImageManagerService. What is on the node is what
// was pulled there, however little that costs: Pulling and Pulled are seen once
// a node, as anywhere. Safe for concurrent use.
type ImageService struct {
	images     Images
	containers Containers
	event      func(namespace, name, uid, eventType, reason, message string)
	root       string
	disk       *Disk
	report     time.Duration
}

var _ internalapi.ImageManagerService = (*ImageService)(nil)

// PullImage asks for the image and unpacks it; an event says who answered. The
// kubelet ends ctx with the node, but not with the pod: one that is deleted waits
// for its pull.
func (s *ImageService) PullImage(ctx context.Context, spec *runtimeapi.ImageSpec, auth *runtimeapi.AuthConfig, pod *runtimeapi.PodSandboxConfig) (string, error) {
	var at pullState
	reporting, stop := context.WithCancel(ctx)
	defer stop()
	if s.event != nil && pod.GetMetadata() != nil {
		go s.reports(reporting, spec.GetImage(), pod.Metadata, &at)
	}
	img, source, err := s.images.Pull(ctx, spec.GetImage(), image.Auth{
		Username: auth.GetUsername(), Password: auth.GetPassword(), Auth: auth.GetAuth(),
		IdentityToken: auth.GetIdentityToken(), RegistryToken: auth.GetRegistryToken(),
	}, at.set)
	if err != nil {
		return "", err
	}
	if err := s.containers.Unpack(ctx, img); err != nil {
		return "", fmt.Errorf("failed to pull and unpack image %q: %w", img.Reference, err)
	}
	s.disk.put(spec.GetImage(), img, pod.GetMetadata().GetUid())
	s.served(pod.GetMetadata(), spec.GetImage(), source)
	return img.ID, nil
}

// served tells of where an image came from.
func (s *ImageService) served(pod *runtimeapi.PodSandboxMetadata, name, source string) {
	if pod != nil && s.event != nil && source != "" {
		s.event(pod.Namespace, pod.Name, pod.Uid, "Normal", "ImageServed", fmt.Sprintf("Image %q was served by %s", name, source))
	}
}

// pullState is how far a pull is.
type pullState struct{ done, total atomic.Int64 }

func (p *pullState) set(done, total int64) {
	p.done.Store(max(done, p.done.Load()))
	p.total.Store(total)
}

func (p *pullState) String() string {
	done, total := p.done.Load(), p.total.Load()
	switch {
	case total == 0:
		return "the registry has not answered yet"
	case done >= total:
		return fmt.Sprintf("all of %.1f MB are here and being unpacked", float64(total)/1e6)
	}
	return fmt.Sprintf("%.1f of %.1f MB are here (%d%%)", float64(done)/1e6, float64(total)/1e6, 100*done/total)
}

// reports tells how far a pull is that takes long: each time when it has taken
// twice as long as at the last.
func (s *ImageService) reports(ctx context.Context, name string, pod *runtimeapi.PodSandboxMetadata, at *pullState) {
	for wait := s.report; ; wait *= 2 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			s.event(pod.Namespace, pod.Name, pod.Uid, "Normal", "PullProgress", fmt.Sprintf("Still pulling image %q: %v", name, at))
		}
	}
}

// ImageStatus answers no image where it has not been pulled to this node.
func (s *ImageService) ImageStatus(_ context.Context, spec *runtimeapi.ImageSpec, _ bool) (*runtimeapi.ImageStatusResponse, error) {
	i, ok := s.disk.find(spec.GetImage())
	if !ok {
		return &runtimeapi.ImageStatusResponse{}, nil
	}
	return &runtimeapi.ImageStatusResponse{Image: i.api()}, nil
}

// ListImages lists what was pulled to this node.
func (s *ImageService) ListImages(_ context.Context, f *runtimeapi.ImageFilter) ([]*runtimeapi.Image, error) {
	out := []*runtimeapi.Image{}
	for _, i := range s.disk.list() {
		if i.matches(f.GetImage().GetImage()) {
			out = append(out, i.api())
		}
	}
	return out, nil
}

// RemoveImage forgets it on this node; the layers are all sessions'.
func (s *ImageService) RemoveImage(_ context.Context, spec *runtimeapi.ImageSpec) error {
	s.disk.remove(spec.GetImage())
	return nil
}

// ImageFsInfo is of the file system that the node's own files are on.
func (s *ImageService) ImageFsInfo(context.Context) (*runtimeapi.ImageFsInfoResponse, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.root, &st); err != nil {
		return nil, fmt.Errorf("statfs %s: %w", s.root, err)
	}
	u := []*runtimeapi.FilesystemUsage{{
		Timestamp: time.Now().UnixNano(), FsId: &runtimeapi.FilesystemIdentifier{Mountpoint: s.root},
		UsedBytes:  &runtimeapi.UInt64Value{Value: (st.Blocks - st.Bfree) * uint64(st.Bsize)},
		InodesUsed: &runtimeapi.UInt64Value{Value: st.Files - st.Ffree},
	}}
	return &runtimeapi.ImageFsInfoResponse{ImageFilesystems: u, ContainerFilesystems: u}, nil
}

// Close does nothing.
func (s *ImageService) Close(context.Context) error { return nil }
