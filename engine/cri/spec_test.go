package cri_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
)

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
			if !s.AllowPrivilegeEscalation || !s.ReadonlyRootfs || s.Capabilities.Add[0] != "NET_ADMIN" || s.Capabilities.Drop[0] != "ALL" {
				t.Errorf("got %+v", s)
			}
		}},
		{"no new privileges", func(_ *fixture, c *runtimeapi.ContainerConfig) {
			c.Linux = &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{NoNewPrivs: true}}
		}, func(t *testing.T, _ *fixture, s container.Spec) {
			if s.AllowPrivilegeEscalation {
				t.Errorf("got %+v", s)
			}
		}},
		{"limits", func(_ *fixture, c *runtimeapi.ContainerConfig) {
			c.Linux = &runtimeapi.LinuxContainerConfig{Resources: &runtimeapi.LinuxContainerResources{
				CpuShares: 512, CpuQuota: 50000, CpuPeriod: 100000, MemoryLimitInBytes: 64 << 20, OomScoreAdj: 999,
			}}
		}, func(t *testing.T, _ *fixture, s container.Spec) {
			if want := (container.Resources{CPUShares: 512, CPUQuota: 50000, CPUPeriod: 100000, Memory: 64 << 20, OOMScoreAdj: 999}); !reflect.DeepEqual(s.Resources, want) {
				t.Errorf("got %+v", s.Resources)
			}
		}},
		{"mounts", func(f *fixture, c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{
				{ContainerPath: "/etc/resolv.conf", HostPath: f.files + "/mine"},
				{ContainerPath: "/data", HostPath: f.files + "/pods/x/data", Readonly: true},
				{ContainerPath: "/deep", HostPath: f.files + "/pods/x/deep", Readonly: true, RecursiveReadOnly: true},
				{ContainerPath: "/slave", HostPath: f.files + "/pods/x/slave", Propagation: runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER},
			}
		}, func(t *testing.T, f *fixture, s container.Spec) {
			got := s.Mounts[:4]
			want := []container.Mount{
				{Source: f.files + "/mine", Destination: "/etc/resolv.conf"},
				{Source: f.files + "/pods/x/data", Destination: "/data", Readonly: true},
				{Source: f.files + "/pods/x/deep", Destination: "/deep", Readonly: true, RecursiveReadonly: true},
				{Source: f.files + "/pods/x/slave", Destination: "/slave", Slave: true},
			}
			if !reflect.DeepEqual(got, want) || len(s.Mounts) != 5 {
				t.Errorf("got %+v", s.Mounts)
			}
		}},
		{"image volume", func(f *fixture, c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/x", Readonly: true, Image: c.Image, ImageSubPath: "etc"}}
		}, func(t *testing.T, f *fixture, s container.Spec) {
			m := s.Mounts[0]
			if m.Image == nil || m.Image.ID != s.Image.ID || m.SubPath != "etc" || !m.Readonly || m.Source != "" {
				t.Errorf("got %+v", m)
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
		{"procMount", func(c *runtimeapi.ContainerConfig) {
			c.Linux = &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{MaskedPaths: []string{}}}
		}, "procMount Unmasked is not allowed"},
		{"target", func(c *runtimeapi.ContainerConfig) {
			c.Linux = &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{
				NamespaceOptions: &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_TARGET, TargetId: "gone"}}}
		}, `invalid target container: rpc error: code = NotFound desc = container "gone": not found`},
		{"a path of the server", func(c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/x", HostPath: "/etc"}}
		}, "/etc is not a path of this node"},
		{"out of the node's folder", func(c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/x", HostPath: "/tmp/../etc"}}
		}, "/tmp/../etc is not a path of this node"},
		{"image volume that was not pulled", func(c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/x", Image: &runtimeapi.ImageSpec{Image: "y"}}}
		}, `image "y": not found`},
		{"mounts that the node would see", func(c *runtimeapi.ContainerConfig) {
			c.Mounts = []*runtimeapi.Mount{{ContainerPath: "/x", HostPath: "/tmp", Propagation: runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL}}
		}, "mountPropagation Bidirectional is not allowed"},
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
