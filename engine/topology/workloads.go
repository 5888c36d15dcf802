package topology

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/model"
)

// workloads adds what owns pods. Their STATUS is kubectl's READY, "2/3", where it
// has no STATUS of its own; Ready says that all that is wanted is there.
func workloads(o *Objects, g *model.Graph) {
	add := func(v model.Vertex, want, have int32, messages ...string) {
		v.Want, v.Have = int(want), int(have)
		v.Status, v.Ready = fmt.Sprintf("%d/%d", have, want), have >= want
		v.Message = join(messages)
		g.Vertices = append(g.Vertices, v)
	}
	for _, d := range o.Deployments {
		var messages []string
		for _, c := range d.Status.Conditions {
			failed := c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue ||
				c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse
			if failed {
				messages = append(messages, c.Message)
			}
		}
		add(vertex("Deployment", &d.ObjectMeta), replicas(d.Spec.Replicas), d.Status.ReadyReplicas, messages...)
	}
	for _, rs := range o.ReplicaSets {
		var messages []string
		for _, c := range rs.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
				messages = append(messages, c.Message)
			}
		}
		add(vertex("ReplicaSet", &rs.ObjectMeta), replicas(rs.Spec.Replicas), rs.Status.ReadyReplicas, messages...)
	}
	for _, rc := range o.ReplicationControllers {
		var messages []string
		for _, c := range rc.Status.Conditions {
			if c.Type == corev1.ReplicationControllerReplicaFailure && c.Status == corev1.ConditionTrue {
				messages = append(messages, c.Message)
			}
		}
		add(vertex("ReplicationController", &rc.ObjectMeta), replicas(rc.Spec.Replicas), rc.Status.ReadyReplicas, messages...)
	}
	for _, s := range o.StatefulSets {
		add(vertex("StatefulSet", &s.ObjectMeta), replicas(s.Spec.Replicas), s.Status.ReadyReplicas)
	}
	for _, d := range o.DaemonSets {
		add(vertex("DaemonSet", &d.ObjectMeta), d.Status.DesiredNumberScheduled, d.Status.NumberReady)
	}
	for _, job := range o.Jobs {
		v := vertex("Job", &job.ObjectMeta)
		v.Status, v.Message = jobStatus(job)
		v.Ready = v.Status == "Complete"
		v.Want, v.Have = 1, int(job.Status.Succeeded)
		if job.Spec.Completions != nil {
			v.Want = int(*job.Spec.Completions)
		}
		g.Vertices = append(g.Vertices, v)
	}
	for _, cron := range o.CronJobs {
		v := vertex("CronJob", &cron.ObjectMeta)
		v.Status, v.Ready, v.Have = cron.Spec.Schedule, true, len(cron.Status.Active)
		if cron.Spec.Suspend != nil && *cron.Spec.Suspend {
			v.Ready, v.Message = false, "suspended"
		}
		g.Vertices = append(g.Vertices, v)
	}
}

// replicas is one where the API has not defaulted it yet.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// jobStatus is printJob of k8s.io/kubernetes/pkg/printers/internalversion.
func jobStatus(job *batchv1.Job) (status, message string) {
	for _, want := range []struct {
		condition batchv1.JobConditionType
		status    string
	}{
		{batchv1.JobComplete, "Complete"},
		{batchv1.JobFailed, "Failed"},
		{"", "Terminating"},
		{batchv1.JobSuspended, "Suspended"},
		{batchv1.JobFailureTarget, "FailureTarget"},
		{batchv1.JobSuccessCriteriaMet, "SuccessCriteriaMet"},
	} {
		if want.condition == "" {
			if job.DeletionTimestamp != nil {
				return want.status, ""
			}
			continue
		}
		for _, c := range job.Status.Conditions {
			if c.Type == want.condition && c.Status == corev1.ConditionTrue {
				return want.status, c.Message
			}
		}
	}
	return "Running", ""
}
