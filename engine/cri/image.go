package cri

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	images Images
	event  func(namespace, name, uid, eventType, reason, message string)
	root   string

	mu      sync.Mutex
	present map[string]pulled // by what was asked for, and by ID
}

var _ internalapi.ImageManagerService = (*ImageService)(nil)

// pulled is an image that is on the node.
type pulled struct{ image.Image }

func (s *ImageService) lookup(ref string) (pulled, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.present[ref]
	return i, ok
}

// ref is what a container status shows as its imageID.
func (p pulled) ref() string {
	if len(p.RepoDigests) > 0 {
		return p.RepoDigests[0]
	}
	return p.ID
}

// spec is what a container status shows as its image: a name, where the kubelet
// asked for an ID.
func (p pulled) spec(asked *runtimeapi.ImageSpec) *runtimeapi.ImageSpec {
	if len(p.RepoTags) == 0 {
		return asked
	}
	return &runtimeapi.ImageSpec{Image: p.RepoTags[0], UserSpecifiedImage: asked.GetUserSpecifiedImage(), Annotations: asked.GetAnnotations()}
}

// PullImage asks for it; an event says who answered.
func (s *ImageService) PullImage(ctx context.Context, spec *runtimeapi.ImageSpec, auth *runtimeapi.AuthConfig, pod *runtimeapi.PodSandboxConfig) (string, error) {
	img, source, err := s.images.Pull(ctx, spec.GetImage(), image.Auth{
		Username: auth.GetUsername(), Password: auth.GetPassword(), Auth: auth.GetAuth(),
		IdentityToken: auth.GetIdentityToken(), RegistryToken: auth.GetRegistryToken(),
	})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.present[spec.Image], s.present[img.ID] = pulled{img}, pulled{img}
	s.mu.Unlock()
	if m := pod.GetMetadata(); m != nil && s.event != nil && source != "" {
		s.event(m.Namespace, m.Name, m.Uid, "Normal", "ImageServed", fmt.Sprintf("Image %q was served by %s", spec.Image, source))
	}
	return img.ID, nil
}

// ImageStatus answers no image where it has not been pulled to this node.
func (s *ImageService) ImageStatus(_ context.Context, spec *runtimeapi.ImageSpec, _ bool) (*runtimeapi.ImageStatusResponse, error) {
	i, ok := s.lookup(spec.GetImage())
	if !ok {
		return &runtimeapi.ImageStatusResponse{}, nil
	}
	return &runtimeapi.ImageStatusResponse{Image: i.api()}, nil
}

func (p pulled) api() *runtimeapi.Image {
	a := &runtimeapi.Image{
		Id: p.ID, RepoTags: p.RepoTags, RepoDigests: p.RepoDigests, Size: uint64(p.Size),
		Spec: &runtimeapi.ImageSpec{Image: p.ID},
	}
	// The kubelet needs a number to enforce runAsNonRoot.
	name, _, _ := strings.Cut(p.Config.User, ":")
	if uid, err := strconv.ParseInt(name, 10, 64); err == nil {
		a.Uid = &runtimeapi.Int64Value{Value: uid}
	} else {
		a.Username = name
	}
	return a
}

// ListImages lists what was pulled to this node.
func (s *ImageService) ListImages(_ context.Context, f *runtimeapi.ImageFilter) ([]*runtimeapi.Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := f.GetImage().GetImage()
	byID := map[string]pulled{}
	for ref, i := range s.present {
		if want == "" || want == ref {
			byID[i.ID] = i
		}
	}
	out := make([]*runtimeapi.Image, 0, len(byID))
	for _, i := range byID {
		out = append(out, i.api())
	}
	slices.SortFunc(out, func(a, b *runtimeapi.Image) int { return strings.Compare(a.Id, b.Id) })
	return out, nil
}

// RemoveImage forgets it on this node; the layers are all sessions'.
func (s *ImageService) RemoveImage(_ context.Context, spec *runtimeapi.ImageSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.present[spec.GetImage()]
	if !ok {
		return nil
	}
	for ref, other := range s.present {
		if other.ID == i.ID {
			delete(s.present, ref)
		}
	}
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
