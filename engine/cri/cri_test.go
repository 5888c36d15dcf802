package cri_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/cri"
	"github.com/podhop/podhop/engine/cri/critest"
)

type fixture struct {
	*cri.Runtime
	network    *critest.Network
	containers *critest.Containers
	images     *critest.Images
	files      string

	mu      sync.Mutex
	events  []string
	changes []string
}

func newFixture(t *testing.T, with ...func(*cri.Config)) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{network: &critest.Network{}, containers: &critest.Containers{}, images: &critest.Images{}, files: dir}
	cfg := cri.Config{
		Node: "node-1", Name: "crun", Version: "1.8.1", Root: filepath.Join(dir, "runtime"), NodeFiles: dir,
		Network: f.network, Containers: f.containers, Images: f.images,
		Event: func(namespace, name, uid, eventType, reason, message string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.events = append(f.events, namespace+"/"+name+" "+eventType+" "+reason+" "+message)
		},
	}
	for _, w := range with {
		w(&cfg)
	}
	var err error
	if f.Runtime, err = cri.New(cfg); err != nil {
		t.Fatal(err)
	}
	f.OnChange(func(uid string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.changes = append(f.changes, uid)
	})
	t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

// told reports whether there was an event.
func (f *fixture) told(event string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.events, event)
}

func podConfig(name string) *runtimeapi.PodSandboxConfig {
	return &runtimeapi.PodSandboxConfig{
		Metadata: &runtimeapi.PodSandboxMetadata{Name: name, Namespace: "default", Uid: "uid-" + name},
		Hostname: name, Labels: map[string]string{"pod": name}, LogDirectory: "/nowhere",
		DnsConfig: &runtimeapi.DNSConfig{
			Servers: []string{"10.96.0.10"}, Searches: []string{"default.svc.cluster.local", "svc.cluster.local"}, Options: []string{"ndots:5"},
		},
		Linux: &runtimeapi.LinuxPodSandboxConfig{},
	}
}

func containerConfig() *runtimeapi.ContainerConfig {
	return &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: "c"}, Image: &runtimeapi.ImageSpec{Image: "busybox"},
		Labels: map[string]string{"container": "c"},
	}
}

// run makes a pod with one container, which runs.
func (f *fixture) run(t *testing.T, pod string, config *runtimeapi.ContainerConfig) (sandbox, id string, c *critest.Container) {
	t.Helper()
	ctx := t.Context()
	sandbox = f.create(t, pod)
	id, err := f.CreateContainer(ctx, sandbox, config, podConfig(pod))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.StartContainer(ctx, id); err != nil {
		t.Fatal(err)
	}
	all := f.containers.All()
	return sandbox, id, all[len(all)-1]
}

func (f *fixture) create(t *testing.T, pod string) string {
	t.Helper()
	if _, err := f.Images().PullImage(t.Context(), &runtimeapi.ImageSpec{Image: "busybox"}, nil, podConfig(pod)); err != nil {
		t.Fatal(err)
	}
	sandbox, err := f.RunPodSandbox(t.Context(), podConfig(pod), "")
	if err != nil {
		t.Fatal(err)
	}
	return sandbox
}

func TestContainerStates(t *testing.T) {
	tests := []struct {
		name     string
		startErr error
		end      func(c *critest.Container)
		state    runtimeapi.ContainerState
		code     int32
		reason   string
		message  string
	}{
		{"runs", nil, func(*critest.Container) {}, runtimeapi.ContainerState_CONTAINER_RUNNING, 0, "", ""},
		{"completed", nil, func(c *critest.Container) { c.End(0, false) }, runtimeapi.ContainerState_CONTAINER_EXITED, 0, "Completed", ""},
		{"failed", nil, func(c *critest.Container) { c.End(3, false) }, runtimeapi.ContainerState_CONTAINER_EXITED, 3, "Error", ""},
		{"out of memory", nil, func(c *critest.Container) { c.End(137, true) }, runtimeapi.ContainerState_CONTAINER_EXITED, 137, "OOMKilled", ""},
		{"cannot start", errors.New(`exec: "nope": executable file not found in $PATH`), func(*critest.Container) {},
			runtimeapi.ContainerState_CONTAINER_EXITED, 128, "StartError", `exec: "nope": executable file not found in $PATH`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, ctx := newFixture(t), t.Context()
			f.containers.StartErr = test.startErr
			id, err := f.CreateContainer(ctx, f.create(t, "web"), containerConfig(), podConfig("web"))
			if err != nil {
				t.Fatal(err)
			}
			if st, _ := f.ContainerStatus(ctx, id, false); st.Status.State != runtimeapi.ContainerState_CONTAINER_CREATED || st.Status.StartedAt != 0 {
				t.Errorf("before start: %v", st.Status)
			}
			if err := f.StartContainer(ctx, id); !errors.Is(err, test.startErr) {
				t.Errorf("start: %v", err)
			}
			test.end(f.containers.All()[0])
			st, err := f.ContainerStatus(ctx, id, false)
			if err != nil {
				t.Fatal(err)
			}
			s := st.Status
			if s.State != test.state || s.ExitCode != test.code || s.Reason != test.reason || s.Message != test.message {
				t.Errorf("got %v %d %q %q", s.State, s.ExitCode, s.Reason, s.Message)
			}
			if s.Image.Image != "docker.io/library/busybox:latest" || !strings.HasPrefix(s.ImageRef, "docker.io/library/busybox@sha256:") || !strings.HasPrefix(s.ImageId, "sha256:") {
				t.Errorf("image %q %q", s.ImageRef, s.ImageId)
			}
			if ended := test.state == runtimeapi.ContainerState_CONTAINER_EXITED; ended != (s.FinishedAt != 0) {
				t.Errorf("finished at %d", s.FinishedAt)
			}
			filter := &runtimeapi.ContainerFilter{State: &runtimeapi.ContainerStateValue{State: test.state}}
			if list, _ := f.ListContainers(ctx, filter); len(list) != 1 {
				t.Errorf("got %v", list)
			}
			if err := f.RemoveContainer(ctx, id); err != nil {
				t.Error(err)
			}
			if _, err := f.ContainerStatus(ctx, id, false); status.Code(err) != codes.NotFound {
				t.Errorf("got %v, want NotFound", err)
			}
		})
	}
}

// TestChanges: the kubelet is told of everything that it would otherwise have to look for.
func TestChanges(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	count := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, uid := range f.changes {
			if uid != "uid-web" {
				t.Errorf("change of %q", uid)
			}
		}
		n := len(f.changes)
		f.changes = nil
		return n
	}
	sandbox := f.create(t, "web")
	if count() != 1 {
		t.Error("a new sandbox was not told")
	}
	id, err := f.CreateContainer(ctx, sandbox, containerConfig(), podConfig("web"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.StartContainer(ctx, id); err != nil || count() != 1 {
		t.Error("a start was not told", err)
	}
	f.containers.All()[0].End(1, false)
	if count() != 1 {
		t.Error("an end was not told")
	}
	if err := f.StopPodSandbox(ctx, sandbox); err != nil || count() != 1 {
		t.Error("the sandbox's end was not told", err)
	}
}

func TestStop(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	sandbox, id, c := f.run(t, "web", containerConfig())
	if err := f.StopContainer(ctx, id, 7); err != nil || c.Grace() != 7*time.Second {
		t.Errorf("got %v, grace %v", err, c.Grace())
	}
	if err := f.StopContainer(ctx, "gone", 0); err != nil {
		t.Errorf("stopping what is gone: %v", err)
	}
	_, _, other := f.run(t, "other", containerConfig())
	if err := f.RemovePodSandbox(ctx, sandbox); err != nil {
		t.Fatal(err)
	}
	if all := f.containers.All(); len(all) != 1 || all[0] != other || other.Status().State != container.Running {
		t.Errorf("left: %v", all)
	}
}

func TestClose(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	_, _, c := f.run(t, "web", containerConfig())
	if err := f.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if c.Status().State != container.Exited || len(f.containers.All()) != 0 || len(f.network.Attached()) != 0 {
		t.Error("something was left")
	}
	if _, err := os.Stat(filepath.Join(f.files, "runtime")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("files were left: %v", err)
	}
	if _, err := f.RunPodSandbox(ctx, podConfig("late"), ""); err == nil || len(f.network.Attached()) != 0 {
		t.Errorf("a sandbox after the end: %v", err)
	}
}
