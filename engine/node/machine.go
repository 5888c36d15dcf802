package node

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	cadvisorapi "github.com/google/cadvisor/lib/model"
	internalapi "k8s.io/cri-api/pkg/apis"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/kubelet/cadvisor"
)

// A Machine is what a node says of the machine it is.
type Machine struct {
	Cores         int
	Memory        uint64 // bytes
	OSImage       string
	KernelVersion string
	BootID        string
	MachineID     string
	SystemUUID    string
}

// Host is the machine that the server runs on: every node says it has all of
// it, as the nodes of a cluster of virtual machines do that share one host.
func Host() Machine {
	m := Machine{Cores: runtime.NumCPU(), OSImage: "Linux"}
	var info syscall.Sysinfo_t
	if syscall.Sysinfo(&info) == nil {
		m.Memory = uint64(info.Totalram) * uint64(info.Unit)
	}
	var uts syscall.Utsname
	if syscall.Uname(&uts) == nil {
		for _, c := range uts.Release {
			if c == 0 {
				break
			}
			m.KernelVersion += string(rune(c))
		}
	}
	if b, err := os.ReadFile("/etc/os-release"); err == nil {
		for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
			if v, ok := strings.CutPrefix(s.Text(), "PRETTY_NAME="); ok {
				m.OSImage = strings.Trim(v, `"`)
			}
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		m.BootID = strings.TrimSpace(string(b))
	}
	return m
}

func (m Machine) orHost() Machine {
	if m == (Machine{}) {
		return Host()
	}
	return m
}

// machine is cadvisor as far as a kubelet needs it that takes its containers'
// statistics from the CRI.
type machine struct {
	Machine
	root string
	// pods sums up what the node's pods use.
	pods func(context.Context) nodeUsage
	disk diskUser // may be nil
}

var _ cadvisor.Interface = machine{}

func newMachine(cfg Config) machine {
	m := machine{Machine: cfg.Machine.orHost(), root: cfg.Root, pods: podUsage(cfg.Runtime)}
	m.disk, _ = cfg.Runtime.(diskUser)
	return m
}

func (m machine) Start() error { return nil }

func (m machine) MachineInfo(klog.Logger) (*cadvisorapi.MachineInfo, error) {
	return &cadvisorapi.MachineInfo{
		NumCores: m.Cores, MemoryCapacity: m.Memory, BootID: m.BootID, MachineID: m.MachineID, SystemUUID: m.SystemUUID,
	}, nil
}

func (m machine) VersionInfo() (*cadvisorapi.VersionInfo, error) {
	return &cadvisorapi.VersionInfo{KernelVersion: m.KernelVersion, ContainerOsVersion: m.OSImage}, nil
}

// ContainerInfoV2 is of the node as a whole: what its pods use is all that is
// used there.
func (m machine) ContainerInfoV2(name string, _ cadvisorapi.RequestOptions) (map[string]cadvisorapi.ContainerInfo, error) {
	u := m.pods(context.Background())
	return map[string]cadvisorapi.ContainerInfo{name: {
		Spec: cadvisorapi.ContainerSpec{HasCpu: true, HasMemory: true, Memory: cadvisorapi.MemorySpec{Limit: m.Memory}},
		Stats: []*cadvisorapi.ContainerStats{{
			Timestamp: time.Now(),
			Cpu:       &cadvisorapi.CpuStats{Usage: cadvisorapi.CpuUsage{Total: uint64(u.cpu)}},
			CpuInst:   &cadvisorapi.CpuInstStats{Usage: cadvisorapi.CpuInstUsage{Total: u.cores}},
			Memory:    &cadvisorapi.MemoryStats{Usage: u.memory, WorkingSet: u.workingSet, RSS: u.rss},
		}},
	}}, nil
}

// nodeUsage is what all pods of a node use, in bytes and thousand millionths of a
// core, and the time that they and their predecessors have used.
type nodeUsage struct {
	cpu                            time.Duration
	cores, memory, workingSet, rss uint64
}

// A counter knows what pods have used that are gone. Without it the node's counter
// goes back when a pod goes.
type counter interface {
	Used() (cpu time.Duration, workingSet uint64)
}

func podUsage(r internalapi.RuntimeService) func(context.Context) nodeUsage {
	return func(ctx context.Context) (u nodeUsage) {
		pods, _ := r.ListPodSandboxStats(ctx, nil)
		for _, p := range pods {
			cpu, memory := p.GetLinux().GetCpu(), p.GetLinux().GetMemory()
			u.cpu += time.Duration(cpu.GetUsageCoreNanoSeconds().GetValue())
			u.cores += cpu.GetUsageNanoCores().GetValue()
			u.memory += memory.GetUsageBytes().GetValue()
			u.workingSet += memory.GetWorkingSetBytes().GetValue()
			u.rss += memory.GetRssBytes().GetValue()
		}
		if c, ok := r.(counter); ok {
			u.cpu, _ = c.Used()
		}
		return u
	}
}

func (m machine) GetRequestedContainersInfo(string, cadvisorapi.RequestOptions) (map[string]*cadvisorapi.ContainerInfo, error) {
	return map[string]*cadvisorapi.ContainerInfo{}, nil
}

func (m machine) RootFsInfo() (cadvisorapi.FsInfo, error) { return m.GetDirFsInfo(m.root) }

func (m machine) ImagesFsInfo(context.Context) (cadvisorapi.FsInfo, error) {
	return m.GetDirFsInfo(m.root)
}

func (m machine) ContainerFsInfo(context.Context) (cadvisorapi.FsInfo, error) {
	return m.GetDirFsInfo(m.root)
}
