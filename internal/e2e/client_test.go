package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// A namespace is one of a session, with what asks its API without a process for
// each question.
type namespace struct {
	*session
	name   string
	client kubernetes.Interface
}

// patience is how long a busy machine may take for what takes seconds on an idle one.
const patience = 2 * time.Minute

// in returns a namespace that is there or comes with what is applied.
func (x *session) in(name string) *namespace {
	x.t.Helper()
	cfg := must(clientcmd.BuildConfigFromFlags("", x.kubeconfig))
	cfg.QPS = -1
	return &namespace{x, name, must(kubernetes.NewForConfig(cfg))}
}

// fresh makes one.
func (x *session) fresh(name string) *namespace {
	x.t.Helper()
	x.kubectl("create", "namespace", name)
	return x.in(name)
}

// do runs kubectl there.
func (n *namespace) do(args ...string) string {
	n.t.Helper()
	return n.kubectl(append([]string{"--namespace", n.name}, args...)...)
}

// create applies manifests there.
func (n *namespace) create(manifests string) {
	n.t.Helper()
	if out, err := n.tryKubectl(manifests, "--namespace", n.name, "apply", "-f", "-"); err != nil {
		n.t.Fatalf("%v\n%s", err, out)
	}
}

func (n *namespace) until(what string, check func(context.Context) (missing string)) {
	n.t.Helper()
	until(n.t, patience, what, func() string { return check(n.t.Context()) })
}

// event waits for one of an object of this kind, whose reason and message it is.
func (n *namespace) event(kind, reason, message string) {
	n.t.Helper()
	n.until(fmt.Sprintf("an event %s of a %s says %q", reason, kind, message), func(ctx context.Context) string {
		list, err := n.client.CoreV1().Events(n.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		var seen []string
		for _, e := range list.Items {
			if e.InvolvedObject.Kind == kind && e.Reason == reason && strings.Contains(e.Message, message) {
				return ""
			}
			seen = append(seen, e.InvolvedObject.Kind+" "+e.Reason+": "+e.Message)
		}
		return strings.Join(seen, "\n")
	})
}

// pods are those that match and are not on their way out.
func (n *namespace) pods(ctx context.Context, selector string) (live []corev1.Pod, err error) {
	list, err := n.client.CoreV1().Pods(n.name).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	for _, p := range list.Items {
		if p.DeletionTimestamp == nil {
			live = append(live, p)
		}
	}
	return live, nil
}

func isReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

// available waits until all of a Deployment's pods are, and are of its newest template.
func (n *namespace) available(name string) *appsv1.Deployment {
	n.t.Helper()
	var d *appsv1.Deployment
	n.until(name+" is rolled out", func(ctx context.Context) string {
		var err error
		if d, err = n.client.AppsV1().Deployments(n.name).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err.Error()
		}
		if want := *d.Spec.Replicas; d.Status.ObservedGeneration == d.Generation && d.Status.Replicas == want && d.Status.UpdatedReplicas == want && d.Status.AvailableReplicas == want {
			return ""
		}
		return fmt.Sprintf("%+v", d.Status)
	})
	return d
}

// condition waits until a Deployment has one with this reason, and returns its message.
func (n *namespace) condition(deployment string, kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason string) (message string) {
	n.t.Helper()
	n.until(fmt.Sprintf("%s is %s=%s because of %s", deployment, kind, status, reason), func(ctx context.Context) string {
		d, err := n.client.AppsV1().Deployments(n.name).Get(ctx, deployment, metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		for _, c := range d.Status.Conditions {
			if c.Type == kind && c.Status == status && c.Reason == reason {
				message = c.Message
				return ""
			}
		}
		return fmt.Sprintf("%+v", d.Status.Conditions)
	})
	return message
}

// parallel makes a subtest that runs beside the others.
func (x *session) parallel(t *testing.T, name string, test func(*testing.T, *session)) {
	x.run(t, name, func(t *testing.T, x *session) {
		t.Parallel()
		test(t, x)
	})
}
