package ingress

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"github.com/podhop/podhop/engine/ingress/plan"
)

const (
	// Image is what the pods run: a program that waits.
	Image = "podhop/proxy:1.0"
	// Namespace and Name are those of the Ingress controller's objects.
	Namespace = "ingress-podhop"
	Name      = "ingress-podhop-controller"
)

// Seed creates what every session begins with: the IngressClass. What costs
// something, Install makes when there is an Ingress to serve.
func Seed(ctx context.Context, c kubernetes.Interface) error {
	_, err := c.NetworkingV1().IngressClasses().Create(ctx, &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: plan.Class, Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}},
		Spec:       networkingv1.IngressClassSpec{Controller: plan.IngressController},
	}, metav1.CreateOptions{})
	return err
}

// install creates the controller's own namespace and what is in it; what is there
// already stays as it is.
func install(ctx context.Context, c kubernetes.Interface) error {
	o := metav1.CreateOptions{}
	labels := map[string]string{"app.kubernetes.io/name": "ingress-podhop", "app.kubernetes.io/component": "controller"}
	meta := metav1.ObjectMeta{Name: Name, Namespace: Namespace, Labels: labels}
	for _, create := range []func() error{
		func() error {
			_, err := c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Namespace, Labels: labels}}, o)
			return err
		},
		func() error {
			_, err := c.CoreV1().ServiceAccounts(Namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, o)
			return err
		},
		func() error {
			_, err := c.CoreV1().Services(Namespace).Create(ctx, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeLoadBalancer, Selector: labels,
				Ports: []corev1.ServicePort{
					{Name: "http", Port: 80, TargetPort: intstr.FromString("http"), AppProtocol: new("http")},
					{Name: "https", Port: 443, TargetPort: intstr.FromString("https"), AppProtocol: new("https")},
				}}}, o)
			return err
		},
		func() error {
			d := deployment(meta, labels, []corev1.ContainerPort{{Name: "http", ContainerPort: 80}, {Name: "https", ContainerPort: 443}})
			_, err := c.AppsV1().Deployments(Namespace).Create(ctx, d, o)
			return err
		},
	} {
		if err := create(); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// deployment is one of pods that wait while they are served. There are no probes, as
// the answers come from beside the container, and no token, which nobody would read.
func deployment(meta metav1.ObjectMeta, selector map[string]string, ports []corev1.ContainerPort) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Replicas: new(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: selector},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels},
			Spec: corev1.PodSpec{
				ServiceAccountName: meta.Name, AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false),
				Containers: []corev1.Container{{
					Name: "proxy", Image: Image, ImagePullPolicy: corev1.PullIfNotPresent, Ports: ports,
					Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
						corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")}},
					SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
						Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
				}},
			},
		},
	}}
}
