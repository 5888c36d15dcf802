package provisioner

import (
	"errors"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Annotations and finalizer by which the binder and a provisioner know of each other.
const (
	selectedNode       = "volume.kubernetes.io/selected-node"
	storageBy          = "volume.kubernetes.io/storage-provisioner"
	provisionedBy      = "pv.kubernetes.io/provisioned-by"
	reclaimsBeforehand = "external-provisioner.volume.kubernetes.io/finalizer"
)

var (
	errAccessModes = errors.New("only the access modes ReadWriteOnce and ReadWriteOncePod are supported: a volume is a folder of one node")
	errSelector    = errors.New("claim.Spec.Selector is not supported")
	errNoNode      = errors.New("no node is ready for a volume of this class")
)

// wanted tells whether a claim that the binder has passed on to us waits for a volume.
func wanted(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) bool {
	if claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil || class.Provisioner != Name {
		return false
	}
	return !waits(class) || claim.Annotations[selectedNode] != ""
}

// waits tells whether the class' volumes wait for their first pod.
func waits(class *storagev1.StorageClass) bool {
	return class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

// check says why a claim cannot be given what it asks for.
func check(claim *corev1.PersistentVolumeClaim) error {
	if claim.Spec.Selector != nil {
		return errSelector
	}
	for _, mode := range claim.Spec.AccessModes {
		if mode != corev1.ReadWriteOnce && mode != corev1.ReadWriteOncePod {
			return errAccessModes
		}
	}
	return nil
}

// choose is the node for a volume that does not wait for a pod: any that is ready
// and of the class' topology, and the same one whenever it is asked.
func choose(volume string, class *storagev1.StorageClass, nodes []*corev1.Node) (*corev1.Node, error) {
	fit := slices.DeleteFunc(slices.Clone(nodes), func(n *corev1.Node) bool {
		return n.Spec.Unschedulable || !ready(n) || !inTopology(class.AllowedTopologies, n.Labels)
	})
	if len(fit) == 0 {
		return nil, errNoNode
	}
	slices.SortFunc(fit, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	h := fnv.New32a()
	h.Write([]byte(volume))
	return fit[int(h.Sum32()%uint32(len(fit)))], nil
}

func ready(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// inTopology tells whether one of the terms matches all it says; no terms are any place.
func inTopology(terms []corev1.TopologySelectorTerm, has labels.Set) bool {
	return len(terms) == 0 || slices.ContainsFunc(terms, func(t corev1.TopologySelectorTerm) bool {
		return !slices.ContainsFunc(t.MatchLabelExpressions, func(e corev1.TopologySelectorLabelRequirement) bool {
			return !has.Has(e.Key) || !slices.Contains(e.Values, has.Get(e.Key))
		})
	})
}

// nameFor is the volume's name, by which a claim never gets two.
func nameFor(claim *corev1.PersistentVolumeClaim) string { return "pvc-" + string(claim.UID) }

// newVolume is the claim's volume on the node.
func newVolume(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass, node *corev1.Node) *corev1.PersistentVolume {
	name := nameFor(claim)
	policy := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	hostname := node.Labels[corev1.LabelHostname]
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: Name}, Finalizers: []string{reclaimsBeforehand}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes: claim.Spec.AccessModes, PersistentVolumeReclaimPolicy: policy,
			StorageClassName: class.Name, MountOptions: class.MountOptions, VolumeMode: new(corev1.PersistentVolumeFilesystem),
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{
				Path: path.Join(Root, fmt.Sprintf("%s_%s_%s", name, claim.Namespace, claim.Name)),
			}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{hostname}}},
			}}}},
		},
	}
}

// released tells whether the volume is ours to delete.
func released(v *corev1.PersistentVolume) bool {
	return v.Status.Phase == corev1.VolumeReleased && v.Annotations[provisionedBy] == Name &&
		v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete &&
		(v.DeletionTimestamp == nil || slices.Contains(v.Finalizers, reclaimsBeforehand))
}

// folder is where a volume of ours is. A learner may have written one in our name.
func folder(v *corev1.PersistentVolume) (hostname, dir string, err error) {
	if v.Spec.Local == nil || !strings.HasPrefix(path.Clean(v.Spec.Local.Path), Root+"/"+v.Name+"_") {
		return "", "", fmt.Errorf("%s is not a volume that %s made", v.Name, Name)
	}
	if a := v.Spec.NodeAffinity; a != nil && a.Required != nil {
		for _, t := range a.Required.NodeSelectorTerms {
			for _, e := range t.MatchExpressions {
				if e.Key == corev1.LabelHostname && len(e.Values) == 1 {
					return e.Values[0], path.Clean(v.Spec.Local.Path), nil
				}
			}
		}
	}
	return "", "", fmt.Errorf("%s is of no node", v.Name)
}
