package cri

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/engine/container"
)

// limits are what a LinuxContainerResources asks for, as far as there is a
// controller for it here; what is zero is not asked for.
func limits(r *runtimeapi.LinuxContainerResources) container.Resources {
	pids, _ := strconv.ParseInt(r.GetUnified()["pids.max"], 10, 64) // "max" is no limit, as 0 is
	return container.Resources{
		CPUShares: r.GetCpuShares(), CPUQuota: r.GetCpuQuota(), CPUPeriod: r.GetCpuPeriod(), Pids: pids,
		Memory: r.GetMemoryLimitInBytes(), OOMScoreAdj: int(r.GetOomScoreAdj()), Unified: r.GetUnified(),
	}
}

// changed are the resources of a container after an update: zero is no change.
func changed(old, update *runtimeapi.LinuxContainerResources) *runtimeapi.LinuxContainerResources {
	now := &runtimeapi.LinuxContainerResources{
		CpuPeriod: old.GetCpuPeriod(), CpuQuota: old.GetCpuQuota(), CpuShares: old.GetCpuShares(),
		MemoryLimitInBytes: old.GetMemoryLimitInBytes(), OomScoreAdj: old.GetOomScoreAdj(),
		CpusetCpus: old.GetCpusetCpus(), CpusetMems: old.GetCpusetMems(), HugepageLimits: old.GetHugepageLimits(),
		Unified: maps.Clone(old.GetUnified()), MemorySwapLimitInBytes: old.GetMemorySwapLimitInBytes(),
	}
	set := func(to *int64, value int64) {
		if value != 0 {
			*to = value
		}
	}
	set(&now.CpuPeriod, update.GetCpuPeriod())
	set(&now.CpuQuota, update.GetCpuQuota())
	set(&now.CpuShares, update.GetCpuShares())
	set(&now.MemoryLimitInBytes, update.GetMemoryLimitInBytes())
	if len(update.GetUnified()) > 0 {
		if now.Unified == nil {
			now.Unified = map[string]string{}
		}
		maps.Copy(now.Unified, update.Unified)
	}
	return now
}

// UpdateContainerResources changes the limits of a container that has not ended.
// The score for the kernel's OOM killer stays as it was, as under containerd.
func (r *Runtime) UpdateContainerResources(_ context.Context, id string, to *runtimeapi.ContainerResources) error {
	m, err := r.member(id)
	if err != nil {
		return err
	}
	if err := m.Update(limits(to.GetLinux())); err != nil {
		return fmt.Errorf("failed to update resources: %w", err)
	}
	r.mu.Lock()
	m.resources = changed(m.resources, to.GetLinux())
	r.mu.Unlock()
	return nil
}

// UpdatePodSandboxResources has nothing to do: the kubelet itself changes the
// pod's cgroup (PodCgroups), and tells the runtime in case it wants to know.
func (r *Runtime) UpdatePodSandboxResources(context.Context, *runtimeapi.UpdatePodSandboxResourcesRequest) (*runtimeapi.UpdatePodSandboxResourcesResponse, error) {
	return &runtimeapi.UpdatePodSandboxResourcesResponse{}, nil
}

// PodCgroups are the cgroups of a node's pods, by the name that the kubelet gives
// them (CgroupParent of a sandbox). A pod without one is in the node's own. Safe
// for concurrent use.
type PodCgroups struct {
	make func(name string, limits container.Resources) (*container.Group, error)

	mu     sync.Mutex
	closed bool
	all    map[string]*container.Group
}

// find answers nil for a group that is not there.
func (p *PodCgroups) find(name string) *container.Group {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[name]
}

// Set makes a pod's group, or changes those of its limits that are not zero; -1
// lifts one.
func (p *PodCgroups) Set(name string, to *runtimeapi.LinuxContainerResources) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	if g := p.all[name]; g != nil {
		return g.Limit(limits(to))
	}
	g, err := p.make(name, limits(to))
	if err == nil {
		p.all[name] = g
	}
	return err
}

// Get answers the limits of a pod's group, and whether there is one.
func (p *PodCgroups) Get(name string) (*runtimeapi.LinuxContainerResources, bool) {
	g := p.find(name)
	if g == nil {
		return nil, false
	}
	has := g.Limits()
	return &runtimeapi.LinuxContainerResources{
		CpuShares: has.CPUShares, CpuQuota: has.CPUQuota, CpuPeriod: has.CPUPeriod, MemoryLimitInBytes: has.Memory,
	}, true
}

// List answers the names of all.
func (p *PodCgroups) List() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.all))
}

// Remove removes a pod's group once its last process has ended; it does nothing
// for one that is not there.
func (p *PodCgroups) Remove(name string) error {
	p.mu.Lock()
	g := p.all[name]
	p.mu.Unlock()
	if err := g.Remove(); err != nil { // it may wait, and others need not
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[name] == g {
		delete(p.all, name)
	}
	return nil
}

// close removes all, and lets no more be made.
func (p *PodCgroups) close() error {
	p.mu.Lock()
	p.closed = true
	all := p.all
	p.all = nil
	p.mu.Unlock()
	var errs []error
	for _, g := range all {
		errs = append(errs, g.Remove())
	}
	return errors.Join(errs...)
}
