package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// jobs are Jobs that end each for a reason of its own, and a CronJob that has
// missed its hour.
const jobs = `apiVersion: batch/v1
kind: Job
metadata: {name: done}
spec:
  parallelism: 2
  completions: 4
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: ["true"]}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: indexed}
spec:
  completionMode: Indexed
  completions: 3
  parallelism: 3
  backoffLimitPerIndex: 3
  podFailurePolicy: {rules: [{action: FailIndex, onExitCodes: {operator: In, values: [42]}}]}
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: [sh, -c, '[ $JOB_COMPLETION_INDEX != 1 ] || exit 42']}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: enough}
spec:
  completionMode: Indexed
  completions: 2
  parallelism: 2
  successPolicy: {rules: [{succeededIndexes: "0"}]}
  template: {spec: {terminationGracePeriodSeconds: 0, restartPolicy: Never, containers: [{name: c, image: busybox, command: [sh, -c, '[ $JOB_COMPLETION_INDEX = 0 ] || sleep 1000000']}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: late}
spec:
  activeDeadlineSeconds: 1
  template: {spec: {terminationGracePeriodSeconds: 0, restartPolicy: Never, containers: [{name: c, image: busybox, command: [sleep, "1000000"]}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: broken}
spec:
  backoffLimit: 0
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: ["false"]}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: suspended}
spec:
  suspend: true
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: ["true"]}]}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: hourly}
spec:
  schedule: "0 * * * *"
  timeZone: Asia/Kathmandu
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: ["true"]}]}}}}
`

func checkJobs(t *testing.T, n *namespace) {
	n.create(jobs)
	ends := func(name string, kind batchv1.JobConditionType, reason string) (j *batchv1.Job) {
		t.Helper()
		n.until(fmt.Sprintf("%s ends as %s because of %s", name, kind, reason), func(ctx context.Context) string {
			var err error
			if j, err = n.client.BatchV1().Jobs(n.name).Get(ctx, name, metav1.GetOptions{}); err != nil {
				return err.Error()
			}
			for _, c := range j.Status.Conditions {
				if c.Type == kind && c.Status == corev1.ConditionTrue && c.Reason == reason {
					return ""
				}
			}
			return fmt.Sprintf("%+v", j.Status)
		})
		return j
	}
	if j := ends("done", batchv1.JobComplete, batchv1.JobReasonCompletionsReached); j.Status.Succeeded != 4 {
		t.Errorf("done: %+v", j.Status)
	}
	j := ends("indexed", batchv1.JobFailed, batchv1.JobReasonFailedIndexes)
	if j.Status.CompletedIndexes != "0,2" || j.Status.FailedIndexes == nil || *j.Status.FailedIndexes != "1" || j.Status.Failed != 1 {
		t.Errorf("indexed: %+v", j.Status)
	}
	if j := ends("enough", batchv1.JobComplete, batchv1.JobReasonSuccessPolicy); j.Status.CompletedIndexes != "0" {
		t.Errorf("enough: %+v", j.Status)
	}
	ends("late", batchv1.JobFailed, batchv1.JobReasonDeadlineExceeded)
	ends("broken", batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded)
	n.event("Job", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
	n.until("what was not needed or late is gone", func(ctx context.Context) string {
		pods, err := n.pods(ctx, "job-name in (enough,late)")
		if err != nil {
			return err.Error()
		}
		for _, p := range pods {
			if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
				return fmt.Sprintf("%s is %s", p.Name, p.Status.Phase)
			}
		}
		return ""
	})
	ends("suspended", batchv1.JobSuspended, "JobSuspended")
	if pods := must(n.pods(t.Context(), "job-name=suspended")); len(pods) != 0 {
		t.Errorf("suspended, and has %d pods", len(pods))
	}
	n.do("patch", "job", "suspended", "-p", `{"spec":{"suspend":false}}`)
	ends("suspended", batchv1.JobComplete, batchv1.JobReasonCompletionsReached)

	before := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
	n.do("patch", "cronjob", "hourly", "--subresource=status", "--type=merge", "-p", `{"status":{"lastScheduleTime":"`+before+`"}}`)
	n.until("the hour that was missed is made up for", func(ctx context.Context) string {
		list, err := n.client.BatchV1().Jobs(n.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		var names []string
		for _, j := range list.Items {
			// An hour begins there when it is a quarter past here.
			if at := j.Annotations[batchv1.CronJobScheduledTimestampAnnotation]; strings.HasPrefix(j.Name, "hourly-") && strings.HasSuffix(at, ":00:00+05:45") && j.Status.Succeeded == 1 {
				return ""
			}
			names = append(names, fmt.Sprint(j.Name, j.Annotations))
		}
		return fmt.Sprint(names)
	})
}

const sets = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: busybox, command: [sleep, "1000000"], env: [{name: TURN, value: "1"}]}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  updateStrategy: {rollingUpdate: {partition: 2}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: busybox, command: [sleep, "1000000"], env: [{name: TURN, value: "1"}]}]
`

// turns are the pods' names, or their nodes', with what TURN says in each that is ready.
func (n *namespace) turns(ctx context.Context, app string, name func(*corev1.Pod) string) string {
	pods, err := n.pods(ctx, "app="+app)
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, p := range pods {
		if isReady(&p) {
			all = append(all, name(&p)+"="+p.Spec.Containers[0].Env[0].Value)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// checkSets updates a DaemonSet and a StatefulSet, and takes each back.
func checkSets(t *testing.T, n *namespace) {
	n.create(sets)
	is := func(app, want string) {
		t.Helper()
		name := func(p *corev1.Pod) string { return p.Name }
		if app == "agent" {
			name = func(p *corev1.Pod) string { return p.Spec.NodeName }
		}
		n.until(app+" is "+want, func(ctx context.Context) string {
			if got := n.turns(ctx, app, name); got != want {
				return got
			}
			return ""
		})
	}
	is("agent", "node-1=1 node-2=1 node-3=1")
	is("db", "db-0=1 db-1=1 db-2=1")
	n.do("set", "env", "daemonset/agent", "statefulset/db", "TURN=2")
	is("agent", "node-1=2 node-2=2 node-3=2")
	is("db", "db-0=1 db-1=1 db-2=2") // the partition keeps the others
	n.until("the StatefulSet says how far it is", func(ctx context.Context) string {
		s, err := n.client.AppsV1().StatefulSets(n.name).Get(ctx, "db", metav1.GetOptions{})
		if err != nil || s.Status.UpdatedReplicas != 1 || s.Status.CurrentReplicas != 2 || s.Status.CurrentRevision == s.Status.UpdateRevision {
			return fmt.Sprintf("%+v %v", s.Status, err)
		}
		return ""
	})
	n.do("delete", "pod", "db-0")
	is("db", "db-0=1 db-1=1 db-2=2") // and brings them back as they were
	n.do("patch", "statefulset", "db", "-p", `{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}`)
	is("db", "db-0=2 db-1=2 db-2=2")
	if out := n.do("exec", "db-1", "--", "hostname"); out != "db-1\n" {
		t.Errorf("db-1 calls itself %q", out)
	}
	n.do("rollout", "undo", "daemonset/agent")
	n.do("rollout", "undo", "statefulset/db")
	is("agent", "node-1=1 node-2=1 node-3=1")
	is("db", "db-0=1 db-1=1 db-2=1")
	for _, app := range []string{"agent", "db"} {
		list := must(n.client.AppsV1().ControllerRevisions(n.name).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app}))
		var revisions []int64
		for _, r := range list.Items {
			revisions = append(revisions, r.Revision)
		}
		if slices.Sort(revisions); !slices.Equal(revisions, []int64{2, 3}) {
			t.Errorf("%s has revisions %v, want 2 and 3, which is 1 again", app, revisions)
		}
	}
	n.do("scale", "statefulset/db", "--replicas=1")
	is("db", "db-0=1")
}
