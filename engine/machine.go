package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/cri"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/node"
)

// stopTimeout bounds how long a kubelet may take to end.
const stopTimeout = 10 * time.Second

// maxPods is the kubelet's own default.
const maxPods = 110

// clusterDNS is where pods look for names.
var clusterDNS = netip.AddrFrom4([4]byte{10, 96, 0, 10})

// A machine is one node of a session: a kubelet over our runtime.
type machine struct {
	name    string
	kubelet *node.Node
	runtime *cri.Runtime
}

func (s *Session) startMachine(ctx context.Context, n network.Node) (*machine, error) {
	m := &machine{name: n.Name}
	root := filepath.Join(s.containers.Dir(), n.Name)
	var err error
	m.runtime, err = cri.New(cri.Config{
		Node: n.Name, Name: s.engine.runtime.name, Version: s.engine.runtime.version,
		Root: filepath.Join(root, "runtime"), NodeFiles: root,
		Network: s.pods.on(n.Name), Containers: cri.Session{Session: s.containers}, Images: s.engine.images,
		Event: func(ns, name, uid, kind, reason, message string) {
			m.kubelet.Event(ns, name, uid, kind, reason, message)
		},
		Logger: s.log,
	})
	if err != nil {
		return nil, err
	}
	s.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		return m.runtime.Close(ctx)
	})
	m.kubelet, err = node.Start(ctx, node.Config{
		Name: n.Name, IP: n.IP, IP6: n.IP6, Root: root, Machine: s.engine.machine, Logger: s.log,
		// Nobody but this process is the node, so it is trusted like the control plane.
		// As one of system:nodes alone it would race with the node authorizer's own
		// view of its pods, and lose half a second each time that it does.
		ClientConfig: s.api.ConfigFor("system:node:"+n.Name, "system:nodes", "system:masters"),
		Runtime:      m.runtime, Images: m.runtime.Images(), Streams: m.runtime.Streams(),
		Dial:       s.network.Node(n.Name).DialContext,
		ClusterDNS: []netip.Addr{clusterDNS},
	})
	if err != nil {
		return nil, err
	}
	s.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		return m.kubelet.Stop(ctx)
	})
	return m, nil
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
	has := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(e.machine.Cores), resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(int64(e.machine.Memory), resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(maxPods, resource.DecimalSI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(1<<30, resource.BinarySI),
	}
	o := corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: map[string]string{
			corev1.LabelHostname: n.Name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: arch,
			"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": arch,
		}},
		Spec: corev1.NodeSpec{PodCIDR: n.PodCIDR.String(), PodCIDRs: []string{n.PodCIDR.String()}},
		Status: corev1.NodeStatus{
			Capacity: has, Allocatable: has,
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
