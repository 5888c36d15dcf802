package why

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podhop/podhop/engine/model"
)

// empty is a port of a Service that has no endpoints.
func (c *failure) empty(s *v1.Service, p *v1.ServicePort) *model.Why {
	if len(s.Spec.Selector) == 0 {
		return &model.Why{Trap: TrapSelector,
			Sentence: fmt.Sprintf("Service %s has no selector: it has no endpoints but those that somebody writes for it, and nobody has.", nameOf(s)),
			Seen:     []model.Finding{c.seen(c.last), spec(s, "spec.selector: not set.")},
		}
	}
	all, _ := c.Pods.Pods(s.Namespace).List(labels.Everything())
	all = slices.DeleteFunc(slices.Clone(all), func(q *v1.Pod) bool { return q.Status.Phase == v1.PodSucceeded || q.Status.Phase == v1.PodFailed })
	slices.SortFunc(all, func(a, b *v1.Pod) int { return strings.Compare(a.Name, b.Name) })
	by := labels.SelectorFromSet(s.Spec.Selector)
	var selected, unready []*v1.Pod
	for _, q := range all {
		if by.Matches(labels.Set(q.Labels)) {
			selected = append(selected, q)
			if !isReady(q) {
				unready = append(unready, q)
			}
		}
	}
	switch {
	case len(selected) == 0:
		return c.unselected(s, all)
	case len(unready) == len(selected) && !s.Spec.PublishNotReadyAddresses:
		return c.notReady(s, unready)
	case p.TargetPort.Type == intstr.String:
		return c.unnamed(s, p, selected)
	}
	return nil // it has got some since
}

// unselected is a selector that no pod's labels match.
func (c *failure) unselected(s *v1.Service, all []*v1.Pod) *model.Why {
	text := labelText(s.Spec.Selector, ",")
	w := &model.Why{Trap: TrapSelector,
		Sentence: fmt.Sprintf("Service %s has no endpoints, because no pod of namespace %s has the labels that it selects: %s.", nameOf(s), s.Namespace, text),
		Seen:     []model.Finding{c.seen(c.last), spec(s, "spec.selector: "+text+".")},
	}
	if len(all) == 0 {
		w.Seen = append(w.Seen, model.Finding{Sentence: fmt.Sprintf("Namespace %s has no pods.", s.Namespace), Object: object("Namespace", "", s.Namespace)})
	}
	for i, q := range all {
		if i == 3 {
			w.Seen = append(w.Seen, model.Finding{Sentence: fmt.Sprintf("%d pods more have other labels, too.", len(all)-i)})
			break
		}
		has := labelText(q.Labels, ",")
		if has == "" {
			has = "no labels"
		}
		w.Seen = append(w.Seen, model.Finding{Sentence: fmt.Sprintf("Pod %s/%s has %s.", q.Namespace, q.Name, has), Object: object("Pod", q.Namespace, q.Name)})
	}
	if near := nearest(s.Spec.Selector, all); near != nil {
		w.Advice = []model.Advice{{
			Sentence: fmt.Sprintf("Select %s, which pods here have.", labelText(near, ",")),
			Command:  fmt.Sprintf("kubectl set selector service -n %s %s %s", s.Namespace, s.Name, labelText(near, ",")),
		}}
	} else if elsewhere := c.elsewhere(s); elsewhere != "" {
		w.Advice = []model.Advice{{Sentence: fmt.Sprintf("Namespace %s has pods with these labels, but a Service selects those of its own only: make it there.", elsewhere)}}
	}
	return w
}

// nearest is the selector that is least different from one and selects some of the pods,
// by the same keys; nil if pods have other keys.
func nearest(selector map[string]string, all []*v1.Pod) map[string]string {
	var best map[string]string
	least := -1
	for _, q := range all {
		near, differ := map[string]string{}, 0
		for k, want := range selector {
			has, ok := q.Labels[k]
			if !ok {
				near = nil
				break
			}
			near[k] = has
			differ += distance(want, has)
		}
		if near != nil && (least < 0 || differ < least) {
			best, least = near, differ
		}
	}
	return best
}

// elsewhere is another namespace whose pods a Service would select; empty if none.
func (c *failure) elsewhere(s *v1.Service) string {
	all, _ := c.Pods.List(labels.SelectorFromSet(s.Spec.Selector))
	var in []string
	for _, q := range all {
		in = append(in, q.Namespace)
	}
	if len(in) == 0 {
		return ""
	}
	return slices.Min(in)
}

// notReady is a Service all of whose pods are not fit to be asked.
func (c *failure) notReady(s *v1.Service, unready []*v1.Pod) *model.Why {
	who := "one pod, which is not ready"
	if len(unready) > 1 {
		who = fmt.Sprintf("%d pods, none of which is ready", len(unready))
	}
	w := &model.Why{Trap: TrapNotReady,
		Sentence: fmt.Sprintf("Service %s selects %s: only pods that are ready are asked.", nameOf(s), who),
		Seen:     []model.Finding{c.seen(c.last)},
	}
	for i, q := range unready {
		if i == 3 {
			w.Seen = append(w.Seen, model.Finding{Sentence: fmt.Sprintf("Nor are %d more.", len(unready)-i)})
			break
		}
		w.Seen = append(w.Seen, model.Finding{Sentence: fmt.Sprintf("Pod %s/%s: %s.", q.Namespace, q.Name, unfit(q)), Object: object("Pod", q.Namespace, q.Name)})
	}
	q := unready[0]
	w.Advice = []model.Advice{{
		Sentence: fmt.Sprintf("See what is wrong with %s: its events say it.", q.Name),
		Command:  fmt.Sprintf("kubectl describe pod -n %s %s", q.Namespace, q.Name),
	}}
	return w
}

func isReady(p *v1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == v1.PodReady {
			return c.Status == v1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

// unfit says why a pod is not ready.
func unfit(p *v1.Pod) string {
	if p.DeletionTimestamp != nil {
		return "it is being deleted"
	}
	for _, c := range p.Status.Conditions {
		if c.Type == v1.PodScheduled && c.Status != v1.ConditionTrue {
			return "no node was found for it: " + strings.TrimSuffix(c.Message, ".")
		}
	}
	probed := map[string]*v1.Probe{}
	for _, c := range p.Spec.Containers {
		probed[c.Name] = c.ReadinessProbe
	}
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		switch {
		case c.Ready:
		case c.State.Waiting != nil:
			return fmt.Sprintf("container %s waits: %s", c.Name, strings.TrimSuffix(firstOf(c.State.Waiting.Message, c.State.Waiting.Reason), "."))
		case c.State.Terminated != nil && c.State.Terminated.ExitCode != 0:
			return fmt.Sprintf("container %s has ended with exit code %d", c.Name, c.State.Terminated.ExitCode)
		case c.State.Running != nil && probed[c.Name] != nil:
			return fmt.Sprintf("container %s runs, but its readiness probe (%s) does not succeed", c.Name, probeText(probed[c.Name]))
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == v1.PodReady && c.Message != "" {
			return strings.TrimSuffix(c.Message, ".")
		}
	}
	return "it has not started yet"
}

func probeText(p *v1.Probe) string {
	switch {
	case p.HTTPGet != nil:
		return fmt.Sprintf("GET %s at port %s", firstOf(p.HTTPGet.Path, "/"), p.HTTPGet.Port.String())
	case p.TCPSocket != nil:
		return "a connection to port " + p.TCPSocket.Port.String()
	case p.GRPC != nil:
		return fmt.Sprintf("gRPC at port %d", p.GRPC.Port)
	case p.Exec != nil:
		return strings.Join(p.Exec.Command, " ")
	}
	return "of no kind"
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func labelText(labels map[string]string, between string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, k+"="+labels[k])
	}
	return strings.Join(all, between)
}
