package node

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// maxPods is the kubelet's own default.
const maxPods = 110

// What the kubelet's default thresholds of eviction keep free: memory.available
// of 100Mi, nodefs.available of 10 % (pkg/kubelet/eviction/defaults_linux.go).
const (
	keptMemory = 100 << 20
	keptDisk   = 10
)

// Resources are what a node of that machine and with so many bytes of disk says
// that it has, and that pods may ask for.
func (m Machine) Resources(disk uint64) (capacity, allocatable v1.ResourceList) {
	capacity = v1.ResourceList{
		v1.ResourceCPU:              *resource.NewQuantity(int64(m.Cores), resource.DecimalSI),
		v1.ResourceMemory:           binary(m.Memory),
		v1.ResourcePods:             *resource.NewQuantity(maxPods, resource.DecimalSI),
		v1.ResourceEphemeralStorage: binary(disk),
	}
	allocatable = capacity.DeepCopy()
	for name, kept := range reserved(disk) {
		left := allocatable[name]
		left.Sub(kept)
		allocatable[name] = left
	}
	return capacity, allocatable
}

func reserved(disk uint64) v1.ResourceList {
	return v1.ResourceList{v1.ResourceMemory: binary(keptMemory), v1.ResourceEphemeralStorage: binary(disk / keptDisk)}
}

func binary(n uint64) resource.Quantity { return *resource.NewQuantity(int64(n), resource.BinarySI) }
