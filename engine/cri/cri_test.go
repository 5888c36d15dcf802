package cri_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	remote "k8s.io/cri-client/pkg"
	utilexec "k8s.io/utils/exec"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image"
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

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{network: &critest.Network{}, containers: &critest.Containers{}, images: &critest.Images{}, files: dir}
	var err error
	f.Runtime, err = cri.New(cri.Config{
		Node: "node-1", Name: "crun", Version: "1.8.1", Root: filepath.Join(dir, "runtime"), NodeFiles: dir,
		Network: f.network, Containers: f.containers, Images: f.images,
		Event: func(namespace, name, uid, eventType, reason, message string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.events = append(f.events, namespace+"/"+name+" "+eventType+" "+reason+" "+message)
		},
	})
	if err != nil {
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

func TestSandbox(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	id := f.create(t, "web")
	st, err := f.PodSandboxStatus(ctx, id, false)
	if err != nil {
		t.Fatal(err)
	}
	if st.Status.State != runtimeapi.PodSandboxState_SANDBOX_READY || st.Status.Network.Ip != "10.244.1.2" || st.Status.Metadata.Name != "web" {
		t.Errorf("got %v", st.Status)
	}
	if got := len(f.network.Attached()); got != 1 {
		t.Errorf("%d pods attached", got)
	}
	for range 2 { // stopping and removing are idempotent
		if err := f.StopPodSandbox(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.network.Attached(); len(got) != 0 {
		t.Errorf("still attached: %v", got)
	}
	ready := &runtimeapi.PodSandboxFilter{State: &runtimeapi.PodSandboxStateValue{State: runtimeapi.PodSandboxState_SANDBOX_READY}}
	if list, _ := f.ListPodSandbox(ctx, ready); len(list) != 0 {
		t.Errorf("stopped sandbox is listed as ready: %v", list)
	}
	if list, _ := f.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{LabelSelector: map[string]string{"pod": "web"}}); len(list) != 1 {
		t.Errorf("got %v", list)
	}
	for range 2 {
		if err := f.RemovePodSandbox(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.PodSandboxStatus(ctx, id, false); status.Code(err) != codes.NotFound {
		t.Errorf("got %v, want NotFound", err)
	}
}

func TestSandboxRefusals(t *testing.T) {
	options := func(o *runtimeapi.NamespaceOption) func(*runtimeapi.PodSandboxConfig) {
		return func(c *runtimeapi.PodSandboxConfig) {
			c.Linux.SecurityContext = &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: o}
		}
	}
	tests := []struct {
		name    string
		change  func(*runtimeapi.PodSandboxConfig)
		handler string
		network error
		want    string
	}{
		{"hostPID", options(&runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_NODE}), "", nil, "hostPID is not allowed"},
		{"hostIPC", options(&runtimeapi.NamespaceOption{Ipc: runtimeapi.NamespaceMode_NODE}), "", nil, "hostIPC is not allowed"},
		{"runtime class", func(*runtimeapi.PodSandboxConfig) {}, "kata", nil, `no runtime for "kata" is configured`},
		{"network", func(*runtimeapi.PodSandboxConfig) {}, "", errors.New("no address left"), "failed to setup network for sandbox"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			f.network.Err = test.network
			c := podConfig("web")
			test.change(c)
			_, err := f.RunPodSandbox(t.Context(), c, test.handler)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if left, _ := os.ReadDir(filepath.Join(f.files, "runtime", "sandboxes")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestHostNetwork(t *testing.T) {
	f := newFixture(t)
	c := podConfig("web")
	c.Hostname = "" // as the kubelet has it
	c.Linux.SecurityContext = &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: &runtimeapi.NamespaceOption{Network: runtimeapi.NamespaceMode_NODE}}
	id, err := f.RunPodSandbox(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	if st, _ := f.PodSandboxStatus(t.Context(), id, false); st.Status.Network.Ip != "" {
		t.Errorf("a pod in the node's network has the IP %s of its own", st.Status.Network.Ip)
	}
	if got := f.network.Attached()[0]; !got.HostNetwork || got.Hostname != "node-1" {
		t.Errorf("got %+v", got)
	}
}

func TestSpec(t *testing.T) {
	number := func(n int64) *runtimeapi.Int64Value { return &runtimeapi.Int64Value{Value: n} }
	id := func(n int64) *int64 { return &n }
	tests := []struct {
		name   string
		change func(f *fixture, c *runtimeapi.ContainerConfig)
		check  func(t *testing.T, f *fixture, s container.Spec)
	}{
		{"as it is", func(*fixture, *runtimeapi.ContainerConfig) {}, func(t *testing.T, f *fixture, s container.Spec) {
			if s.Hostname != "web" || s.Image.ID == "" || len(s.ID) != 64 || s.TTY || s.Stdin {
				t.Errorf("got %+v", s)
			}
			want := map[string]string{
				"/etc/hostname":    "web\n",
				"/etc/resolv.conf": "search default.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
			}
			for _, m := range s.Mounts {
				if got, err := os.ReadFile(m.Source); err != nil || string(got) != want[m.Destination] {
					t.Errorf("%s: got %q, %v", m.Destination, got, err)
				}
				delete(want, m.Destination)
			}
			if len(want) > 0 {
				t.Errorf("missing: %v", want)
			}
		}},
		{"command and environment", func(_ *fixture, c *runtimeapi.ContainerConfig) {
			c.Command, c.Args, c.WorkingDir = []string{"sh"}, []string{"-c", "true"}, "/tmp"
			c.Envs = []*runtimeapi.KeyValue{{Key: "A", Value: []byte("b=c")}}
		}, func(t *testing.T, _ *fixture, s container.Spec) {
			if !reflect.DeepEqual(s.Command, []string{"sh"}) || !reflect.DeepEqual(s.Args, []string{"-c", "true"}) || s.Cwd != "/tmp" || !reflect.DeepEqual(s.Env, []string{"A=b=c"}) {
				t.Errorf("got %+v", s)
			}
		}},
		{"user", func(_ *fixture, c *runtimeapi.ContainerConfig) {
			c.Linux = &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{
				RunAsUser: number(1000), RunAsGroup: number(2000), SupplementalGroups: []int64{3000},
				SupplementalGroupsPolicy: runtimeapi.SupplementalGroupsPolicy_Strict, ReadonlyRootfs: true,
				Capabilities: &runtimeapi.Capability{AddCapabilities: []string{"NET_ADMIN"}, DropCapabilities: []string{"ALL"}},
			}}
		}, func(t *testing.T, _ *fixture, s container.Spec) {
			if want := (container.User{UID: id(1000), GID: id(2000), Groups: []int64{3000}, StrictGroups: true}); !reflect.DeepEqual(s.User, want) {
				t.Errorf("got %+v", s.User)
			}
			if !s.ReadonlyRootfs || s.Capabilities.Add[0] != "NET_ADMIN" || s.Capabilities.Drop[0] != "ALL" {
				t.Errorf("got %+v", s)
			}
		}},
		{"limits", func(_ *fixture, c *runtimeapi.ContainerConfig) {
			c.Linux = &runtimeapi.LinuxContainerConfig{Resources: &runtimeapi.LinuxContainerResources{
				CpuShares: 512, CpuQuota: 50000, CpuPeriod: 100000, MemoryLimitInBytes: 64 << 20, OomScoreAdj: 999,
			}}
		}, func(t *testing.T, _ *fixture, s container.Spec) {
			if want := (container.Resources{CPUShares: 512, CPUQuota: 50000, CPUPeriod: 100000, Memory: 64 << 20, OOMScoreAdj: 999}); s.Resources != want {
				t.Errorf("got %+v", s.Resources)
			}
		}},
		{"mounts", func(f *fixture, c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{
				{ContainerPath: "/etc/resolv.conf", HostPath: f.files + "/mine"},
				{ContainerPath: "/data", HostPath: f.files + "/pods/x/data", Readonly: true},
			}
		}, func(t *testing.T, f *fixture, s container.Spec) {
			got := s.Mounts[:2]
			want := []container.Mount{
				{Source: f.files + "/mine", Destination: "/etc/resolv.conf"},
				{Source: f.files + "/pods/x/data", Destination: "/data", Readonly: true},
			}
			if !reflect.DeepEqual(got, want) || len(s.Mounts) != 3 {
				t.Errorf("got %+v", s.Mounts)
			}
		}},
		{"stop signal", func(_ *fixture, c *runtimeapi.ContainerConfig) {
			c.StopSignal = runtimeapi.Signal_SIGNAL_SIGUSR1
		}, func(t *testing.T, _ *fixture, s container.Spec) {
			if s.Image.Config.StopSignal != "SIGUSR1" {
				t.Errorf("got %q", s.Image.Config.StopSignal)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, c := newFixture(t), containerConfig()
			test.change(f, c)
			_, _, fake := f.run(t, "web", c)
			test.check(t, f, fake.Spec)
		})
	}
}

func TestContainerRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change func(*runtimeapi.ContainerConfig)
		want   string
	}{
		{"privileged", func(c *runtimeapi.ContainerConfig) {
			c.Linux = &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{Privileged: true}}
		}, "privileged containers are not allowed"},
		{"a path of the server", func(c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/x", HostPath: "/etc"}}
		}, "/etc is not a path of this node"},
		{"out of the node's folder", func(c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/x", HostPath: "/tmp/../etc"}}
		}, "/tmp/../etc is not a path of this node"},
		{"image volume", func(c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/x", Image: &runtimeapi.ImageSpec{Image: "y"}}}
		}, "image volumes are not offered"},
		{"image that was not pulled", func(c *runtimeapi.ContainerConfig) { c.Image.Image = "other" }, `image "other": not found`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, c := newFixture(t), containerConfig()
			test.change(c)
			_, err := f.CreateContainer(t.Context(), f.create(t, "web"), c, podConfig("web"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if all := f.containers.All(); len(all) != 0 {
				t.Errorf("made all the same: %v", all)
			}
		})
	}
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
			if s.Image.Image != "busybox" || s.ImageRef != "busybox@sha256:0" || !strings.HasPrefix(s.ImageId, "sha256:") {
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

func TestImages(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.images.Config = v1.Config{User: "101:101"}
	s, spec := f.Images(), &runtimeapi.ImageSpec{Image: "nginx:1.25"}
	if st, err := s.ImageStatus(ctx, spec, false); err != nil || st.Image != nil {
		t.Errorf("before the pull: %v %v", st, err)
	}
	id, err := s.PullImage(ctx, spec, nil, podConfig("web"))
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"nginx:1.25", id} {
		st, err := s.ImageStatus(ctx, &runtimeapi.ImageSpec{Image: ref}, false)
		if err != nil || st.Image.GetId() != id || st.Image.GetUid().GetValue() != 101 {
			t.Errorf("%s: %v %v", ref, st, err)
		}
	}
	if want := []string{`default/web Normal ImageServed Image "nginx:1.25" was served by the built-in catalogue`}; !reflect.DeepEqual(f.events, want) {
		t.Errorf("events %q", f.events)
	}
	if list, _ := s.ListImages(ctx, nil); len(list) != 1 {
		t.Errorf("got %v", list)
	}
	if _, err := s.PullImage(ctx, &runtimeapi.ImageSpec{Image: "nope"}, nil, podConfig("web")); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if err := s.RemoveImage(ctx, spec); err != nil {
		t.Fatal(err)
	}
	if list, _ := s.ListImages(ctx, nil); len(list) != 0 {
		t.Errorf("got %v", list)
	}
}

func TestExecSync(t *testing.T) {
	tests := []struct {
		name    string
		exec    func(ctx context.Context, x container.ExecSpec) (int, error)
		timeout time.Duration
		stdout  string
		check   func(error) bool
	}{
		{"succeeds", func(_ context.Context, x container.ExecSpec) (int, error) {
			_, _ = io.WriteString(x.Stdout, strings.Join(x.Args, " "))
			return 0, nil
		}, 0, "echo hi", func(err error) bool { return err == nil }},
		{"fails", func(_ context.Context, x container.ExecSpec) (int, error) {
			_, _ = io.WriteString(x.Stderr, "no such file")
			return 2, nil
		}, 0, "", func(err error) bool {
			var exit utilexec.ExitError
			return errors.As(err, &exit) && exit.ExitStatus() == 2 && strings.Contains(err.Error(), "no such file")
		}},
		{"times out", func(ctx context.Context, _ container.ExecSpec) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, time.Millisecond, "", func(err error) bool { return errors.Is(err, remote.ErrCommandTimedOut) }},
		{"cannot start", func(context.Context, container.ExecSpec) (int, error) { return -1, container.ErrExec }, 0, "",
			func(err error) bool { return errors.Is(err, container.ErrExec) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t)
			f.containers.OnExec = test.exec
			_, id, _ := f.run(t, "web", containerConfig())
			stdout, _, err := f.ExecSync(t.Context(), id, []string{"echo", "hi"}, test.timeout)
			if string(stdout) != test.stdout || !test.check(err) {
				t.Errorf("got %q, %v", stdout, err)
			}
		})
	}
}

func TestExecStream(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.containers.OnExec = func(_ context.Context, x container.ExecSpec) (int, error) {
		_, err := io.Copy(x.Stdout, x.Stdin)
		return 7, err
	}
	_, id, _ := f.run(t, "web", containerConfig())
	resp, err := f.Exec(ctx, &runtimeapi.ExecRequest{ContainerId: id, Cmd: []string{"cat"}, Stdin: true, Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	out, err := stream(t, f, resp.Url, "hello")
	var exit utilexec.ExitError
	if out != "hello" || !errors.As(err, &exit) || exit.ExitStatus() != 7 {
		t.Errorf("got %q, %v", out, err)
	}
	resp2, err := f.Attach(ctx, &runtimeapi.AttachRequest{ContainerId: id, Stdin: true, Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := stream(t, f, resp2.Url, "again"); out != "again" || err != nil {
		t.Errorf("got %q, %v", out, err)
	}
	f.containers.All()[0].End(0, false)
	if _, err := f.Exec(ctx, &runtimeapi.ExecRequest{ContainerId: id, Cmd: []string{"cat"}, Stdout: true}); err == nil {
		t.Error("exec in a container that has ended")
	}
}

func stream(t *testing.T, f *fixture, at, stdin string) (string, error) {
	t.Helper()
	server := httptest.NewServer(f.Streams())
	t.Cleanup(server.Close)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = strings.TrimPrefix(server.URL, "http://")
	x, err := remotecommand.NewSPDYExecutor(&rest.Config{Host: server.URL}, "POST", u)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = x.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: strings.NewReader(stdin), Stdout: &out})
	return out.String(), err
}

func TestPortForwardDialsFromThePod(t *testing.T) {
	f := newFixture(t)
	var dialled []string
	f.network.Dial = func(_ context.Context, network, address string) (net.Conn, error) {
		dialled = append(dialled, network+" "+address)
		return nil, errors.New("connection refused")
	}
	sandbox := f.create(t, "web")
	if _, err := f.PortForward(t.Context(), &runtimeapi.PortForwardRequest{PodSandboxId: sandbox, Port: []int32{80}}); err != nil {
		t.Fatal(err)
	}
	err := cri.ForwardPort(t.Context(), f.Runtime, sandbox, 80)
	if err == nil || !strings.Contains(err.Error(), "failed to connect to localhost:80 inside the pod: connection refused") {
		t.Errorf("got %v", err)
	}
	if want := []string{"tcp 127.0.0.1:80", "tcp [::1]:80"}; !reflect.DeepEqual(dialled, want) {
		t.Errorf("dialled %v", dialled)
	}
}
