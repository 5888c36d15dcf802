package node_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// bound makes a volume, and a claim that is bound to it: there is no binder here.
func (w *world) bound(name string, source corev1.PersistentVolumeSource) corev1.VolumeSource {
	w.Helper()
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	modes, class := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, ""
	claim, err := w.client.CoreV1().PersistentVolumeClaims("default").Create(w.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: name, StorageClassName: &class, AccessModes: modes, Resources: corev1.VolumeResourceRequirements{Requests: size}},
	}, metav1.CreateOptions{})
	w.must(err)
	_, err = w.client.CoreV1().PersistentVolumes().Create(w.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeSpec{Capacity: size, AccessModes: modes, PersistentVolumeSource: source,
			ClaimRef: &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: "default", Name: name, UID: claim.UID},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{"node-1"}}}}}}}},
	}, metav1.CreateOptions{})
	w.must(err)
	claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, AccessModes: modes, Capacity: size}
	_, err = w.client.CoreV1().PersistentVolumeClaims("default").UpdateStatus(w.Context(), claim, metav1.UpdateOptions{})
	w.must(err)
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

// logs waits until the pod has said it.
func (w *world) logs(pod, want string) {
	w.Helper()
	var got string
	for deadline := time.Now().Add(50 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = w.log(pod, ""); strings.Contains(got, want) {
			return
		}
	}
	w.Fatalf("%q is missing in %.2000q", want, got)
}

// event waits until the pod has such an event.
func (w *world) event(pod, want string) {
	w.Helper()
	for deadline := time.Now().Add(50 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, e := range w.events(pod) {
			if strings.Contains(e, want) {
				return
			}
		}
	}
	w.Fatalf("%q is missing in\n%s", want, strings.Join(w.events(pod), "\n"))
}

func mountsOf(t *testing.T, root string) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), root)
}

// TestMountedVolumes: what a volume wants mounted is there in containers, keeps to
// its limit, and is gone with its pod; what is kept is kept.
func TestMountedVolumes(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	hostfs := filepath.Join(w.root, "hostfs")
	w.must(errors.Join(os.MkdirAll(filepath.Join(hostfs, "disk"), 0o755), os.Chmod(filepath.Join(hostfs, "disk"), 0o777)))
	_, err := w.client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "cm"}, Data: map[string]string{"key": "first"}}, metav1.CreateOptions{})
	w.must(err)
	before := mountsOf(t, w.session.Dir()) + mountsOf(t, strings.TrimSuffix(w.session.Dir(), "fs/data")+"id/data")

	c := shell("df -k /memory | tail -1 | awk '{print \"size\", $2}'; dd if=/dev/zero of=/memory/x bs=1M count=2 2>/dev/null || echo full; " +
		"echo kept >/local/file; echo sub >/sub/file; cat /host/sub/file; ls /image/bin/busybox; touch /image/x 2>/dev/null || echo read-only; ls -ldn /local | awk '{print \"group\", $4}'; " +
		"while :; do cat /cm/key; cat /fixed; echo; sleep 0.1; done")
	c.VolumeMounts = []corev1.VolumeMount{
		{Name: "memory", MountPath: "/memory"}, {Name: "local", MountPath: "/local"}, {Name: "local", MountPath: "/sub", SubPath: "sub"},
		{Name: "host", MountPath: "/host"}, {Name: "image", MountPath: "/image"}, {Name: "cm", MountPath: "/cm"}, {Name: "cm", MountPath: "/fixed", SubPath: "key"},
	}
	p := pod("vols", c)
	user, group := int64(1000), int64(2000)
	p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, FSGroup: &group}
	limit := resource.MustParse("1Mi")
	p.Spec.Volumes = []corev1.Volume{
		{Name: "memory", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &limit}}},
		{Name: "local", VolumeSource: w.bound("local", corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/disk"}})},
		{Name: "host", VolumeSource: w.bound("host", corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/disk"}})},
		{Name: "image", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "busybox"}}},
		{Name: "cm", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}}}},
	}
	w.create(p)
	w.until("vols", "Ready", ready)
	gid := "2000"
	if w.host.SingleID() {
		gid = "0" // the only one
	}
	w.logs("vols", "size 1024\nfull\nsub\n/image/bin/busybox\nread-only\ngroup "+gid+"\nfirstfirst\n")

	// A change reaches the pod at once, but no subPath.
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "cm"}, Data: map[string]string{"key": "second"}}
	_, err = w.client.CoreV1().ConfigMaps("default").Update(ctx, cm, metav1.UpdateOptions{})
	w.must(err)
	w.node.Changed("ConfigMap", "default", "cm")
	w.logs("vols", "secondfirst\n")

	w.must(w.client.CoreV1().Pods("default").Delete(ctx, "vols", metav1.DeleteOptions{}))
	w.until("vols", "gone", gone)
	for file, want := range map[string]string{"disk/file": "kept\n", "disk/sub/file": "sub\n"} {
		if got, err := os.ReadFile(filepath.Join(hostfs, file)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	after := func() int {
		return mountsOf(t, w.session.Dir()) + mountsOf(t, strings.TrimSuffix(w.session.Dir(), "fs/data")+"id/data")
	}
	for deadline := time.Now().Add(50 * time.Second); after() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d mounts, %d before", after(), before)
		}
	}
}

// TestVolumesThatCannotBe: the kubelet's own words, with the node's own paths.
func TestVolumesThatCannotBe(t *testing.T) {
	w := newWorld(t)
	directory, file := corev1.HostPathDirectory, corev1.HostPathFile
	tests := []struct{ name, want string }{
		{"directory", "hostPath type check failed, /missing is not a directory, unable to determine its type: path \"/missing\" does not exist"},
		{"file", "hostPath type check failed, /missing/file is not a file"},
		{"local", `path "/missing" does not exist`},
		{"nfs", `mounting 10.0.0.1:/export: file systems of type "nfs" are not offered in this playground`},
		{"configmap", `configmap "missing" not found`},
		{"secret", `secret "missing" not found`},
	}
	sources := map[string]corev1.VolumeSource{
		"directory": {HostPath: &corev1.HostPathVolumeSource{Path: "/missing", Type: &directory}},
		"file":      {HostPath: &corev1.HostPathVolumeSource{Path: "/missing/file", Type: &file}},
		"local":     w.bound("local", corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/missing"}}),
		"nfs":       {NFS: &corev1.NFSVolumeSource{Server: "10.0.0.1", Path: "/export"}},
		"configmap": {ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "missing"}}},
		"secret":    {Secret: &corev1.SecretVolumeSource{SecretName: "missing"}},
	}
	for _, test := range tests {
		p := pod(test.name, corev1.Container{VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/v"}}})
		p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: sources[test.name]}}
		w.create(p)
	}
	for _, test := range tests {
		w.event(test.name, test.want)
	}
	now := int64(0)
	for _, test := range tests {
		w.must(w.client.CoreV1().Pods("default").Delete(context.Background(), test.name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	}
}
