package cri

import (
	"context"
	"sync"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
)

// ContainerStats says what a container has used, as far as that is known.
func (r *Runtime) ContainerStats(_ context.Context, id string) (*runtimeapi.ContainerStats, error) {
	m, err := r.member(id)
	if err != nil {
		return nil, err
	}
	s, _, _ := r.stats(m)
	return s, nil
}

// ListContainerStats is of those that run.
func (r *Runtime) ListContainerStats(_ context.Context, f *runtimeapi.ContainerStatsFilter) ([]*runtimeapi.ContainerStats, error) {
	var out []*runtimeapi.ContainerStats
	for _, c := range r.list(f.GetId(), f.GetPodSandboxId(), f.GetLabelSelector()) {
		if c.running() {
			s, _, _ := r.stats(c)
			out = append(out, s)
		}
	}
	return out, nil
}

// stats are the container's use. Where it is not known there is no figure, which
// is better than 0.
func (r *Runtime) stats(m *member) (*runtimeapi.ContainerStats, container.Usage, bool) {
	s := &runtimeapi.ContainerStats{Attributes: &runtimeapi.ContainerAttributes{
		Id: m.id, Metadata: m.config.Metadata, Labels: m.config.Labels, Annotations: m.config.Annotations,
	}}
	u, known := m.Usage()
	if known {
		s.Cpu, s.Memory = cpuStats(u), memoryStats(u)
		s.Cpu.UsageNanoCores = m.pace.nanoCores(u)
		r.mu.Lock()
		limit := m.resources.GetMemoryLimitInBytes()
		r.mu.Unlock()
		if limit > 0 {
			s.Memory.AvailableBytes = value(uint64(limit) - min(u.WorkingSet, uint64(limit)))
		}
	}
	s.WritableLayer = m.writableLayer()
	return s, u, known
}

func cpuStats(u container.Usage) *runtimeapi.CpuUsage {
	return &runtimeapi.CpuUsage{Timestamp: u.At.UnixNano(), UsageCoreNanoSeconds: value(uint64(u.CPU))}
}

func memoryStats(u container.Usage) *runtimeapi.MemoryUsage {
	return &runtimeapi.MemoryUsage{
		Timestamp: u.At.UnixNano(), UsageBytes: value(u.Memory), WorkingSetBytes: value(u.WorkingSet), RssBytes: value(u.RSS),
		PageFaults: value(u.PageFaults), MajorPageFaults: value(u.MajorFaults),
	}
}

func value(n uint64) *runtimeapi.UInt64Value { return &runtimeapi.UInt64Value{Value: n} }

// A pace is how fast a container uses CPU time, between two of the times that
// somebody asked.
type pace struct {
	mu    sync.Mutex
	last  container.Usage
	cores *runtimeapi.UInt64Value // thousand millionths
}

// nanoCores tells nothing the first time, and the same as before within a second.
func (p *pace) nanoCores(u container.Usage) *runtimeapi.UInt64Value {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := u.At.Sub(p.last.At)
	if took < time.Second {
		return p.cores
	}
	if !p.last.At.IsZero() {
		p.cores = value(uint64(float64(max(u.CPU-p.last.CPU, 0)) / took.Seconds()))
	}
	p.last = u
	return p.cores
}

// PodSandboxStats is of a pod's containers, together.
func (r *Runtime) PodSandboxStats(_ context.Context, id string) (*runtimeapi.PodSandboxStats, error) {
	r.mu.Lock()
	s := r.sandboxes[id]
	r.mu.Unlock()
	if s == nil {
		return nil, notFound("sandbox", id)
	}
	return r.podStats(s), nil
}

// ListPodSandboxStats is of those that are ready.
func (r *Runtime) ListPodSandboxStats(_ context.Context, f *runtimeapi.PodSandboxStatsFilter) ([]*runtimeapi.PodSandboxStats, error) {
	r.mu.Lock()
	var ss []*sandbox
	for _, s := range r.sandboxes {
		if s.ready && (f.GetId() == "" || f.Id == s.id) && selects(f.GetLabelSelector(), s.config.Labels) {
			ss = append(ss, s)
		}
	}
	r.mu.Unlock()
	var out []*runtimeapi.PodSandboxStats
	for _, s := range ss {
		out = append(out, r.podStats(s))
	}
	return out, nil
}

// podStats adds up a pod's containers: what runs, and of what has ended the time.
func (r *Runtime) podStats(s *sandbox) *runtimeapi.PodSandboxStats {
	linux := &runtimeapi.LinuxPodSandboxStats{}
	r.mu.Lock()
	all, containers := container.Usage{At: time.Now(), CPU: s.spent}, r.of(s.id)
	r.mu.Unlock()
	known, cores, pid := false, uint64(0), 0
	for _, c := range containers {
		st, u, ok := r.stats(c)
		known = known || ok
		all.CPU += u.CPU
		if !c.running() {
			continue
		}
		linux.Containers = append(linux.Containers, st)
		all.Memory, all.WorkingSet, all.RSS = all.Memory+u.Memory, all.WorkingSet+u.WorkingSet, all.RSS+u.RSS
		all.PageFaults, all.MajorFaults = all.PageFaults+u.PageFaults, all.MajorFaults+u.MajorFaults
		all.Processes += u.Processes
		cores += st.GetCpu().GetUsageNanoCores().GetValue()
		pid = c.Status().Pid
	}
	if known {
		linux.Cpu, linux.Memory = cpuStats(all), memoryStats(all)
		linux.Cpu.UsageNanoCores = value(cores)
		linux.Process = &runtimeapi.ProcessUsage{Timestamp: all.At.UnixNano(), ProcessCount: value(all.Processes)}
	}
	if pid != 0 && !s.host {
		linux.Network = networkStats(pid)
	}
	return &runtimeapi.PodSandboxStats{Linux: linux, Attributes: &runtimeapi.PodSandboxAttributes{
		Id: s.id, Metadata: s.config.Metadata, Labels: s.config.Labels, Annotations: s.config.Annotations,
	}}
}

// Used is what all pods of the node have used: the CPU time of those that there
// were since the runtime was made, the working set, in bytes, of those that run.
func (r *Runtime) Used() (cpu time.Duration, workingSet uint64) {
	r.mu.Lock()
	cpu = r.spent
	for _, s := range r.sandboxes {
		cpu += s.spent
	}
	var members []*member
	for _, m := range r.members {
		members = append(members, m)
	}
	r.mu.Unlock()
	for _, m := range members {
		u, _ := m.Usage()
		cpu += u.CPU
		if m.running() {
			workingSet += u.WorkingSet
		}
	}
	return cpu, workingSet
}

// ListMetricDescriptors has nothing: metrics come from the stats.
func (r *Runtime) ListMetricDescriptors(context.Context) ([]*runtimeapi.MetricDescriptor, error) {
	return nil, nil
}

// ListPodSandboxMetrics has nothing: metrics come from the stats.
func (r *Runtime) ListPodSandboxMetrics(context.Context) ([]*runtimeapi.PodSandboxMetrics, error) {
	return nil, nil
}
