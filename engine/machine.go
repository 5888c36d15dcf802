package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/cri"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/node"
	"github.com/podhop/podhop/engine/proxy"
)

// stopTimeout bounds how long a kubelet may take to end.
const stopTimeout = 10 * time.Second

// clusterDNS is where pods look for names.
var clusterDNS = netip.AddrFrom4([4]byte{10, 96, 0, 10})

// power is what runs on a machine that is on: a kubelet over our runtime, and kube-proxy.
type power struct {
	kubelet atomic.Pointer[node.Node] // nil until it is started
	runtime *cri.Runtime
	cgroup  *container.Group // of all pods of the node
	proxy   *proxy.Proxy
}

// nodeMemory is what a node has that is not told another figure.
const nodeMemory = 2 << 30

// hardware is what a node has: the host's cores, which sessions share by weight,
// and memory of its own, as its cgroup has it.
func hardware(cfg Config) node.Machine {
	m := node.Host()
	m.Memory = min(m.Memory, uint64(cmp.Or(cfg.NodeMemory, nodeMemory)))
	return m
}

// boot switches a machine on.
func (s *Session) boot(ctx context.Context, m *machine) error {
	s.nodes.turn(m, true)
	if err := s.pods.set(ctx, s.desired()); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	s.hostsChanged()
	s.policies.SetNodes(s.policyNodes())
	if err := s.tracer.Refresh(); err != nil {
		s.log.Warn("watching", "err", err) // the node runs all the same
	}
	p := &power{}
	m.power.Store(p)
	var err error
	if p.proxy, err = s.startProxy(ctx, m.Node); err != nil {
		return fmt.Errorf("kube-proxy: %w", err)
	}
	return s.startKubelet(ctx, m)
}

// halt switches a machine off, however much of it is on. What uses its network
// namespace goes before that does.
func (s *Session) halt(ctx context.Context, m *machine) error {
	s.nodes.turn(m, false)
	s.nodes.cut(m, false) // who is off is not cut off
	err := errors.Join(s.shells.end(m.Name), m.stop(ctx))
	err = errors.Join(err, s.containers.UnmountBelow(s.root(m)), s.tracer.Refresh())
	s.hostsChanged()
	s.policies.SetNodes(s.policyNodes())
	err = errors.Join(err, s.pods.set(ctx, s.desired()))
	s.pods.changed()
	return err
}

// stop ends what runs on the machine.
func (m *machine) stop(ctx context.Context) error {
	p := m.power.Swap(nil)
	if p == nil {
		return nil
	}
	m.gate.set(false) // or the kubelet waits for the API before it ends
	var errs []error
	if kubelet := p.kubelet.Load(); kubelet != nil {
		errs = append(errs, kubelet.Stop(ctx))
	}
	if p.runtime != nil {
		errs = append(errs, p.runtime.Close(ctx))
	}
	errs = append(errs, p.cgroup.Remove())
	if p.proxy != nil {
		p.proxy.Stop()
	}
	return errors.Join(errs...)
}

// startKubelet runs the kubelet of a machine whose network is there.
func (s *Session) startKubelet(ctx context.Context, m *machine) error {
	p := m.power.Load()
	root := s.root(m)
	err := s.writeNodeFiles(m)
	if err != nil {
		return err
	}
	if p.cgroup, err = s.containers.Group(nil, m.Name, container.Resources{Memory: int64(s.engine.machine.Memory)}); err != nil {
		return err
	}
	p.runtime, err = cri.New(cri.Config{
		Node: m.Name, Name: s.engine.runtime.name, Version: s.engine.runtime.version,
		Root: filepath.Join(root, "runtime"), NodeFiles: root,
		Network: s.pods.on(m.Name), Containers: cri.Session{Session: s.containers, Node: p.cgroup}, Images: s.engine.images, Disk: &m.disk,
		Event: func(ns, name, uid, kind, reason, message string) {
			p.kubelet.Load().Event(ns, name, uid, kind, reason, message)
		},
		Share: s.api.Share(), Logger: s.log,
	})
	if err != nil {
		return err
	}
	machine := s.engine.machine
	machine.BootID = string(uuid.NewUUID()) // the kubelet tells by it that it was rebooted
	// Nobody but this process is the node, so it is trusted like the control plane.
	// As one of system:nodes alone it would race with the node authorizer's own
	// view of its pods, and lose half a second each time that it does.
	client := s.api.ConfigFor("system:node:"+m.Name, "system:nodes", "system:masters")
	client.Wrap(m.gate.wrap)
	kubelet, err := node.Start(ctx, node.Config{
		Name: m.Name, IP: m.IP, IP6: m.IP6, Root: root, Machine: machine, Logger: s.log,
		ClientConfig: client,
		Runtime:      p.runtime, Images: p.runtime.Images(), Streams: p.runtime.Streams(), Cgroups: p.runtime.PodCgroups(),
		Dial:       s.network.Node(m.Name).DialContext,
		ClusterDNS: []netip.Addr{clusterDNS}, Mounts: s.containers,
	})
	if err == nil {
		p.kubelet.Store(kubelet)
	}
	return err
}

// nodeObjects are the session's nodes as the API knows them from the start: as
// their kubelets would report them half a second later.
func (e *Engine) nodeObjects(nodes []network.Node) []corev1.Node {
	objects := make([]corev1.Node, len(nodes))
	for i, n := range nodes {
		objects[i] = e.nodeObject(n)
	}
	return objects
}

func (e *Engine) nodeObject(n network.Node) corev1.Node {
	capacity, allocatable := e.machine.Resources(container.DefaultSizeBytes)
	o := corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: map[string]string{
			corev1.LabelHostname: n.Name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: arch,
			"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": arch,
		}},
		Spec: corev1.NodeSpec{PodCIDR: n.PodCIDR.String(), PodCIDRs: []string{n.PodCIDR.String()}},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: allocatable,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: n.IP.String()}, {Type: corev1.NodeHostName, Address: n.Name},
			},
			NodeInfo: corev1.NodeSystemInfo{
				OperatingSystem: "linux", Architecture: arch, OSImage: e.machine.OSImage, KernelVersion: e.machine.KernelVersion,
				ContainerRuntimeVersion: e.runtime.name + "://" + e.runtime.version, KubeletVersion: kubernetesVersion(),
			},
		},
	}
	if n.IP6.IsValid() {
		o.Spec.PodCIDRs = append(o.Spec.PodCIDRs, n.PodCIDR6.String())
		o.Status.Addresses = slices.Insert(o.Status.Addresses, 1, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: n.IP6.String()})
	}
	now := metav1.Now()
	for _, c := range []struct {
		kind            corev1.NodeConditionType
		status          corev1.ConditionStatus
		reason, message string
	}{
		{corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"},
		{corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
		{corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
		{corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "kubelet is posting ready status"},
	} {
		o.Status.Conditions = append(o.Status.Conditions, corev1.NodeCondition{Type: c.kind, Status: c.status, Reason: c.reason,
			Message: c.message, LastHeartbeatTime: now, LastTransitionTime: now})
	}
	return o
}

// ociVersion is the OCI runtime's name and version, as nodes show it.
type ociVersion struct{ name, version string }

// versionOf asks the program itself: "crun version 1.8.1" is its first line.
func versionOf(ctx context.Context, program string) (ociVersion, error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return ociVersion{}, fmt.Errorf("%s --version: %w", program, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	words := strings.Fields(line)
	if len(words) < 3 {
		return ociVersion{}, errors.New(program + " --version says " + line)
	}
	return ociVersion{name: words[0], version: words[len(words)-1]}, nil
}
