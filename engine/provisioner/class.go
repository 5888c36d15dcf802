package provisioner

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// Name is what StorageClasses call the provisioner.
	Name = "podhop.io/local-path"
	// Class is the default StorageClass, as kind and minikube name theirs.
	Class = "standard"
	// Root is where the folders are on their nodes, the path that kind has.
	Root = "/var/local-path-provisioner"
)

// Seed creates what every session begins with: the default StorageClass. A
// folder is one node's, so a volume waits for its first pod, whose node it has to
// be on; were it bound at once, a pod's other wishes could not be met any more.
func Seed(ctx context.Context, c kubernetes.Interface) error {
	_, err := c.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta:           metav1.ObjectMeta{Name: Class, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
		Provisioner:          Name,
		ReclaimPolicy:        new(corev1.PersistentVolumeReclaimDelete),
		VolumeBindingMode:    new(storagev1.VolumeBindingWaitForFirstConsumer),
		AllowVolumeExpansion: new(true),
	}, metav1.CreateOptions{})
	return err
}
