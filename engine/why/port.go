package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podhop/podhop/engine/model"
)

// unheard is a port of a pod that nobody listens on.
func (c *failure) unheard() *model.Why {
	to, ok := c.destination(c.last)
	pod, protocol := c.pod(c.j.To), v1.Protocol(c.j.Protocol)
	if !ok || pod == nil || c.decision.Table != "" || protocol != v1.ProtocolTCP && protocol != v1.ProtocolUDP {
		return nil
	}
	w := &model.Why{Trap: TrapPort, Sentence: fmt.Sprintf("Nothing in pod %s/%s listens on %s port %d.", pod.Namespace, pod.Name, protocol, to.Port())}
	s, p, at := c.through(protocol)
	if p != nil {
		w.Trap = TrapTargetPort
		w.Sentence = fmt.Sprintf("Service %s sends its port %d on to %s, its targetPort, and nothing in pod %s/%s listens there.", nameOf(s), p.Port, p.TargetPort.String(), pod.Namespace, pod.Name)
		w.Seen = append(w.Seen, c.seen(at), spec(s, fmt.Sprintf("Port %d has targetPort %s.", p.Port, p.TargetPort.String())))
	}
	w.Seen = append(w.Seen, c.seen(c.last))
	declared := declares(pod, protocol)
	it := object("Pod", pod.Namespace, pod.Name)
	var others []uint16 // that may answer
	where := "where the pod listens"
	if heard, ok := c.listening(pod, protocol); ok {
		w.Seen = append(w.Seen, model.Finding{Sentence: heardText(pod, protocol, heard), Object: it})
		for _, a := range heard {
			switch {
			case !a.Addr().IsLoopback():
				others = append(others, a.Port())
			case a.Port() == to.Port():
				w.Sentence = fmt.Sprintf("Pod %s/%s listens on %s only, where nobody but itself comes in.", pod.Namespace, pod.Name, a)
				w.Advice = append(w.Advice, model.Advice{Sentence: fmt.Sprintf("Have its program listen on all addresses (0.0.0.0:%d).", to.Port())})
			}
		}
	} else if where, others = "which its container declares", slices.DeleteFunc(slices.Clone(declared), func(n uint16) bool { return n == to.Port() }); len(declared) > 0 {
		w.Seen = append(w.Seen, model.Finding{Sentence: fmt.Sprintf("Its containers declare %s.", portList(protocol, declared)), Object: it})
	}
	if slices.Contains(declared, to.Port()) {
		w.Seen = append(w.Seen, model.Finding{Sentence: fmt.Sprintf("A container declares port %d. That opens nothing: its program has to.", to.Port()), Object: it})
	}
	slices.Sort(others)
	others = slices.Compact(others)
	switch {
	case len(w.Advice) > 0:
	case p != nil && len(others) == 1:
		w.Advice = append(w.Advice, model.Advice{Sentence: fmt.Sprintf("Have the Service send it to port %d, %s.", others[0], where), Command: retarget(s, p, others[0])})
	case len(others) > 0:
		w.Advice = append(w.Advice, model.Advice{Sentence: fmt.Sprintf("Ask for %s.", portList(protocol, others))})
	}
	if len(others) == 0 {
		w.Advice = append(w.Advice, model.Advice{Sentence: "See what its program says.", Command: fmt.Sprintf("kubectl logs -n %s %s", pod.Namespace, pod.Name)})
	}
	return w
}

// through is the Service's port that led here, and at which hop; nil if none did.
func (c *failure) through(protocol v1.Protocol) (*v1.Service, *v1.ServicePort, int) {
	for i := c.last; i >= 0; i-- {
		d := c.j.Hops[i].Decision
		if d == nil || d.Kind != "dnat" && d.Kind != "conntrack" {
			continue
		}
		if s := c.of(d.Object); s != nil {
			to, _ := c.destination(i)
			return s, portAt(s, protocol, to), i
		}
	}
	return nil, nil, 0
}

// unnamed is a targetPort by a name that no container's port has.
func (c *failure) unnamed(s *v1.Service, p *v1.ServicePort, selected []*v1.Pod) *model.Why {
	var has []string
	for _, q := range selected {
		for _, k := range q.Spec.Containers {
			for _, x := range k.Ports {
				switch {
				case x.Name == p.TargetPort.StrVal:
					return nil
				case x.Name != "" && !slices.Contains(has, x.Name):
					has = append(has, x.Name)
				}
			}
		}
	}
	names := "They name none."
	if len(has) > 0 {
		slices.Sort(has)
		names = "They name " + list(has) + "."
	}
	w := &model.Why{Trap: TrapTargetPort,
		Sentence: fmt.Sprintf("Service %s sends its port %d on to a port that is named %s, and no container of its pods names one so.", nameOf(s), p.Port, p.TargetPort.StrVal),
		Seen:     []model.Finding{c.seen(c.last), spec(s, fmt.Sprintf("Port %d has targetPort %s.", p.Port, p.TargetPort.StrVal)), {Sentence: names, Object: object("Pod", selected[0].Namespace, selected[0].Name)}},
	}
	if len(has) == 1 {
		w.Advice = []model.Advice{{Sentence: fmt.Sprintf("Name the port that they have: %s.", has[0]), Command: retarget(s, p, has[0])}}
	}
	return w
}

// retarget is the command that gives a port another target: a number or a name.
func retarget(s *v1.Service, p *v1.ServicePort, to any) string {
	i := slices.IndexFunc(s.Spec.Ports, func(x v1.ServicePort) bool { return x.Port == p.Port && x.Protocol == p.Protocol })
	value := fmt.Sprint(to)
	if intstr.Parse(value).Type == intstr.String {
		value = strconv.Quote(value)
	}
	return fmt.Sprintf(`kubectl patch service -n %s %s --type=json -p '[{"op":"replace","path":"/spec/ports/%d/targetPort","value":%s}]'`, s.Namespace, s.Name, i, value)
}

func (o *Objects) listening(pod *v1.Pod, protocol v1.Protocol) ([]netip.AddrPort, bool) {
	if o.Listening == nil {
		return nil, false
	}
	return o.Listening(pod, protocol)
}

func heardText(pod *v1.Pod, protocol v1.Protocol, heard []netip.AddrPort) string {
	if len(heard) == 0 {
		return fmt.Sprintf("%s listens on no %s port at all.", pod.Name, protocol)
	}
	var all []string
	for _, a := range heard {
		text := a.String()
		if a.Addr().IsUnspecified() {
			text = fmt.Sprintf("port %d", a.Port())
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return fmt.Sprintf("What %s listens on, of %s: %s.", pod.Name, protocol, list(all))
}

func declares(pod *v1.Pod, protocol v1.Protocol) (all []uint16) {
	for _, k := range pod.Spec.Containers {
		for _, p := range k.Ports {
			if p.Protocol == protocol || p.Protocol == "" && protocol == v1.ProtocolTCP {
				all = append(all, uint16(p.ContainerPort))
			}
		}
	}
	return all
}

func portList(protocol v1.Protocol, all []uint16) string {
	var text []string
	for _, n := range all {
		text = append(text, strconv.Itoa(int(n)))
	}
	word := " port "
	if len(all) > 1 {
		word = " ports "
	}
	return string(protocol) + word + strings.TrimSpace(list(text))
}
