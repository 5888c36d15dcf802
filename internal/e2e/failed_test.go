package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// checkFailed has each of the article's six failed Deployments fail for its own
// reason, from a manifest that a learner might have written.
func checkFailed(t *testing.T, x *session) {
	failed := func(file string, check func(*testing.T, *namespace)) {
		name := strings.TrimSuffix(file[2:], ".yaml")
		x.parallel(t, name, func(t *testing.T, x *session) {
			manifest := string(must(os.ReadFile(filepath.Join("testdata", "failed", file))))
			for _, r := range x.apply(manifest) {
				if r.Action != "created" || len(r.Errors) > 0 {
					t.Fatalf("%+v", r)
				}
			}
			n := x.in(name)
			n.condition("my-deployment", appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable")
			check(t, n)
		})
	}
	failed("1-insufficient-quota.yaml", func(t *testing.T, n *namespace) {
		const says = `exceeded quota: one-pod, requested: pods=1, used: pods=1, limited: pods=1`
		n.noPods("my-deployment", says)
		n.event("ReplicaSet", "FailedCreate", says)
		n.until("one pod is ready", func(ctx context.Context) string {
			if pods, err := n.pods(ctx, ""); err != nil || len(pods) != 1 || !isReady(&pods[0]) {
				return fmt.Sprint(pods, err)
			}
			return ""
		})
		n.late("my-deployment")
	})
	failed("2-readiness-probe.yaml", func(t *testing.T, n *namespace) {
		n.event("Pod", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404")
		n.until("the pod runs and is not ready", func(ctx context.Context) string {
			p, missing := n.only(ctx)
			if missing != "" {
				return missing
			}
			if c := p.Status.ContainerStatuses; p.Status.Phase == corev1.PodRunning && len(c) == 1 && c[0].State.Running != nil && !c[0].Ready && hasReason(p, corev1.PodReady, "ContainersNotReady") {
				return ""
			}
			return fmt.Sprintf("%+v", p.Status)
		})
		n.late("my-deployment")
		n.do("patch", "deployment", "my-deployment", "--type=json", "-p", `[{"op":"replace","path":"/spec/template/spec/containers/0/readinessProbe/httpGet/path","value":"/"}]`)
		n.available("my-deployment")
		n.condition("my-deployment", appsv1.DeploymentProgressing, corev1.ConditionTrue, "NewReplicaSetAvailable")
	})
	failed("3-image-pull.yaml", func(t *testing.T, n *namespace) {
		n.event("Pod", "Failed", `Failed to pull image "registry.invalid/my-image:v1"`)
		n.event("Pod", "Failed", "Error: ErrImagePull")
		n.event("Pod", "BackOff", `Back-off pulling image "registry.invalid/my-image:v1"`)
		n.waits("ImagePullBackOff", `Back-off pulling image "registry.invalid/my-image:v1"`)
		n.late("my-deployment")
	})
	failed("4-insufficient-permission.yaml", func(t *testing.T, n *namespace) {
		const account = `error looking up service account insufficient-permission/my-account: serviceaccount "my-account" not found`
		n.noPods("my-deployment", account)
		n.event("ReplicaSet", "FailedCreate", account)
		n.late("my-deployment")
		const root = `violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "my-container" must set securityContext.allowPrivilegeEscalation=false)`
		n.noPods("my-root", root)
		n.event("ReplicaSet", "FailedCreate", root)
		n.late("my-root")
	})
	failed("5-limit-range.yaml", func(t *testing.T, n *namespace) {
		const says = "is forbidden: maximum cpu usage per Container is 100m, but limit is 500m"
		n.noPods("my-deployment", says)
		n.event("ReplicaSet", "FailedCreate", says)
		n.late("my-deployment")
	})
	failed("6-application-misconfiguration.yaml", func(t *testing.T, n *namespace) {
		n.event("Pod", "BackOff", "Back-off restarting failed container my-container in pod")
		n.waits("CrashLoopBackOff", "restarting failed container=my-container")
		n.until("the container ended with an error", func(ctx context.Context) string {
			p, missing := n.only(ctx)
			if missing != "" {
				return missing
			}
			if c := p.Status.ContainerStatuses; len(c) == 1 && c[0].RestartCount > 0 && c[0].LastTerminationState.Terminated != nil && c[0].LastTerminationState.Terminated.ExitCode == 1 && c[0].LastTerminationState.Terminated.Reason == "Error" {
				return ""
			}
			return fmt.Sprintf("%+v", p.Status.ContainerStatuses)
		})
		if out := n.do("logs", "deployment/my-deployment", "--tail=20"); !strings.Contains(out, `unknown directive "lissten" in /etc/nginx/conf.d/default.conf:2`) {
			t.Errorf("the log does not say why:\n%s", out)
		}
	})
}

// noPods waits until a Deployment says that its pods are refused, and why.
func (n *namespace) noPods(deployment, why string) {
	n.t.Helper()
	if got := n.condition(deployment, appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "FailedCreate"); !strings.Contains(got, why) || !strings.Contains(got, "is forbidden") {
		n.t.Errorf("ReplicaFailure: %q does not say %q", got, why)
	}
}

// late waits until a Deployment is past its progress deadline, and kubectl says so.
func (n *namespace) late(deployment string) {
	n.t.Helper()
	if got := n.condition(deployment, appsv1.DeploymentProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded"); !strings.HasSuffix(got, "has timed out progressing.") {
		n.t.Errorf("Progressing: %q", got)
	}
	if out, err := n.tryKubectl("", "-n", n.name, "rollout", "status", "deployment", deployment, "--timeout=60s"); err == nil || !strings.Contains(out, "exceeded its progress deadline") {
		n.t.Errorf("rollout status: %v\n%s", err, out)
	}
}

// only is the namespace's one pod.
func (n *namespace) only(ctx context.Context) (p *corev1.Pod, missing string) {
	pods, err := n.pods(ctx, "")
	if err != nil || len(pods) != 1 {
		return nil, fmt.Sprintf("%d pods, %v", len(pods), err)
	}
	return &pods[0], ""
}

// waits waits until the one pod's container does, for this reason.
func (n *namespace) waits(reason, message string) {
	n.t.Helper()
	n.until("the pod waits: "+reason, func(ctx context.Context) string {
		p, missing := n.only(ctx)
		if missing != "" {
			return missing
		}
		if c := p.Status.ContainerStatuses; len(c) == 1 && c[0].State.Waiting != nil && c[0].State.Waiting.Reason == reason && strings.Contains(c[0].State.Waiting.Message, message) {
			return ""
		}
		return fmt.Sprintf("%+v", p.Status.ContainerStatuses)
	})
}

func hasReason(p *corev1.Pod, kind corev1.PodConditionType, reason string) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == kind {
			return c.Reason == reason
		}
	}
	return false
}
