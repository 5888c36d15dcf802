package provisioner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/tools/reference"
	"k8s.io/client-go/util/workqueue"
)

// ErrNoNode is what Folders answers for a node that there is not (any more).
var ErrNoNode = errors.New("there is no such node")

// Folders are those of nodes, which are named by their host names. Paths are the
// nodes' own. Safe for concurrent use.
type Folders interface {
	// Make makes a folder that every user may write to; there may be one already.
	Make(node, path string) error
	// Remove removes a folder with all that is in it; there may be none.
	Remove(node, path string) error
}

// A Provisioner gives claims their volumes.
type Provisioner struct {
	client  kubernetes.Interface
	folders Folders
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	classes storagelisters.StorageClassLister
	nodes   corelisters.NodeLister
	queue   workqueue.TypedRateLimitingInterface[key]
	events  record.EventRecorder
	flush   record.EventBroadcaster
}

// A key is a volume's, or with a namespace a claim's.
type key struct{ namespace, name string }

// New adds a provisioner's handlers to informers. It does nothing before Run.
func New(ctx context.Context, c kubernetes.Interface, f informers.SharedInformerFactory, folders Folders) (*Provisioner, error) {
	core := f.Core().V1()
	p := &Provisioner{
		client: c, folders: folders, claims: core.PersistentVolumeClaims().Lister(), volumes: core.PersistentVolumes().Lister(),
		classes: f.Storage().V1().StorageClasses().Lister(), nodes: core.Nodes().Lister(),
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[key](15*time.Second, 1000*time.Second)),
		flush: record.NewBroadcaster(record.WithContext(ctx)),
	}
	p.events = p.flush.NewRecorder(scheme.Scheme, corev1.EventSource{Component: Name})
	add := func(obj any) {
		if o, ok := obj.(metav1.Object); ok {
			p.queue.Add(key{o.GetNamespace(), o.GetName()})
		}
	}
	h := cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, obj any) { add(obj) }}
	for _, i := range []cache.SharedIndexInformer{core.PersistentVolumeClaims().Informer(), core.PersistentVolumes().Informer()} {
		if _, err := i.AddEventHandler(h); err != nil {
			return nil, fmt.Errorf("provisioner: %w", err)
		}
	}
	return p, nil
}

// Run works until ctx is over.
func (p *Provisioner) Run(ctx context.Context) {
	defer p.flush.Shutdown()
	p.flush.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: p.client.CoreV1().Events("")})
	var wg sync.WaitGroup
	wg.Go(func() {
		for p.next(ctx) {
		}
	})
	<-ctx.Done()
	p.queue.ShutDown()
	wg.Wait()
}

func (p *Provisioner) next(ctx context.Context) bool {
	k, over := p.queue.Get()
	if over {
		return false
	}
	defer p.queue.Done(k)
	sync := p.syncClaim
	if k.namespace == "" {
		sync = p.syncVolume
	}
	if err := sync(ctx, k); err != nil && ctx.Err() == nil {
		p.queue.AddRateLimited(k)
	} else {
		p.queue.Forget(k)
	}
	return true
}

// syncClaim makes the volume that a claim waits for. Its error is told already.
func (p *Provisioner) syncClaim(ctx context.Context, k key) error {
	claim, err := p.claims.PersistentVolumeClaims(k.namespace).Get(k.name)
	if err != nil || claim.Spec.StorageClassName == nil || claim.Annotations[storageBy] != Name {
		return nil // it is gone, or another's
	}
	class, err := p.classes.Get(*claim.Spec.StorageClassName)
	if err != nil {
		return err // the binder tells of it
	}
	if !wanted(claim, class) {
		return nil
	}
	if _, err := p.volumes.Get(nameFor(claim)); err == nil {
		return nil
	}
	if v := claim.Spec.VolumeMode; v != nil && *v == corev1.PersistentVolumeBlock {
		p.events.Eventf(claim, corev1.EventTypeWarning, "ProvisioningFailed", "%s does not support block volume provisioning", Name)
		return nil
	}
	p.events.Eventf(claim, corev1.EventTypeNormal, "Provisioning", "External provisioner is provisioning volume for claim %q", k.namespace+"/"+k.name)
	volume, err := p.provision(ctx, claim, class)
	if err == nil {
		p.events.Eventf(claim, corev1.EventTypeNormal, "ProvisioningSucceeded", "Successfully provisioned volume %s", volume.Name)
		return nil
	}
	p.events.Eventf(claim, corev1.EventTypeWarning, "ProvisioningFailed", "failed to provision volume with StorageClass %q: %v", class.Name, err)
	if errors.Is(err, ErrNoNode) && waits(class) {
		return p.reschedule(ctx, claim)
	}
	return err
}

// provision makes the folder and the volume.
func (p *Provisioner) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) (*corev1.PersistentVolume, error) {
	if err := check(claim); err != nil {
		return nil, err
	}
	node, err := p.node(claim, class)
	if err != nil {
		return nil, err
	}
	volume := newVolume(claim, class, node)
	if volume.Spec.ClaimRef, err = reference.GetReference(scheme.Scheme, claim); err != nil {
		return nil, err
	}
	hostname, dir, err := folder(volume)
	if err != nil {
		return nil, err
	}
	if err := p.folders.Make(hostname, dir); err != nil {
		return nil, err
	}
	_, err = p.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if err == nil || apierrors.IsAlreadyExists(err) {
		return volume, nil
	}
	return nil, errors.Join(err, p.folders.Remove(hostname, dir))
}

// node is the one that the scheduler chose, or for a class that does not wait for
// pods any that is fit.
func (p *Provisioner) node(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) (*corev1.Node, error) {
	if name := claim.Annotations[selectedNode]; name != "" {
		node, err := p.nodes.Get(name)
		if apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("node %s: %w", name, ErrNoNode)
		}
		return node, err
	}
	nodes, err := p.nodes.List(labels.Everything())
	if err != nil {
		return nil, err
	}
	return choose(nameFor(claim), class, nodes)
}

// reschedule has the scheduler choose another node.
func (p *Provisioner) reschedule(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	claim = claim.DeepCopy()
	delete(claim.Annotations, selectedNode)
	_, err := p.client.CoreV1().PersistentVolumeClaims(claim.Namespace).Update(ctx, claim, metav1.UpdateOptions{})
	return err
}

// syncVolume removes a volume that nobody claims any more, and its folder. Its
// error is told already.
func (p *Provisioner) syncVolume(ctx context.Context, k key) error {
	volume, err := p.volumes.Get(k.name)
	if err != nil || !released(volume) {
		return nil
	}
	if err := p.remove(volume); err != nil {
		p.events.Event(volume, corev1.EventTypeWarning, "VolumeFailedDelete", err.Error())
		return err
	}
	api := p.client.CoreV1().PersistentVolumes()
	if err := api.Delete(ctx, volume.Name, metav1.DeleteOptions{}); err != nil {
		return ignoreNotFound(err)
	}
	now, err := api.Get(ctx, volume.Name, metav1.GetOptions{})
	if err != nil {
		return ignoreNotFound(err)
	}
	now.Finalizers = slices.DeleteFunc(now.Finalizers, func(f string) bool { return f == reclaimsBeforehand })
	_, err = api.Update(ctx, now, metav1.UpdateOptions{})
	return ignoreNotFound(err)
}

func (p *Provisioner) remove(volume *corev1.PersistentVolume) error {
	hostname, dir, err := folder(volume)
	if err != nil {
		return err
	}
	if err := p.folders.Remove(hostname, dir); err != nil && !errors.Is(err, ErrNoNode) {
		return err
	}
	return nil // what was on a node that is gone is gone with it
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
