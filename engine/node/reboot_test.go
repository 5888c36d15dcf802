package node

import (
	"context"
	"testing"

	"github.com/go-logr/logr"
	cadvisorapi "github.com/google/cadvisor/lib/model"
	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/kubelet/nodestatus"
)

// TestEveryRebootIsTold has two kubelets of a process find their nodes rebooted: each tells of it,
// and once. Upstream counts on one kubelet a process (internal/upstream).
func TestEveryRebootIsTold(t *testing.T) {
	for _, name := range []string{"node-1", "node-2"} {
		var told []string
		set := nodestatus.MachineInfo(name, 110, 0,
			func() (*cadvisorapi.MachineInfo, error) { return &cadvisorapi.MachineInfo{BootID: "now"}, nil },
			func(logr.Logger, bool) v1.ResourceList { return nil },
			func(logr.Logger) (v1.ResourceList, v1.ResourceList, []string) { return nil, nil, nil },
			func() v1.ResourceList { return nil },
			func(_, reason, message string) { told = append(told, reason+": "+message) },
			func() *bool { return nil }, false)
		for range 2 {
			node := v1.Node{Status: v1.NodeStatus{NodeInfo: v1.NodeSystemInfo{BootID: "before"}}}
			if err := set(context.Background(), &node); err != nil || node.Status.NodeInfo.BootID != "now" {
				t.Errorf("%s: %v, %+v", name, err, node.Status.NodeInfo)
			}
		}
		if want := "Rebooted: Node " + name + " has been rebooted, boot id: now"; len(told) != 1 || told[0] != want {
			t.Errorf("%s told %q, want %q once", name, told, want)
		}
	}
}
