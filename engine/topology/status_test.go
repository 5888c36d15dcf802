package topology

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func parse[T any](t *testing.T, text string) *T {
	t.Helper()
	object := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), object); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return object
}

// The cases are those of TestPrintPod and TestPrintPodWithRestartableInitContainer
// in k8s.io/kubernetes/pkg/printers/internalversion/printers_test.go, with what
// they expect of READY, STATUS and RESTARTS.
func TestPodStatus(t *testing.T) {
	const (
		running    = "state: {running: {}}"
		waiting    = "state: {waiting: {}}"
		terminated = "state: {terminated: {exitCode: 0}}"
		two        = "spec: {containers: [{name: a}, {name: b}]}\n"
		one        = "spec: {containers: [{name: a}]}\n"
		three      = "spec: {containers: [{name: a}, {name: b}, {name: c}]}\n"
		init1      = "spec: {initContainers: [{name: i}], containers: [{name: a}]}\n"
		init2      = "spec: {initContainers: [{name: i}, {name: j}], containers: [{name: a}]}\n"
		sidecars   = "spec: {initContainers: [{name: i, restartPolicy: Always}, {name: j, restartPolicy: Always}], containers: [{name: a}]}\n"
		deleted    = "metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}\n"
	)
	for _, test := range []struct{ pod, want string }{
		{two + "status: {phase: P, containerStatuses: [{ready: true, restartCount: 3, " + running + "}, {restartCount: 3}]}", "1/2 P 6"},
		{two + "status: {phase: P, containerStatuses: [{ready: true, restartCount: 3, " + running + "}, {restartCount: 3, state: {waiting: {reason: W}}}]}", "1/2 W 6"},
		{two + "status: {phase: P, containerStatuses: [{restartCount: 3, state: {waiting: {reason: W}}}, {restartCount: 3, state: {terminated: {reason: T, exitCode: 0}}}]}", "0/2 W 6"},
		{two + "status: {phase: P, containerStatuses: [{ready: true, restartCount: 3, " + running + "}, {ready: true, restartCount: 3}]}", "1/2 P 6"},
		{two + "status: {phase: P, reason: R, containerStatuses: [{ready: true, restartCount: 3, " + running + "}, {ready: true, restartCount: 3}]}", "1/2 R 6"},
		{two + "status: {phase: Running, containerStatuses: [{ready: true, restartCount: 3, state: {terminated: {reason: Completed, exitCode: 0}}}, {ready: true, restartCount: 3, " + running + "}]}", "1/2 NotReady 6"},
		{two + "status: {phase: Running, conditions: [{type: Ready, status: 'True'}], containerStatuses: [{ready: true, restartCount: 3, state: {terminated: {reason: Completed, exitCode: 0}}}, {ready: true, restartCount: 3, " + running + "}]}", "1/2 Running 6"},
		{init1 + "status: {phase: P, initContainerStatuses: [{restartCount: 3, " + running + "}], containerStatuses: [{" + waiting + "}]}", "0/1 Init:0/1 3"},
		{init2 + "status: {phase: P, initContainerStatuses: [{restartCount: 3, " + running + "}, {" + waiting + "}], containerStatuses: [{" + waiting + "}]}", "0/1 Init:0/2 3"},
		{init2 + "status: {phase: P, initContainerStatuses: [{" + terminated + "}, {restartCount: 3, " + running + "}], containerStatuses: [{" + waiting + "}]}", "0/1 Init:1/2 3"},
		{init2 + "status: {phase: P, initContainerStatuses: [{restartCount: 2, " + terminated + "}, {restartCount: 3, " + running + "}], containerStatuses: [{" + waiting + "}]}", "0/1 Init:1/2 5"},
		{init1 + "status: {phase: Running, initContainerStatuses: [{restartCount: 2, " + terminated + "}], containerStatuses: [{restartCount: 4, " + running + "}]}", "0/1 Running 4"},
		{one + "status: {phase: Running, containerStatuses: [{ready: true, restartCount: 3, " + running + "}]}", "1/1 Running 3"},
		{two + "status: {phase: Running, containerStatuses: [{ready: true, " + running + "}, {ready: true, restartCount: 3, " + running + "}]}", "2/2 Running 3"},
		{two + "status: {phase: P, conditions: [{type: PodScheduled, status: 'False', reason: SchedulingGated}]}", "0/2 SchedulingGated 0"},
		{one + "status: {phase: Succeeded, containerStatuses: [{state: {terminated: {reason: Completed, exitCode: 0}}}]}", "0/1 Completed 0"},
		{one + "status: {phase: Failed, containerStatuses: [{state: {terminated: {reason: Error, exitCode: 1}}}]}", "0/1 Error 0"},
		{deleted + one + "status: {phase: Succeeded, containerStatuses: [{state: {terminated: {reason: Completed, exitCode: 0}}}]}", "0/1 Completed 0"},
		{deleted + one + "status: {phase: Running, containerStatuses: [{" + running + "}]}", "0/1 Terminating 0"},
		{deleted + one + "status: {phase: Pending}", "0/1 Terminating 0"},
		{deleted + one + "status: {phase: Running, reason: NodeLost}", "0/1 Unknown 0"},
		{two + "status: {phase: Failed, containerStatuses: [{state: {terminated: {reason: podCrash, exitCode: 1}}}, {ready: true, " + running + "}]}", "1/2 podCrash 0"},
		{two + "status: {phase: Failed, containerStatuses: [{ready: true, " + running + "}, {state: {terminated: {reason: podCrash, exitCode: 1}}}]}", "1/2 podCrash 0"},
		{three + "status: {phase: Failed, containerStatuses: [{ready: true, " + running + "}, {ready: true, state: {terminated: {reason: podCrash, exitCode: 1}}}, {ready: true, " + terminated + "}]}", "1/3 podCrash 0"},
		{three + "status: {phase: Failed, containerStatuses: [{" + running + "}, {state: {terminated: {reason: podCrash, exitCode: 1}}}, {" + terminated + "}]}", "0/3 podCrash 0"},
		{sidecars + "status: {phase: Pending, initContainerStatuses: [{name: i, started: false, restartCount: 3, " + running + "}, {name: j, started: false, " + waiting + "}], containerStatuses: [{" + waiting + "}], conditions: [{type: Initialized, status: 'False'}]}", "0/3 Init:0/2 3"},
		{sidecars + "status: {phase: Pending, initContainerStatuses: [{name: i, started: true, restartCount: 3, " + running + "}, {name: j, started: false, " + running + "}], containerStatuses: [{" + waiting + "}], conditions: [{type: Initialized, status: 'False'}]}", "0/3 Init:1/2 3"},
		{sidecars + "status: {phase: Running, initContainerStatuses: [{name: i, started: true, restartCount: 3, " + running + "}, {name: j, started: true, " + running + "}], containerStatuses: [{ready: true, restartCount: 4, " + running + "}], conditions: [{type: Initialized, status: 'True'}]}", "1/3 Running 7"},
		{sidecars + "status: {phase: Succeeded, initContainerStatuses: [{name: i, started: false, restartCount: 3, state: {terminated: {reason: Error, exitCode: 137}}}, {name: j, started: false, state: {terminated: {reason: Error, exitCode: 137}}}], containerStatuses: [{restartCount: 4, state: {terminated: {reason: Completed, exitCode: 0}}}], conditions: [{type: Initialized, status: 'True'}]}", "0/3 Completed 7"},
		{"spec: {initContainers: [{name: i}, {name: s, restartPolicy: Always}], containers: [{name: a}]}\nstatus: {phase: Running, initContainerStatuses: [{name: none}, {name: i}, {name: s}], containerStatuses: [{name: none}, {name: a}]}", "0/2 Init:0/2 0"},
		// Beyond those: exits without a reason.
		{one + "status: {phase: Running, containerStatuses: [{state: {terminated: {exitCode: 2}}}]}", "0/1 ExitCode:2 0"},
		{one + "status: {phase: Running, containerStatuses: [{state: {terminated: {exitCode: 2, signal: 9}}}]}", "0/1 Signal:9 0"},
		{init1 + "status: {phase: Pending, initContainerStatuses: [{state: {terminated: {exitCode: 2}}}]}", "0/1 Init:ExitCode:2 0"},
		{init1 + "status: {phase: Pending, initContainerStatuses: [{state: {terminated: {exitCode: 2, signal: 9}}}]}", "0/1 Init:Signal:9 0"},
		{init1 + "status: {phase: Pending, initContainerStatuses: [{state: {terminated: {exitCode: 2, reason: Error}}}]}", "0/1 Init:Error 0"},
		{init1 + "status: {phase: Pending, initContainerStatuses: [{state: {waiting: {reason: CrashLoopBackOff}}}]}", "0/1 Init:CrashLoopBackOff 0"},
		{init1 + "status: {phase: Pending, initContainerStatuses: [{state: {waiting: {reason: PodInitializing}}}]}", "0/1 Init:0/1 0"},
	} {
		p := podStatus(parse[corev1.Pod](t, test.pod))
		if got := fmt.Sprintf("%d/%d %s %d", p.ready, p.containers, p.reason, p.restarts); got != test.want {
			t.Errorf("got %s, want %s, of\n%s", got, test.want, test.pod)
		}
	}
}

func TestPodMessage(t *testing.T) {
	for _, test := range []struct{ status, want string }{
		{"{}", ""},
		{"{message: evicted}", "evicted"},
		{"{containerStatuses: [{name: a, state: {waiting: {reason: ImagePullBackOff, message: 'no such image'}}}]}", "a: no such image"},
		{"{containerStatuses: [{name: a, state: {terminated: {exitCode: 1, message: out}}}, {name: b, state: {terminated: {exitCode: 0, message: fine}}}]}", "a: out"},
		{"{conditions: [{type: PodScheduled, status: 'False', message: '0/3 nodes are available'}]}", "0/3 nodes are available"},
		{"{initContainerStatuses: [{name: i, state: {waiting: {message: x}}}], containerStatuses: [{name: a, state: {waiting: {message: z}}}]}", "i: x; a: z"},
	} {
		if got := podMessage(parse[corev1.Pod](t, "status: "+test.status)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.status, got, test.want)
		}
	}
}

// The cases are those of TestPrintNodeStatus beside the ones above.
func TestNodeStatus(t *testing.T) {
	for _, test := range []struct{ node, want string }{
		{"status: {conditions: [{type: Ready, status: 'True'}]}", "Ready true "},
		{"spec: {unschedulable: true}\nstatus: {conditions: [{type: Ready, status: 'True'}]}", "Ready,SchedulingDisabled true "},
		{"status: {conditions: [{type: Ready, status: 'True'}, {type: MemoryPressure, status: 'True'}]}", "Ready true "},
		{"status: {conditions: [{type: Ready, status: 'False', message: 'kubelet stopped'}]}", "NotReady false kubelet stopped"},
		{"spec: {unschedulable: true}\nstatus: {conditions: [{type: Ready, status: 'False'}]}", "NotReady,SchedulingDisabled false "},
		{"status: {conditions: [{type: Ready, status: Unknown}]}", "NotReady false "},
		{"status: {conditions: [{type: InvalidValue, status: 'True'}]}", "Unknown false "},
		{"status: {conditions: [{}]}", "Unknown false "},
		{"spec: {unschedulable: true}\nstatus: {conditions: [{type: InvalidValue, status: 'True'}]}", "Unknown,SchedulingDisabled false "},
		{"spec: {unschedulable: true}", "Unknown,SchedulingDisabled false "},
	} {
		status, ready, message := nodeStatus(parse[corev1.Node](t, test.node))
		if got := fmt.Sprint(status, " ", ready, " ", message); got != test.want {
			t.Errorf("got %q, want %q, of\n%s", got, test.want, test.node)
		}
	}
}

func TestJobStatus(t *testing.T) {
	condition := func(kinds ...string) string {
		var list []string
		for _, kind := range kinds {
			list = append(list, "{type: "+kind+", status: 'True', message: because}")
		}
		return "status: {conditions: [" + strings.Join(list, ", ") + "]}"
	}
	const deleted = "metadata: {deletionTimestamp: '2026-01-01T00:00:00Z'}\n"
	for _, test := range []struct{ job, want string }{
		{"{}", "Running "},
		{condition("Complete"), "Complete because"},
		{condition("SuccessCriteriaMet", "Complete"), "Complete because"},
		{condition("FailureTarget", "Failed"), "Failed because"},
		{condition("FailureTarget"), "FailureTarget because"},
		{condition("SuccessCriteriaMet"), "SuccessCriteriaMet because"},
		{condition("Suspended"), "Suspended because"},
		{deleted + condition("Suspended"), "Terminating "},
		{deleted + condition("Complete"), "Complete because"},
		{"status: {conditions: [{type: Complete, status: 'False'}]}", "Running "},
	} {
		status, message := jobStatus(parse[batchv1.Job](t, test.job))
		if got := status + " " + message; got != test.want {
			t.Errorf("got %q, want %q, of\n%s", got, test.want, test.job)
		}
	}
}
