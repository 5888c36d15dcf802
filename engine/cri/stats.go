package cri

import (
	"context"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// ContainerStats says what a container has used, as far as that is known.
func (r *Runtime) ContainerStats(_ context.Context, id string) (*runtimeapi.ContainerStats, error) {
	m, err := r.member(id)
	if err != nil {
		return nil, err
	}
	return m.stats(), nil
}

// ListContainerStats is of those that run.
func (r *Runtime) ListContainerStats(_ context.Context, f *runtimeapi.ContainerStatsFilter) ([]*runtimeapi.ContainerStats, error) {
	var out []*runtimeapi.ContainerStats
	for _, c := range r.list(f.GetId(), f.GetPodSandboxId(), f.GetLabelSelector()) {
		if c.running() {
			out = append(out, c.stats())
		}
	}
	return out, nil
}

func (m *member) stats() *runtimeapi.ContainerStats {
	return &runtimeapi.ContainerStats{Attributes: &runtimeapi.ContainerAttributes{
		Id: m.id, Metadata: m.config.Metadata, Labels: m.config.Labels, Annotations: m.config.Annotations,
	}} // use is not known yet, and no figure is better than 0
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

func (r *Runtime) podStats(s *sandbox) *runtimeapi.PodSandboxStats {
	linux := &runtimeapi.LinuxPodSandboxStats{}
	now, cpu, memory, known := time.Now().UnixNano(), uint64(0), uint64(0), false
	for _, c := range r.list("", s.id, nil) {
		if !c.running() {
			continue
		}
		st := c.stats()
		linux.Containers = append(linux.Containers, st)
		known = known || st.Cpu != nil
		cpu += st.GetCpu().GetUsageCoreNanoSeconds().GetValue()
		memory += st.GetMemory().GetWorkingSetBytes().GetValue()
	}
	if known {
		linux.Cpu = &runtimeapi.CpuUsage{Timestamp: now, UsageCoreNanoSeconds: &runtimeapi.UInt64Value{Value: cpu}}
		linux.Memory = &runtimeapi.MemoryUsage{Timestamp: now, WorkingSetBytes: &runtimeapi.UInt64Value{Value: memory}}
	}
	return &runtimeapi.PodSandboxStats{Linux: linux, Attributes: &runtimeapi.PodSandboxAttributes{
		Id: s.id, Metadata: s.config.Metadata, Labels: s.config.Labels, Annotations: s.config.Annotations,
	}}
}

// ListMetricDescriptors has nothing: metrics come from the stats.
func (r *Runtime) ListMetricDescriptors(context.Context) ([]*runtimeapi.MetricDescriptor, error) {
	return nil, nil
}

// ListPodSandboxMetrics has nothing: metrics come from the stats.
func (r *Runtime) ListPodSandboxMetrics(context.Context) ([]*runtimeapi.PodSandboxMetrics, error) {
	return nil, nil
}
