package topology

import (
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podhop/podhop/engine/model"
)

// ingresses adds the Ingresses, and an edge from each to the Services behind it.
// It is called when the graph has its Services.
func ingresses(o *Objects, g *model.Graph) {
	if len(o.Ingresses) == 0 {
		return
	}
	known := map[string]bool{}
	for i := range g.Vertices {
		known[g.Vertices[i].ID] = true
	}
	for _, ingress := range o.Ingresses {
		v := vertex("Ingress", &ingress.ObjectMeta)
		for _, at := range ingress.Status.LoadBalancer.Ingress {
			if at.IP != "" {
				v.External = append(v.External, at.IP)
			} else if at.Hostname != "" {
				v.External = append(v.External, at.Hostname)
			}
		}
		v.Status, v.Ready = "no address", len(v.External) > 0
		if v.Ready {
			v.Status = "served"
		}
		v.Rules, v.Facts = ingressRules(ingress), ingressFacts(ingress)
		var missing []string
		for _, rule := range v.Rules {
			if rule.To == "" {
				continue
			}
			edge := model.Edge{ID: v.ID + "->" + rule.To, Kind: "backend", From: v.ID, To: rule.To, Ready: true}
			switch {
			case !known[rule.To]:
				missing = append(missing, "there is no Service "+rule.To[strings.LastIndex(rule.To, "/")+1:])
			case !slices.Contains(g.Edges, edge):
				g.Edges = append(g.Edges, edge)
			}
		}
		slices.Sort(missing)
		v.Message = join(slices.Compact(missing))
		g.Vertices = append(g.Vertices, v)
	}
}

func ingressRules(ingress *networkingv1.Ingress) []model.Rule {
	var rules []model.Rule
	add := func(rule model.Rule, backend *networkingv1.IngressBackend) {
		switch {
		case backend.Service != nil:
			rule.To = ID("Service", ingress.Namespace, backend.Service.Name)
			if rule.Port = backend.Service.Port.Name; rule.Port == "" {
				rule.Port = strconv.Itoa(int(backend.Service.Port.Number))
			}
		case backend.Resource != nil:
			rule.Text += " to " + backend.Resource.Kind + " " + backend.Resource.Name
		}
		rules = append(rules, rule)
	}
	for i := range ingress.Spec.Rules {
		rule := &ingress.Spec.Rules[i]
		if rule.HTTP == nil {
			rules = append(rules, model.Rule{Host: rule.Host, Text: "to the default backend"})
			continue
		}
		for k := range rule.HTTP.Paths {
			path := &rule.HTTP.Paths[k]
			r := model.Rule{Host: rule.Host, Path: path.Path}
			if path.PathType != nil {
				r.Text = string(*path.PathType)
			}
			add(r, &path.Backend)
		}
	}
	if ingress.Spec.DefaultBackend != nil {
		add(model.Rule{Text: "everything else"}, ingress.Spec.DefaultBackend)
	}
	return rules
}

func ingressFacts(ingress *networkingv1.Ingress) []model.Fact {
	var f facts
	class := "none"
	if c := ingress.Spec.IngressClassName; c != nil {
		class = *c
	} else if c := ingress.Annotations["kubernetes.io/ingress.class"]; c != "" {
		class = c
	}
	f.add("Class", class)
	for i := range ingress.Spec.TLS {
		tls := &ingress.Spec.TLS[i]
		hosts := strings.Join(tls.Hosts, ", ")
		if hosts == "" {
			hosts = "any host"
		}
		if tls.SecretName != "" {
			hosts += ", Secret " + tls.SecretName
		}
		f.add("TLS", hosts)
	}
	return f
}
