package metrics

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/metrics/pkg/apis/metrics"
)

// A Node is where figures come from: a node's container runtime.
type Node interface {
	ListPodSandboxStats(context.Context, *runtimeapi.PodSandboxStatsFilter) ([]*runtimeapi.PodSandboxStats, error)
	// Used is what all its pods have used and the memory they use, in bytes.
	Used() (cpu time.Duration, workingSet uint64)
}

// readings are what was read of all at about the same time.
type readings struct {
	nodes map[string]reading
	pods  map[types.NamespacedName]map[string]reading // by container
}

type reading struct {
	id     string // of the container: one that was restarted has another
	at     time.Time
	cpu    time.Duration
	memory uint64
}

// read reads all nodes. One that does not answer is left out.
func (s *Server) read() readings {
	r := readings{nodes: map[string]reading{}, pods: map[types.NamespacedName]map[string]reading{}}
	for name, node := range s.cfg.Nodes() {
		pods, err := node.ListPodSandboxStats(s.ctx, nil)
		if err != nil {
			s.log.Debug("reading what pods use", "node", name, "err", err)
			continue
		}
		at := time.Now()
		cpu, memory := node.Used()
		r.nodes[name] = reading{at: at, cpu: cpu, memory: memory}
		for _, p := range pods {
			m := p.GetAttributes().GetMetadata()
			if containers := containersOf(p); len(containers) > 0 {
				r.pods[types.NamespacedName{Namespace: m.GetNamespace(), Name: m.GetName()}] = containers
			}
		}
	}
	return r
}

// containersOf is nil if not all of them are known.
func containersOf(p *runtimeapi.PodSandboxStats) map[string]reading {
	out := map[string]reading{}
	for _, c := range p.GetLinux().GetContainers() {
		if c.GetCpu().GetUsageCoreNanoSeconds() == nil || c.GetMemory().GetWorkingSetBytes() == nil {
			return nil
		}
		out[c.GetAttributes().GetMetadata().GetName()] = reading{
			id: c.GetAttributes().GetId(), at: time.Unix(0, c.Cpu.Timestamp),
			cpu: time.Duration(c.Cpu.UsageCoreNanoSeconds.Value), memory: c.Memory.WorkingSetBytes.Value,
		}
	}
	return out
}

// since tells the use between two readings; false if they are not of the same, or
// no time apart.
func (r reading) since(before reading) (corev1.ResourceList, time.Duration, bool) {
	window := r.at.Sub(before.at)
	if window <= 0 || r.id != before.id || r.cpu < before.cpu {
		return nil, 0, false
	}
	cores := float64(r.cpu-before.cpu) / float64(window) * 1e9
	cpu := resource.NewScaledQuantity(int64(cores), resource.Nano)
	cpu.Format = resource.DecimalSI
	return corev1.ResourceList{
		corev1.ResourceCPU:    *cpu,
		corev1.ResourceMemory: *resource.NewQuantity(int64(r.memory), resource.BinarySI),
	}, window, true
}

// pods and nodes follow sigs.k8s.io/metrics-server/pkg/storage.
func (p *pair) pods() map[types.NamespacedName]metrics.PodMetrics {
	out := map[types.NamespacedName]metrics.PodMetrics{}
next:
	for pod, containers := range p.after.pods {
		var m metrics.PodMetrics
		for name, r := range containers {
			usage, window, ok := r.since(p.before.pods[pod][name])
			if !ok {
				continue next
			}
			m.Containers = append(m.Containers, metrics.ContainerMetrics{Name: name, Usage: usage})
			if m.Timestamp.IsZero() || r.at.Before(m.Timestamp.Time) {
				m.Timestamp, m.Window = metav1.NewTime(r.at), metav1.Duration{Duration: window}
			}
		}
		slices.SortFunc(m.Containers, func(a, b metrics.ContainerMetrics) int { return strings.Compare(a.Name, b.Name) })
		out[pod] = m
	}
	return out
}

func (p *pair) nodes() map[string]metrics.NodeMetrics {
	out := map[string]metrics.NodeMetrics{}
	for name, r := range p.after.nodes {
		before, ok := p.before.nodes[name]
		if !ok {
			continue
		}
		if usage, window, ok := r.since(before); ok {
			out[name] = metrics.NodeMetrics{Timestamp: metav1.NewTime(r.at), Window: metav1.Duration{Duration: window}, Usage: usage}
		}
	}
	return out
}
