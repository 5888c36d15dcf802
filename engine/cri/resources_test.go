package cri_test

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
)

func TestUpdateContainerResources(t *testing.T) {
	f := newFixture(t)
	config := containerConfig()
	config.Linux = &runtimeapi.LinuxContainerConfig{Resources: &runtimeapi.LinuxContainerResources{
		CpuShares: 102, CpuQuota: 20000, CpuPeriod: 100000, MemoryLimitInBytes: 64 << 20, OomScoreAdj: 999,
		Unified: map[string]string{"memory.oom.group": "1"},
	}}
	_, id, c := f.run(t, "web", config)
	update := func(r *runtimeapi.LinuxContainerResources) error {
		return f.UpdateContainerResources(t.Context(), id, &runtimeapi.ContainerResources{Linux: r})
	}
	has := func(cpu, memory int64) {
		t.Helper()
		st, err := f.ContainerStatus(t.Context(), id, false)
		if err != nil {
			t.Fatal(err)
		}
		r := st.Status.Resources.Linux
		if r.CpuQuota != cpu || r.MemoryLimitInBytes != memory || r.CpuShares != 102 || r.OomScoreAdj != 999 || r.Unified["memory.oom.group"] != "1" {
			t.Errorf("status %+v, want quota %d, memory %d", r, cpu, memory)
		}
	}
	has(20000, 64<<20)
	if err := update(&runtimeapi.LinuxContainerResources{CpuQuota: 40000, OomScoreAdj: 5}); err != nil {
		t.Fatal(err)
	}
	has(40000, 64<<20)
	if err := update(&runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 96 << 20, Unified: map[string]string{"memory.high": "max"}}); err != nil {
		t.Fatal(err)
	}
	has(40000, 96<<20)
	if config.Linux.Resources.MemoryLimitInBytes != 64<<20 {
		t.Error("the kubelet's own configuration was changed")
	}
	want := []container.Resources{{CPUQuota: 40000, OOMScoreAdj: 5}, {Memory: 96 << 20, Unified: map[string]string{"memory.high": "max"}}}
	if got := c.Updates(); !reflect.DeepEqual(got, want) {
		t.Errorf("the container was told %+v", got)
	}

	f.containers.UpdateErr = errors.New("write 1: device or resource busy")
	if err := update(&runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 1}); !errors.Is(err, f.containers.UpdateErr) {
		t.Errorf("got %v", err)
	}
	has(40000, 96<<20)
	if err := f.UpdateContainerResources(t.Context(), "nobody", nil); status.Code(err) != codes.NotFound {
		t.Errorf("no such container: %v", err)
	}
}

func TestPodCgroups(t *testing.T) {
	f := newFixture(t)
	pods := f.PodCgroups()
	for _, r := range []*runtimeapi.LinuxContainerResources{
		{CpuShares: 512, MemoryLimitInBytes: 64 << 20, Unified: map[string]string{"pids.max": "100"}}, {CpuQuota: 50000, CpuPeriod: 100000},
	} {
		if err := pods.Set("poda", r); err != nil {
			t.Fatal(err)
		}
	}
	got, ok := pods.Get("poda")
	if !ok || got.CpuShares != 512 || got.MemoryLimitInBytes != 64<<20 || got.CpuQuota != 50000 || got.CpuPeriod != 100000 {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := pods.Get("podb"); ok {
		t.Error("there is a group that nobody made")
	}
	if got := pods.List(); !slices.Equal(got, []string{"poda"}) {
		t.Errorf("list %v", got)
	}

	// A container is in its pod's group, where there is one.
	group := func(parent string) *container.Group {
		config := podConfig("web")
		config.Linux.CgroupParent = parent
		f.create(t, "web") // for the image
		sandbox, err := f.RunPodSandbox(t.Context(), config, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.CreateContainer(t.Context(), sandbox, containerConfig(), config); err != nil {
			t.Fatal(err)
		}
		all := f.containers.All()
		return all[len(all)-1].Spec.Group
	}
	if g := group("poda"); g == nil || g.Limits().Memory != 64<<20 || g.Limits().Pids != 100 {
		t.Errorf("its group is %+v", g)
	}
	if g := group("podb"); g != nil {
		t.Errorf("its group is %+v", g)
	}
	if err := errors.Join(pods.Remove("poda"), pods.Remove("poda")); err != nil {
		t.Error(err)
	}
	if got := pods.List(); len(got) > 0 {
		t.Errorf("list %v", got)
	}
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := pods.Set("poda", nil); err == nil {
		t.Error("a group was made after the end")
	}
}

func TestWritableLayer(t *testing.T) {
	f := newFixture(t)
	_, id, _ := f.run(t, "web", containerConfig())
	s, err := f.ContainerStats(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	l := s.WritableLayer
	if l.GetUsedBytes().GetValue() != 4096 || l.GetInodesUsed().GetValue() != 2 {
		t.Errorf("layer %v", l)
	}
	if _, err := os.Stat(l.GetFsId().GetMountpoint()); err != nil {
		t.Errorf("its file system: %v", err)
	}
	f.run(t, "other", containerConfig())
	if b, i := f.DiskUsed(); b != 8192 || i != 4 {
		t.Errorf("the node has written %d bytes and %d inodes", b, i)
	}
}
