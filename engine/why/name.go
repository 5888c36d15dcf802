package why

import (
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/podhop/podhop/engine/model"
)

// noSuchName is how the summary of a DNS answer ends that denies a name.
const noSuchName = " no such name"

// denied is a question to DNS for a Service that is not there.
func (c *failure) denied() *model.Why {
	_, name, ok := strings.Cut(strings.TrimSuffix(c.j.Summary, noSuchName), "? ")
	if !ok {
		return nil
	}
	service, namespace, ok := c.serviceName(strings.TrimSuffix(name, "."), "")
	if !ok {
		return nil
	}
	w := c.missing(service, namespace)
	if w == nil || len(w.Advice) == 0 {
		return nil // a resolver that goes through its search list is told so all the time
	}
	w.Seen = append([]model.Finding{{Sentence: fmt.Sprintf("DNS was asked for %s, and answered that there is no such name.", name), Journey: c.j.ID, Hop: c.last}}, w.Seen...)
	return w
}

// Name says why a pod of a namespace does not find a host; nil if it should, or if the
// name is not one of the cluster's Services.
func (o *Objects) Name(host, namespace string) *model.Why {
	service, in, ok := o.serviceName(strings.TrimSuffix(host, "."), namespace)
	if !ok {
		return nil
	}
	w := o.missing(service, in)
	if w != nil && len(w.Advice) == 0 && strings.Count(host, ".") == 1 {
		if _, err := o.Namespaces.Get(in); err != nil {
			return nil // example.com is nothing of the cluster's
		}
	}
	return w
}

// serviceName reads SERVICE, SERVICE.NAMESPACE, SERVICE.NAMESPACE.svc and
// SERVICE.NAMESPACE.svc.ZONE. Without a namespace of the asker's, only the last.
func (o *Objects) serviceName(host, own string) (service, namespace string, ok bool) {
	host = strings.ToLower(host)
	short, whole := strings.CutSuffix(host, ".svc."+o.Zone)
	if own == "" && !whole {
		return "", "", false
	}
	if !whole {
		short = strings.TrimSuffix(host, ".svc")
	}
	service, namespace, dotted := strings.Cut(short, ".")
	if !dotted {
		namespace = own
	}
	return service, namespace, service != "" && namespace != "" && !strings.Contains(namespace, ".") && (dotted || short == host)
}

// missing says what there is instead of a Service; nil if it is there.
func (o *Objects) missing(name, namespace string) *model.Why {
	if _, err := o.Services.Services(namespace).Get(name); err == nil {
		return nil
	}
	w := &model.Why{Trap: TrapName, Sentence: fmt.Sprintf("There is no Service %s in namespace %s.", name, namespace)}
	_, err := o.Namespaces.Get(namespace)
	there := err == nil
	if !there {
		w.Sentence = fmt.Sprintf("There is no namespace %s.", namespace)
	}
	all, _ := o.Services.List(labels.Everything())
	slices.SortFunc(all, func(a, b *v1.Service) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	// Of its own name elsewhere, first where it may have been meant.
	var elsewhere, here []*v1.Service
	for _, s := range all {
		switch {
		case s.Name == name:
			elsewhere = append(elsewhere, s)
		case s.Namespace == namespace:
			here = append(here, s)
		}
	}
	slices.SortStableFunc(elsewhere, func(a, b *v1.Service) int {
		return distance(a.Namespace, namespace) - distance(b.Namespace, namespace)
	})
	if near := similar(name, here); near != nil && len(elsewhere) == 0 {
		elsewhere = append(elsewhere, near)
	}
	switch {
	case len(elsewhere) > 0:
		s := elsewhere[0]
		w.Sentence += fmt.Sprintf(" There is a Service %s in namespace %s: ask for %s.%s.", s.Name, s.Namespace, s.Name, s.Namespace)
		if there {
			w.Sentence += " A name without a namespace is looked for in the asker's own."
		}
		if s.Namespace == namespace {
			w.Sentence = fmt.Sprintf("There is no Service %s in namespace %s, but one called %s: ask for %[3]s.%[2]s.", name, namespace, s.Name)
		}
		w.Seen = append(w.Seen, spec(s, fmt.Sprintf("Service %s.", nameOf(s))))
		w.Advice = []model.Advice{{Sentence: fmt.Sprintf("Ask for %s.%s.", s.Name, s.Namespace), Command: ""}}
	case there && len(here) > 0:
		var names []string
		for _, s := range here {
			names = append(names, s.Name)
		}
		w.Seen = append(w.Seen, model.Finding{Sentence: fmt.Sprintf("Its Services: %s.", list(names)), Object: object("Namespace", "", namespace)})
	case there:
		w.Seen = append(w.Seen, model.Finding{Sentence: "It has no Services.", Object: object("Namespace", "", namespace)})
	}
	return w
}

// similar is the Service whose name is a slip of the pen away; nil if none is.
func similar(name string, all []*v1.Service) (near *v1.Service) {
	least := 3 // two letters
	for _, s := range all {
		if d := distance(name, s.Name); d < least && d < len(name) {
			near, least = s, d
		}
	}
	return near
}

// distance is how many letters must be put in, left out or changed (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for i := range row {
		row[i] = i
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for k := range len(b) {
			change := before
			if a[i] != b[k] {
				change++
			}
			before = row[k+1]
			row[k+1] = min(change, row[k]+1, before+1)
		}
	}
	return row[len(b)]
}
