package node

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/cm"
)

// PodCgroups has the cgroups of a node's pods by name. Safe for concurrent use.
type PodCgroups interface {
	// Set makes a group, or changes those of its limits that are not zero; -1 lifts one.
	Set(name string, to *runtimeapi.LinuxContainerResources) error
	// Get answers the limits of a group, and whether there is one.
	Get(name string) (*runtimeapi.LinuxContainerResources, bool)
	List() []string
	// Remove removes a group whose processes have ended or are about to.
	Remove(name string) error
}

// containerManager is upstream's stub, which admits everything, but knows the
// size of the node's disk and keeps the cgroups of pods.
type containerManager struct {
	cm.ContainerManager
	root string
	pods cm.PodContainerManager
}

func newContainerManager(cfg Config) cm.ContainerManager {
	m := containerManager{ContainerManager: cm.NewStubContainerManager(), root: cfg.Root}
	m.pods = m.ContainerManager.NewPodContainerManager()
	if cfg.Cgroups != nil {
		m.pods = podCgroups{m.pods, cfg.Cgroups}
	}
	return m
}

func (m containerManager) GetCapacity(klog.Logger, bool) v1.ResourceList {
	var st syscall.Statfs_t
	if syscall.Statfs(m.root, &st) != nil {
		return v1.ResourceList{}
	}
	return v1.ResourceList{v1.ResourceEphemeralStorage: binary(st.Blocks * uint64(st.Bsize))}
}

// GetNodeAllocatableReservation is what upstream's thresholds of eviction keep free.
func (m containerManager) GetNodeAllocatableReservation() v1.ResourceList {
	disk := m.GetCapacity(klog.Background(), true)[v1.ResourceEphemeralStorage]
	return reserved(uint64(disk.Value()))
}

func (m containerManager) NewPodContainerManager() cm.PodContainerManager { return m.pods }

// podCgroups does what upstream's podContainerManagerImpl does, with the same
// limits (cm.ResourceConfigForPod); the groups are the runtime's.
type podCgroups struct {
	cm.PodContainerManager // upstream's stub
	groups                 PodCgroups
}

const podPrefix = "pod"

func (p podCgroups) name(pod *v1.Pod) string { return podPrefix + string(pod.UID) }

// GetPodContainerName answers the name that the runtime gets as CgroupParent.
func (p podCgroups) GetPodContainerName(pod *v1.Pod) (cm.CgroupName, string) {
	return cm.CgroupName{p.name(pod)}, p.name(pod)
}

func (p podCgroups) Exists(pod *v1.Pod) bool {
	_, ok := p.groups.Get(p.name(pod))
	return ok
}

func (p podCgroups) EnsureExists(_ klog.Logger, pod *v1.Pod) error {
	if p.Exists(pod) {
		return nil
	}
	r := resources(cm.ResourceConfigForPod(pod, true, cm.QuotaPeriod, false, kubeletconfig.NoneMemoryReservationPolicy))
	r.Unified = map[string]string{"pids.max": strconv.Itoa(podPids)}
	return p.groups.Set(p.name(pod), r)
}

// GetPodCgroupConfig answers -1 for what has no limit.
func (p podCgroups) GetPodCgroupConfig(pod *v1.Pod, name v1.ResourceName) (*cm.ResourceConfig, error) {
	has, ok := p.groups.Get(p.name(pod))
	if !ok {
		return nil, fmt.Errorf("pod %s has no cgroup", pod.UID)
	}
	unlessZero := func(value, otherwise int64) int64 {
		if value == 0 {
			return otherwise
		}
		return value
	}
	switch name {
	case v1.ResourceCPU:
		shares, period := uint64(unlessZero(has.GetCpuShares(), 1024)), uint64(unlessZero(has.GetCpuPeriod(), cm.QuotaPeriod))
		quota := unlessZero(has.GetCpuQuota(), -1)
		return &cm.ResourceConfig{CPUShares: &shares, CPUPeriod: &period, CPUQuota: &quota}, nil
	case v1.ResourceMemory:
		memory := unlessZero(has.GetMemoryLimitInBytes(), -1)
		return &cm.ResourceConfig{Memory: &memory}, nil
	}
	return nil, fmt.Errorf("unsupported resource %v for cgroup", name) // upstream's words
}

func (p podCgroups) SetPodCgroupConfig(_ klog.Logger, pod *v1.Pod, to *cm.ResourceConfig) error {
	if !p.Exists(pod) {
		return fmt.Errorf("pod %s has no cgroup", pod.UID)
	}
	return p.groups.Set(p.name(pod), resources(to))
}

// Destroy has nobody to kill: the runtime ended the pod's processes with its containers.
func (p podCgroups) Destroy(_ klog.Logger, name cm.CgroupName) error {
	return p.groups.Remove(name[len(name)-1])
}

func (p podCgroups) ReduceCPULimits(_ klog.Logger, name cm.CgroupName) error {
	pod := name[len(name)-1]
	if _, ok := p.groups.Get(pod); !ok {
		return nil
	}
	return p.groups.Set(pod, &runtimeapi.LinuxContainerResources{CpuShares: cm.MinShares})
}

func (p podCgroups) GetAllPodsFromCgroups(klog.Logger) (map[types.UID]cm.CgroupName, error) {
	all := map[types.UID]cm.CgroupName{}
	for _, name := range p.groups.List() {
		all[types.UID(strings.TrimPrefix(name, podPrefix))] = cm.CgroupName{name}
	}
	return all, nil
}

func (p podCgroups) IsPodCgroup(name string) (bool, types.UID) {
	if _, ok := p.groups.Get(name); !ok {
		return false, ""
	}
	return true, types.UID(strings.TrimPrefix(name, podPrefix))
}

// resources are those of a pod in the runtime's terms.
func resources(c *cm.ResourceConfig) *runtimeapi.LinuxContainerResources {
	r := &runtimeapi.LinuxContainerResources{Unified: c.Unified}
	if c.Memory != nil {
		r.MemoryLimitInBytes = *c.Memory
	}
	if c.CPUShares != nil {
		r.CpuShares = int64(*c.CPUShares)
	}
	if c.CPUQuota != nil {
		r.CpuQuota = *c.CPUQuota
	}
	if c.CPUPeriod != nil {
		r.CpuPeriod = int64(*c.CPUPeriod)
	}
	return r
}
