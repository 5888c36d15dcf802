package cri_test

import (
	"testing"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/cri"
)

// TestStats follows a pod's use through an end, a restart and the removal of all.
func TestStats(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	config := containerConfig()
	config.Linux = &runtimeapi.LinuxContainerConfig{Resources: &runtimeapi.LinuxContainerResources{MemoryLimitInBytes: 10_000}}
	sandbox, id, first := f.run(t, "web", config)
	pod := func() *runtimeapi.LinuxPodSandboxStats {
		t.Helper()
		s, err := f.PodSandboxStats(ctx, sandbox)
		if err != nil {
			t.Fatal(err)
		}
		return s.Linux
	}
	used := func(cpu time.Duration, memory uint64) {
		t.Helper()
		if c, m := f.Used(); c != cpu || m != memory {
			t.Errorf("the node used %v and %d, want %v and %d", c, m, cpu, memory)
		}
	}
	if s := pod(); s.Cpu != nil || s.Memory != nil || s.Containers[0].Cpu != nil {
		t.Errorf("figures from nowhere: %v", s)
	}
	now := time.Now()
	first.Use(container.Usage{At: now, CPU: 2 * time.Second, Memory: 9000, WorkingSet: 8000, RSS: 7000, Processes: 3})
	s := pod()
	c := s.Containers[0]
	if c.Attributes.Metadata.Name != "c" || c.Cpu.UsageCoreNanoSeconds.Value != 2e9 || c.Cpu.UsageNanoCores != nil || c.Cpu.Timestamp != now.UnixNano() ||
		c.Memory.UsageBytes.Value != 9000 || c.Memory.WorkingSetBytes.Value != 8000 || c.Memory.RssBytes.Value != 7000 || c.Memory.AvailableBytes.Value != 2000 {
		t.Errorf("container %v", c)
	}
	if s.Cpu.UsageCoreNanoSeconds.Value != 2e9 || s.Memory.WorkingSetBytes.Value != 8000 || s.Process.ProcessCount.Value != 3 {
		t.Errorf("pod %v", s)
	}
	used(2*time.Second, 8000)

	first.Use(container.Usage{At: now.Add(4 * time.Second), CPU: 3 * time.Second, WorkingSet: 8000})
	if s := pod(); s.Containers[0].Cpu.UsageNanoCores.GetValue() != 250e6 || s.Cpu.UsageNanoCores.Value != 250e6 {
		t.Errorf("a second in four is a pace of %v", s.Containers[0].Cpu)
	}
	first.Use(container.Usage{At: now.Add(4500 * time.Millisecond), CPU: 3500 * time.Millisecond, WorkingSet: 8000})
	if s := pod(); s.Containers[0].Cpu.UsageNanoCores.GetValue() != 250e6 {
		t.Errorf("half a second later the pace is %v", s.Containers[0].Cpu)
	}

	first.End(1, false)
	second, err := f.CreateContainer(ctx, sandbox, containerConfig(), podConfig("web"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.StartContainer(ctx, second); err != nil {
		t.Fatal(err)
	}
	f.containers.All()[1].Use(container.Usage{At: now, CPU: time.Second, WorkingSet: 100})
	for what, after := range map[string]func() error{"ended": func() error { return nil }, "removed": func() error { return f.RemoveContainer(ctx, id) }} {
		if err := after(); err != nil {
			t.Fatal(err)
		}
		if s := pod(); len(s.Containers) != 1 || s.Cpu.UsageCoreNanoSeconds.Value != 4.5e9 || s.Memory.WorkingSetBytes.Value != 100 {
			t.Errorf("with a container that has %s: %v", what, s)
		}
		used(4500*time.Millisecond, 100)
	}
	if list, err := f.ListContainerStats(ctx, nil); err != nil || len(list) != 1 || list[0].Attributes.Id != second {
		t.Errorf("%v, %v", list, err)
	}
	if err := f.RemovePodSandbox(ctx, sandbox); err != nil {
		t.Fatal(err)
	}
	used(4500*time.Millisecond, 0)
	if list, err := f.ListPodSandboxStats(ctx, nil); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestDevices(t *testing.T) {
	const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0
  eth0: 1100      12    3    0    0     0          0         0     2200      14    5    0    0     0       0          0
  net1:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0
`
	got := cri.Devices([]byte(text))
	if len(got) != 2 || got[0].Name != "eth0" || got[0].RxBytes.Value != 1100 || got[0].RxErrors.Value != 3 || got[0].TxBytes.Value != 2200 || got[0].TxErrors.Value != 5 ||
		got[1].Name != "net1" || got[1].RxBytes.Value != 7 || got[1].TxBytes.Value != 8 {
		t.Errorf("got %v", got)
	}
}
