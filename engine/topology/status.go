package topology

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// A podColumns is what kubectl get pods shows: READY, STATUS and RESTARTS.
type podColumns struct {
	reason            string
	ready, containers int
	restarts          int
}

// podStatus is printPod of k8s.io/kubernetes/pkg/printers/internalversion, over
// the v1 types: the two must agree, case by case.
func podStatus(pod *corev1.Pod) podColumns {
	p := podColumns{reason: string(pod.Status.Phase), containers: len(pod.Spec.Containers)}
	if pod.Status.Reason != "" {
		p.reason = pod.Status.Reason
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonSchedulingGated {
			p.reason = corev1.PodReasonSchedulingGated
		}
	}
	sidecars := map[string]bool{}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sidecars[c.Name] = true
			p.containers++
		}
	}
	sidecarRestarts, initializing := p.initContainers(pod, sidecars)
	if !initializing || podCondition(pod, corev1.PodInitialized) {
		p.restarts = sidecarRestarts
		p.mainContainers(pod)
	}
	switch terminal := pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded; {
	case pod.DeletionTimestamp == nil:
	case pod.Status.Reason == "NodeLost": // k8s.io/kubernetes/pkg/util/node.NodeUnreachablePodReason
		p.reason = "Unknown"
	case !terminal:
		p.reason = "Terminating"
	}
	return p
}

// initContainers folds the init containers in, up to the first that is not done.
func (p *podColumns) initContainers(pod *corev1.Pod, sidecars map[string]bool) (sidecarRestarts int, initializing bool) {
	for i := range pod.Status.InitContainerStatuses {
		c := &pod.Status.InitContainerStatuses[i]
		p.restarts += int(c.RestartCount)
		if sidecars[c.Name] {
			sidecarRestarts += int(c.RestartCount)
		}
		switch {
		case c.State.Terminated != nil && c.State.Terminated.ExitCode == 0:
			continue
		case sidecars[c.Name] && c.Started != nil && *c.Started:
			if c.Ready {
				p.ready++
			}
			continue
		case c.State.Terminated != nil && c.State.Terminated.Reason != "":
			p.reason = "Init:" + c.State.Terminated.Reason
		case c.State.Terminated != nil:
			p.reason = "Init:" + exitReason(c.State.Terminated)
		case c.State.Waiting != nil && c.State.Waiting.Reason != "" && c.State.Waiting.Reason != "PodInitializing":
			p.reason = "Init:" + c.State.Waiting.Reason
		default:
			p.reason = fmt.Sprintf("Init:%d/%d", i, len(pod.Spec.InitContainers))
		}
		return sidecarRestarts, true
	}
	return sidecarRestarts, false
}

func (p *podColumns) mainContainers(pod *corev1.Pod) {
	running, failed := false, ""
	for i := range slices.Backward(pod.Status.ContainerStatuses) {
		c := &pod.Status.ContainerStatuses[i]
		p.restarts += int(c.RestartCount)
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			p.reason = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			p.reason = c.State.Terminated.Reason
			if p.reason == "" {
				p.reason = exitReason(c.State.Terminated)
			}
			if c.State.Terminated.ExitCode != 0 {
				failed = p.reason
			}
		case c.Ready && c.State.Running != nil:
			running = true
			p.ready++
		}
	}
	if p.reason != "Completed" {
		return
	}
	// One container is done, but others may tell more.
	switch {
	case running && podCondition(pod, corev1.PodReady):
		p.reason = "Running"
	case failed != "":
		p.reason = failed
	case running:
		p.reason = "NotReady"
	}
}

func exitReason(t *corev1.ContainerStateTerminated) string {
	if t.Signal != 0 {
		return fmt.Sprintf("Signal:%d", t.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", t.ExitCode)
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// podMessage is why a pod is not what it should be, as far as the API says.
func podMessage(pod *corev1.Pod) string {
	var messages []string
	if pod.Status.Message != "" {
		messages = append(messages, pod.Status.Message)
	}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range list {
			if w := list[i].State.Waiting; w != nil && w.Message != "" {
				messages = append(messages, list[i].Name+": "+w.Message)
			} else if t := list[i].State.Terminated; t != nil && t.Message != "" && t.ExitCode != 0 {
				messages = append(messages, list[i].Name+": "+t.Message)
			}
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Message != "" {
			messages = append(messages, c.Message)
		}
	}
	return join(messages)
}

// nodeStatus is printNode of k8s.io/kubernetes/pkg/printers/internalversion, and
// the kubelet's words where it is not ready.
func nodeStatus(node *corev1.Node) (status string, ready bool, message string) {
	words := []string{"Unknown"}
	for _, c := range node.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		if ready = c.Status == corev1.ConditionTrue; ready {
			words[0] = "Ready"
		} else {
			words[0], message = "NotReady", c.Message
		}
	}
	if node.Spec.Unschedulable {
		words = append(words, "SchedulingDisabled")
	}
	return strings.Join(words, ","), ready, message
}
