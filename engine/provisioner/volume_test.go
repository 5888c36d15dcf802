package provisioner

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWanted(t *testing.T) {
	later, now := storagev1.VolumeBindingWaitForFirstConsumer, storagev1.VolumeBindingImmediate
	ours := map[string]string{storageBy: Name}
	chosen := map[string]string{storageBy: Name, selectedNode: "node-1"}
	for name, tt := range map[string]struct {
		annotations map[string]string
		volume      string
		mode        *storagev1.VolumeBindingMode
		by          string
		want        bool
	}{
		"no pod yet":      {ours, "", &later, Name, false},
		"node is chosen":  {chosen, "", &later, Name, true},
		"need not wait":   {ours, "", &now, Name, true},
		"mode not set":    {ours, "", nil, Name, true},
		"has one":         {chosen, "pv", &later, Name, false},
		"another's class": {chosen, "", &later, "other", false},
	} {
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Annotations: tt.annotations}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: tt.volume}}
		if got := wanted(claim, &storagev1.StorageClass{Provisioner: tt.by, VolumeBindingMode: tt.mode}); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		spec corev1.PersistentVolumeClaimSpec
		want error
	}{
		{corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}}, nil},
		{corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}}, nil},
		{corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadWriteMany}}, errAccessModes},
		{corev1.PersistentVolumeClaimSpec{AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}}, errAccessModes},
		{corev1.PersistentVolumeClaimSpec{Selector: &metav1.LabelSelector{}}, errSelector},
	} {
		if err := check(&corev1.PersistentVolumeClaim{Spec: tt.spec}); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt.spec, err)
		}
	}
}

func TestChoose(t *testing.T) {
	nodes := []*corev1.Node{newNode("c"), newNode("a"), newNode("b"), newNode("cordoned"), newNode("dead")}
	nodes[3].Spec.Unschedulable = true
	nodes[4].Status.Conditions[0].Status = corev1.ConditionUnknown
	any, seen := &storagev1.StorageClass{}, map[string]bool{}
	for _, volume := range []string{"pvc-1", "pvc-2", "pvc-3", "pvc-4", "pvc-5", "pvc-6", "pvc-7", "pvc-8"} {
		first, err := choose(volume, any, nodes)
		if err != nil {
			t.Fatal(err)
		}
		nodes[0], nodes[2] = nodes[2], nodes[0]
		if again, _ := choose(volume, any, nodes); again != first {
			t.Errorf("%s: on %s, and then on %s", volume, first.Name, again.Name)
		}
		seen[first.Name] = true
	}
	if len(seen) < 2 || seen["cordoned"] || seen["dead"] {
		t.Errorf("chose %v", seen)
	}
	only := &storagev1.StorageClass{AllowedTopologies: []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{{Key: corev1.LabelHostname, Values: []string{"b", "x"}}}}}}
	if got, err := choose("pvc-1", only, nodes); err != nil || got.Name != "b" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := choose("pvc-1", any, nodes[3:]); !errors.Is(err, errNoNode) {
		t.Error("got", err)
	}
}

func TestFolder(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data", UID: "uid"}}
	v := newVolume(claim, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: Class}}, newNode("node-1"))
	node, dir, err := folder(v)
	if err != nil || node != "node-1" || dir != Root+"/pvc-uid_ns_data" {
		t.Errorf("got %s %s, %v", node, dir, err)
	}
	for _, path := range []string{"/", "/etc", Root, Root + "/", Root + "/other_ns_data", Root + "/pvc-uid_x/../../..", Root + "/../pvc-uid_ns"} {
		v.Spec.Local.Path = path
		if _, dir, err := folder(v); err == nil {
			t.Errorf("%s: %s would be removed", path, dir)
		}
	}
	v.Spec.Local = nil
	if _, _, err := folder(v); err == nil || !strings.Contains(err.Error(), "is not a volume that") {
		t.Error("got", err)
	}
}
