package node

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/kubelet/cm"
	"k8s.io/kubernetes/pkg/kubelet/cm/resourceupdates"
)

// updates is a container manager through whose updates the kubelet's loop is told
// which pods to sync; only that loop may say so.
type updates struct {
	cm.ContainerManager
	pods chan resourceupdates.Update
}

func (u updates) Updates() <-chan resourceupdates.Update { return u.pods }

// Changed has the pods synced at once that have the object for a volume: a
// ConfigMap, a Secret or a PersistentVolumeClaim. Without, the kubelet sees
// the change when it next looks at the pod, within a minute and a half. A nil
// node has no pods.
func (n *Node) Changed(kind, namespace, name string) {
	if n == nil {
		return
	}
	var u resourceupdates.Update
	for _, pod := range n.kubelet.GetActivePods() {
		if pod.Namespace == namespace && mounts(pod, kind, name) {
			u.PodUIDs = append(u.PodUIDs, string(pod.UID))
		}
	}
	if len(u.PodUIDs) == 0 {
		return
	}
	select {
	case n.updates <- u:
	case <-n.ctx.Done():
	}
}

// mounts tells whether a volume of the pod is made of the object.
func mounts(pod *v1.Pod, kind, name string) bool {
	for _, v := range pod.Spec.Volumes {
		switch {
		case v.ConfigMap != nil && kind == "ConfigMap" && v.ConfigMap.Name == name,
			v.Secret != nil && kind == "Secret" && v.Secret.SecretName == name,
			v.PersistentVolumeClaim != nil && kind == "PersistentVolumeClaim" && v.PersistentVolumeClaim.ClaimName == name,
			v.Ephemeral != nil && kind == "PersistentVolumeClaim" && pod.Name+"-"+v.Name == name:
			return true
		case v.Projected != nil:
			for _, s := range v.Projected.Sources {
				if s.ConfigMap != nil && kind == "ConfigMap" && s.ConfigMap.Name == name || s.Secret != nil && kind == "Secret" && s.Secret.Name == name {
					return true
				}
			}
		}
	}
	return false
}
