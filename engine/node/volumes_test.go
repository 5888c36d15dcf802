package node_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestVolumes(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "cm"}, Data: map[string]string{"key": "from the config map\n", "other": "x"}}, metav1.CreateOptions{})
	w.must(err)
	_, err = w.client.CoreV1().Secrets("default").Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "sec"}, StringData: map[string]string{"pass": "word\n"}}, metav1.CreateOptions{})
	w.must(err)
	reader := shell("cat /cm/key /sub /sec/pass /down/name; echo; cat /var/run/secrets/kubernetes.io/serviceaccount/token | wc -l; echo mine > /shared/file; id -u; ls -la /shared; ls /host; (echo node > /host/file) 2>/dev/null; " +
		"ls /sys/class/net; cat /etc/hosts | tail -1")
	reader.VolumeMounts = []corev1.VolumeMount{
		{Name: "cm", MountPath: "/cm"}, {Name: "cm", MountPath: "/sub", SubPath: "key"}, {Name: "sec", MountPath: "/sec"},
		{Name: "down", MountPath: "/down"}, {Name: "e", MountPath: "/shared"}, {Name: "host", MountPath: "/host"},
	}
	user := int64(1000)
	reader.SecurityContext = &corev1.SecurityContext{RunAsUser: &user}
	other := shell("while ! cat /shared/file; do sleep 0.01; done")
	other.VolumeMounts = []corev1.VolumeMount{{Name: "e", MountPath: "/shared"}}
	p := pod("vols", reader, other)
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	p.Spec.ServiceAccountName = "default"
	p.Spec.Volumes = []corev1.Volume{
		{Name: "cm", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}}}},
		{Name: "sec", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "sec"}}},
		{Name: "down", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{Path: "name", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}}},
		{Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}},
		// The server's /etc is another than the node's.
		{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/etc"}}},
	}
	w.create(p)
	got := w.until("vols", "Succeeded", func(p *corev1.Pod) bool {
		return succeeded(p) || p != nil && p.Status.Phase == corev1.PodFailed
	})
	log := w.log("vols", "c0")
	id := "1000"
	if w.host.SingleID() {
		id = "0" // everybody is
	}
	for _, want := range []string{"from the config map\nfrom the config map\nword\nvols\n0\n" + id + "\n", "10.244.1.2\tvols"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is missing in %q", want, log)
		}
	}
	if strings.Contains(log, "passwd") {
		t.Error("the server's own /etc is to be seen")
	}
	if got := w.log("vols", "c1"); !strings.HasSuffix(got, "mine\n") {
		t.Errorf("the other container read %q", got)
	}
	if got.Status.Phase != corev1.PodSucceeded {
		t.Errorf("got %s: %v", got.Status.Phase, got.Status.ContainerStatuses)
	}
}

// TestTokenIsTheUsersOwn: the kubelet gives the token to the one user of a pod,
// and to nobody else; volumes have the pod's group.
func TestTokenIsTheUsersOwn(t *testing.T) {
	w := newWorld(t)
	p := pod("token", shell("ls -ln /var/run/secrets/kubernetes.io/serviceaccount/..data/token /e | grep -v total; wc -c < /var/run/secrets/kubernetes.io/serviceaccount/token; echo x > /e/file && ls -ln /e/file; id -G"))
	user, group := int64(1000), int64(2000)
	p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, FSGroup: &group}
	p.Spec.ServiceAccountName = "default"
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	p.Spec.Volumes = []corev1.Volume{{Name: "e", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "e", MountPath: "/e"}}
	w.create(p)
	w.until("token", "Succeeded", succeeded)
	log := w.log("token", "")
	fields := strings.Fields(log)
	if w.host.SingleID() {
		if len(fields) < 4 || fields[2] != "0" {
			t.Errorf("got %q", log)
		}
		return
	}
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "-rw-------") && !strings.HasPrefix(fields[0], "-rw-r-----") || fields[3] != "2000" && fields[2] != "1000" {
		t.Errorf("the token is not the user's alone: %q", log)
	}
	if !strings.Contains(log, "1000     2000") {
		t.Errorf("the volume has not the pod's group: %q", log)
	}
}
