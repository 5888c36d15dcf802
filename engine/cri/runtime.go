package cri

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"

	"github.com/podhop/podhop/engine/container"
)

// ErrClosed is what calls answer once the node is gone.
var ErrClosed = errors.New("the node is shut down")

// Config says what a node's runtime is made of.
type Config struct {
	// Node is the name that pods in the node's network see as their host name.
	Node string
	// Name and Version are the OCI runtime's, as nodes show it: crun, 1.8.1.
	Name, Version string
	// Root is a folder of this node's runtime alone; it is made where it is missing.
	Root       string
	Network    Network
	Containers Containers
	Images     Images
	// Disk has the images that were pulled; nil: one of this runtime's own.
	Disk *Disk
	// PullReport is how long a pull takes before an event tells how far it is;
	// the default is 10 s.
	PullReport time.Duration
	// NodeFiles is the only folder that mounts may come from: the kubelet's own.
	NodeFiles string
	// Event records an event about a pod (type Normal or Warning); may be nil.
	Event func(namespace, name, uid, eventType, reason, message string)
	// Share is what the node's session has of the server; nil is without end.
	Share Share
	// WaitReport is how long a pod waits for that before an event tells; the default is 5 s.
	WaitReport time.Duration
	Logger     *slog.Logger
}

// Runtime is one node's RuntimeService. Safe for concurrent use.
type Runtime struct {
	cfg    Config
	log    *slog.Logger
	images *ImageService
	stream streaming.Server
	pods   *PodCgroups

	// ctx ends with Close.
	ctx    context.Context
	cancel context.CancelFunc

	calls sync.WaitGroup // that make something; Close waits for them

	mu        sync.Mutex
	closed    bool
	changed   func(podUID string)
	sandboxes map[string]*sandbox
	members   map[string]*member
	spent     time.Duration // CPU time of pods that are removed
}

var _ internalapi.RuntimeService = (*Runtime)(nil)

// New makes the runtime of a node. Close must be called.
func New(cfg Config) (*Runtime, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(filepath.Join(cfg.Root, "sandboxes"), 0o755); err != nil {
		return nil, fmt.Errorf("runtime's folder: %w", err)
	}
	if cfg.Disk == nil {
		cfg.Disk = new(Disk)
	}
	if cfg.Share == nil {
		cfg.Share = all{}
	}
	if cfg.PullReport == 0 {
		cfg.PullReport = 10 * time.Second
	}
	cfg.WaitReport = cmp.Or(cfg.WaitReport, 5*time.Second)
	r := &Runtime{
		cfg:       cfg,
		log:       cfg.Logger,
		sandboxes: map[string]*sandbox{},
		members:   map[string]*member{},
	}
	r.pods = &PodCgroups{make: cfg.Containers.Group, all: map[string]*container.Group{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.images = &ImageService{images: cfg.Images, containers: cfg.Containers, event: cfg.Event, root: cfg.Root, disk: cfg.Disk, report: cfg.PullReport}
	var err error
	if r.stream, err = newStreams(r); err != nil {
		return nil, err
	}
	return r, nil
}

// enter is for calls that make something: none begins once the node is shut down.
func (r *Runtime) enter() (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	r.calls.Add(1)
	return r.calls.Done, nil
}

// Images is the node's ImageManagerService.
func (r *Runtime) Images() *ImageService { return r.images }

// Streams serves the URLs that Exec, Attach and PortForward answer.
func (r *Runtime) Streams() http.Handler { return r.stream }

// PodCgroups are the cgroups of the node's pods, which the kubelet makes.
func (r *Runtime) PodCgroups() *PodCgroups { return r.pods }

// OnChange has f called after each change of a pod's sandbox or containers, so
// that the kubelet need not look for changes. f must not block.
func (r *Runtime) OnChange(f func(podUID string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = f
}

// notify tells of a change; r.mu must not be held.
func (r *Runtime) notify(podUID string) {
	r.mu.Lock()
	f := r.changed
	r.mu.Unlock()
	if f != nil && podUID != "" {
		f(podUID)
	}
}

// Close ends all containers at once and gives back all that they used. It is
// part of internalapi.RuntimeService, too; calls after the first do nothing.
func (r *Runtime) Close(ctx context.Context) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.changed = nil
	members, sandboxes := r.members, r.sandboxes
	r.members, r.sandboxes = map[string]*member{}, map[string]*sandbox{}
	r.mu.Unlock()
	r.cancel()
	r.calls.Wait() // they clean up by themselves what they made

	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for _, m := range members {
		wg.Go(func() {
			if err := m.remove(); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for id, s := range sandboxes {
		errs = append(errs, s.removePause())
		if err := r.cfg.Network.Detach(ctx, id); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, r.pods.close())
	if err := os.RemoveAll(r.cfg.Root); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Version is how the node names its runtime: containerRuntimeVersion is
// RuntimeName://RuntimeVersion.
func (r *Runtime) Version(context.Context, string) (*runtimeapi.VersionResponse, error) {
	return &runtimeapi.VersionResponse{
		Version: "0.1.0", RuntimeName: r.cfg.Name, RuntimeVersion: r.cfg.Version, RuntimeApiVersion: "v1",
	}, nil
}

// Status says that all is well, as long as the node is there.
func (r *Runtime) Status(context.Context, bool) (*runtimeapi.StatusResponse, error) {
	r.mu.Lock()
	ok := !r.closed
	r.mu.Unlock()
	return &runtimeapi.StatusResponse{
		Status: &runtimeapi.RuntimeStatus{Conditions: []*runtimeapi.RuntimeCondition{
			{Type: runtimeapi.RuntimeReady, Status: ok},
			{Type: runtimeapi.NetworkReady, Status: ok},
		}},
		RuntimeHandlers: []*runtimeapi.RuntimeHandler{{Name: "", Features: &runtimeapi.RuntimeHandlerFeatures{
			RecursiveReadOnlyMounts: true,
			UserNamespaces:          true, // all pods are in one: their session's
		}}},
		Features: &runtimeapi.RuntimeFeatures{SupplementalGroupsPolicy: true},
	}, nil
}

// RuntimeConfig says who manages cgroups: the runtime itself.
func (r *Runtime) RuntimeConfig(context.Context) (*runtimeapi.RuntimeConfigResponse, error) {
	return &runtimeapi.RuntimeConfigResponse{
		Linux: &runtimeapi.LinuxRuntimeConfiguration{CgroupDriver: runtimeapi.CgroupDriver_CGROUPFS},
	}, nil
}

// UpdateRuntimeConfig takes note of the pod CIDR, which Network knows already.
func (r *Runtime) UpdateRuntimeConfig(context.Context, *runtimeapi.RuntimeConfig) error { return nil }

// GetContainerEvents is not offered: OnChange is its in-process counterpart.
func (r *Runtime) GetContainerEvents(context.Context, chan *runtimeapi.ContainerEventResponse, func(runtimeapi.RuntimeService_GetContainerEventsClient)) error {
	return unimplemented("GetContainerEvents")
}

// CheckpointContainer is not offered.
func (r *Runtime) CheckpointContainer(context.Context, *runtimeapi.CheckpointContainerRequest) error {
	return unimplemented("CheckpointContainer")
}

// CheckpointPod is not offered.
func (r *Runtime) CheckpointPod(context.Context, *runtimeapi.CheckpointPodRequest) error {
	return unimplemented("CheckpointPod")
}

// RestorePod is not offered.
func (r *Runtime) RestorePod(context.Context, *runtimeapi.RestorePodRequest) (*runtimeapi.RestorePodResponse, error) {
	return nil, unimplemented("RestorePod")
}

func unimplemented(what string) error {
	return status.Errorf(codes.Unimplemented, "%s is not offered by this runtime", what)
}

// The kubelet tells a sandbox or container that is gone by the code NotFound.
func notFound(what, id string) error {
	return status.Errorf(codes.NotFound, "%s %q: not found", what, id)
}

// newID is what containerd's are, too: 32 random bytes.
func newID() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
