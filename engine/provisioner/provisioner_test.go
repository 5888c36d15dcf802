package provisioner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
)

func newNode(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}}
}

// disks are told folders.
type disks struct {
	mu   sync.Mutex
	has  []string
	fail error
}

func (d *disks) Make(node, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail == nil {
		d.has = append(d.has, node+path)
	}
	return d.fail
}

func (d *disks) Remove(node, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.has = slices.DeleteFunc(d.has, func(f string) bool { return f == node+path })
	return d.fail
}

func (d *disks) set(err error) { d.mu.Lock(); defer d.mu.Unlock(); d.fail = err }

func (d *disks) list() []string { d.mu.Lock(); defer d.mu.Unlock(); return slices.Clone(d.has) }

type lab struct {
	*testing.T
	c kubernetes.Interface
	*disks
}

func start(t *testing.T, classes ...*storagev1.StorageClass) *lab {
	l := &lab{t, fake.NewClientset(newNode("node-1"), newNode("node-2")), &disks{}}
	l.must(Seed(t.Context(), l.c))
	for _, c := range classes {
		_, err := l.c.StorageV1().StorageClasses().Create(t.Context(), c, metav1.CreateOptions{})
		l.must(err)
	}
	f := informers.NewSharedInformerFactory(l.c, 0)
	ctx, cancel := context.WithCancel(t.Context())
	p, err := New(ctx, l.c, f, l.disks)
	l.must(err)
	f.StartWithContext(ctx)
	f.WaitForCacheSyncWithContext(ctx)
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		f.Shutdown()
	})
	return l
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// until asks for a minute at most.
func (l *lab) until(what string, is func() bool) {
	l.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			l.Fatalf("never: %s; folders %v, events %v", what, l.list(), l.events())
		}
	}
}

func (l *lab) events() (all []string) {
	list, err := l.c.CoreV1().Events("").List(l.Context(), metav1.ListOptions{})
	l.must(err)
	for _, e := range list.Items {
		all = append(all, e.Reason+": "+e.Message)
	}
	return all
}

func (l *lab) event(part string) {
	l.Helper()
	l.until(part, func() bool {
		return slices.ContainsFunc(l.events(), func(e string) bool { return strings.Contains(e, part) })
	})
}

// claim is one that the binder has passed on, for a pod that is to run on node.
func (l *lab) claim(name, node string, modes ...corev1.PersistentVolumeAccessMode) {
	l.Helper()
	class := Class
	_, err := l.c.CoreV1().PersistentVolumeClaims("ns").Create(l.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), Annotations: map[string]string{storageBy: Name, selectedNode: node}},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class, AccessModes: modes,
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}},
	}, metav1.CreateOptions{})
	l.must(err)
}

// volume waits for the claim's.
func (l *lab) volume(claim string) (v *corev1.PersistentVolume) {
	l.Helper()
	l.until("a volume for "+claim, func() bool {
		var err error
		v, err = l.c.CoreV1().PersistentVolumes().Get(l.Context(), "pvc-"+claim, metav1.GetOptions{})
		return err == nil
	})
	return v
}

// release says that nobody claims the volume any more.
func (l *lab) release(v *corev1.PersistentVolume) {
	l.Helper()
	v.Status.Phase = corev1.VolumeReleased
	_, err := l.c.CoreV1().PersistentVolumes().UpdateStatus(l.Context(), v, metav1.UpdateOptions{})
	l.must(err)
}

func (l *lab) gone(v *corev1.PersistentVolume) {
	l.Helper()
	l.until(v.Name+" is gone", func() bool {
		_, err := l.c.CoreV1().PersistentVolumes().Get(l.Context(), v.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

func TestLifeOfAVolume(t *testing.T) {
	l := start(t)
	l.claim("data", "node-2", corev1.ReadWriteOnce)
	v := l.volume("data")
	if v.Spec.Local.Path != Root+"/pvc-data_ns_data" || v.Spec.ClaimRef.Name != "data" || v.Spec.ClaimRef.UID != "data" || v.Spec.StorageClassName != Class ||
		v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete || v.Spec.Capacity.Storage().String() != "1Gi" {
		t.Errorf("got %+v", v.Spec)
	}
	if at := v.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0]; at != "node-2" {
		t.Errorf("on %s", at)
	}
	if got := l.list(); !slices.Equal(got, []string{"node-2" + v.Spec.Local.Path}) {
		t.Errorf("folders %v", got)
	}
	l.event(`Provisioning: External provisioner is provisioning volume for claim "ns/data"`)
	l.event("ProvisioningSucceeded: Successfully provisioned volume pvc-data")
	l.release(v)
	l.gone(v)
	if got := l.list(); len(got) > 0 {
		t.Errorf("folders left: %v", got)
	}
}

func TestVolumesThatAreKept(t *testing.T) {
	l := start(t)
	l.claim("kept", "node-1", corev1.ReadWriteOnce)
	kept := l.volume("kept")
	kept.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	kept, err := l.c.CoreV1().PersistentVolumes().Update(t.Context(), kept, metav1.UpdateOptions{})
	l.must(err)
	l.release(kept)
	// A volume in our name that is none of ours.
	forged := kept.DeepCopy()
	forged.Name, forged.ResourceVersion, forged.Spec.PersistentVolumeReclaimPolicy, forged.Spec.Local.Path = "forged", "", corev1.PersistentVolumeReclaimDelete, "/etc"
	forged, err = l.c.CoreV1().PersistentVolumes().Create(t.Context(), forged, metav1.CreateOptions{})
	l.must(err)
	l.release(forged)
	l.event("VolumeFailedDelete: forged is not a volume that " + Name + " made")
	// One whose node is gone goes all the same.
	l.claim("lost", "node-2", corev1.ReadWriteOnce)
	lost := l.volume("lost")
	l.set(ErrNoNode)
	l.release(lost)
	l.gone(lost)
	if _, err := l.c.CoreV1().PersistentVolumes().Get(t.Context(), kept.Name, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	if got := l.list(); !slices.Contains(got, "node-1"+kept.Spec.Local.Path) {
		t.Errorf("folders %v", got)
	}
}

func TestClaimsThatCannotBe(t *testing.T) {
	l := start(t)
	l.claim("shared", "node-1", corev1.ReadWriteMany)
	l.event(`ProvisioningFailed: failed to provision volume with StorageClass "standard": only the access modes ReadWriteOnce and ReadWriteOncePod are supported`)
	// The scheduler chooses anew where the node is gone.
	l.claim("moved", "node-9", corev1.ReadWriteOnce)
	l.until("another node is asked for", func() bool {
		c, err := l.c.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "moved", metav1.GetOptions{})
		l.must(err)
		return c.Annotations[selectedNode] == ""
	})
	l.event(`ProvisioningFailed: failed to provision volume with StorageClass "standard": node node-9: there is no such node`)
	l.set(errors.New("no space left on device"))
	l.claim("full", "node-1", corev1.ReadWriteOnce)
	l.event("no space left on device")
	list, err := l.c.CoreV1().PersistentVolumes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) > 0 {
		t.Errorf("made all the same: %+v, %v", list.Items, err)
	}
}

func TestClaimsThatDoNotWait(t *testing.T) {
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "at-once"}, Provisioner: Name}
	l := start(t, class)
	_, err := l.c.CoreV1().PersistentVolumeClaims("ns").Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c", UID: "c", Annotations: map[string]string{storageBy: Name}},
		Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: &class.Name, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
	}, metav1.CreateOptions{})
	l.must(err)
	if v := l.volume("c"); v.Spec.StorageClassName != "at-once" {
		t.Errorf("got %+v", v.Spec)
	}
}
