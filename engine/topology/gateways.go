package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/podhop/podhop/engine/model"
)

// gateways adds Gateways and the routes that are attached to them, and edges from
// each Gateway to its routes and from each route to the Services behind it. It is
// called when the graph has its Services.
func gateways(o *Objects, g *model.Graph) {
	if len(o.Gateways)+len(o.HTTPRoutes)+len(o.GRPCRoutes) == 0 {
		return
	}
	for _, gateway := range o.Gateways {
		g.Vertices = append(g.Vertices, gatewayVertex(gateway))
	}
	known := map[string]bool{}
	for i := range g.Vertices {
		known[g.Vertices[i].ID] = true
	}
	for _, r := range o.HTTPRoutes {
		v := vertex("HTTPRoute", &r.ObjectMeta)
		v.Rules = withHosts(r.Spec.Hostnames, httpRules(r))
		route(g, known, v, r.Spec.ParentRefs, r.Status.Parents)
	}
	for _, r := range o.GRPCRoutes {
		v := vertex("GRPCRoute", &r.ObjectMeta)
		v.Rules = withHosts(r.Spec.Hostnames, grpcRules(r))
		route(g, known, v, r.Spec.ParentRefs, r.Status.Parents)
	}
}

func gatewayVertex(gateway *gatewayv1.Gateway) model.Vertex {
	v := vertex("Gateway", &gateway.ObjectMeta)
	for _, at := range gateway.Status.Addresses {
		v.External = append(v.External, at.Value)
	}
	v.Status = "no controller"
	for i := range gateway.Status.Conditions {
		c := &gateway.Status.Conditions[i]
		v.Conditions = append(v.Conditions, conditionOf(c))
		if c.Type != string(gatewayv1.GatewayConditionProgrammed) {
			continue
		}
		if v.Status, v.Ready = c.Type, c.Status == metav1.ConditionTrue; !v.Ready {
			v.Status, v.Message = c.Reason, c.Message
		}
	}
	var f facts
	f.add("Class", string(gateway.Spec.GatewayClassName))
	for i := range gateway.Spec.Listeners {
		l := &gateway.Spec.Listeners[i]
		words := []string{string(l.Name), fmt.Sprintf("%s on port %d", l.Protocol, l.Port)}
		if l.Hostname != nil && *l.Hostname != "" {
			words = append(words, string(*l.Hostname))
		}
		if l.TLS != nil {
			for _, ref := range l.TLS.CertificateRefs {
				words = append(words, "Secret "+string(ref.Name))
			}
		}
		for _, status := range gateway.Status.Listeners {
			if status.Name == l.Name {
				words = append(words, counted(int(status.AttachedRoutes), "route"))
			}
		}
		f.add("Listener", words...)
		port := model.Port{Protocol: "TCP", Port: int(l.Port)}
		if l.Protocol == gatewayv1.UDPProtocolType {
			port.Protocol = "UDP"
		}
		if !slices.Contains(v.Ports, port) { // listeners of several hosts share one
			v.Ports = append(v.Ports, port)
		}
	}
	v.Facts = f
	return v
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func conditionOf(c *metav1.Condition) model.Condition {
	return model.Condition{Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: c.Message}
}

// route adds a route that has its rules. It is attached to the parents that have
// accepted it; without a controller that says so, to none.
func route(g *model.Graph, known map[string]bool, v model.Vertex, refs []gatewayv1.ParentReference, parents []gatewayv1.RouteParentStatus) {
	var f facts
	var problems []string
	for i := range refs {
		ref := &refs[i]
		words := string(ref.Name)
		if ref.Namespace != nil {
			words = string(*ref.Namespace) + "/" + words
		}
		if ref.SectionName != nil {
			words += ", listener " + string(*ref.SectionName)
		}
		if ref.Port != nil {
			words += fmt.Sprintf(", port %d", *ref.Port)
		}
		f.add("Parent", words)
		if id := parentID(v.Namespace, ref); id != "" && !known[id] {
			problems = append(problems, "there is no Gateway "+string(ref.Name))
		}
	}
	v.Facts = f
	v.Status = "not attached"
	for i := range parents {
		parent := &parents[i]
		for k := range parent.Conditions {
			c := &parent.Conditions[k]
			v.Conditions = append(v.Conditions, conditionOf(c))
			accepted := c.Type == string(gatewayv1.RouteConditionAccepted)
			switch {
			case c.Status == metav1.ConditionFalse && (accepted || c.Type == string(gatewayv1.RouteConditionResolvedRefs)):
				v.Status = c.Reason
				problems = append(problems, c.Message)
			case accepted && c.Status == metav1.ConditionTrue:
				id := parentID(v.Namespace, &parent.ParentRef)
				edge := model.Edge{ID: id + "->" + v.ID, Kind: "parent", From: id, To: v.ID, Ready: true}
				if known[id] && !slices.Contains(g.Edges, edge) { // once for several listeners
					g.Edges = append(g.Edges, edge)
				}
				if v.Status == "not attached" {
					v.Status = c.Type
				}
			}
		}
	}
	v.Ready = v.Status == string(gatewayv1.RouteConditionAccepted)
	for _, rule := range v.Rules {
		edge := model.Edge{ID: v.ID + "->" + rule.To, Kind: "backend", From: v.ID, To: rule.To, Ready: true}
		if known[rule.To] && !slices.Contains(g.Edges, edge) {
			g.Edges = append(g.Edges, edge)
		}
	}
	slices.Sort(problems)
	v.Message = join(slices.Compact(problems))
	g.Vertices = append(g.Vertices, v)
}

// parentID is the vertex of a Gateway, empty for parents of other kinds.
func parentID(namespace string, ref *gatewayv1.ParentReference) string {
	if ref.Kind != nil && *ref.Kind != "Gateway" || ref.Group != nil && *ref.Group != gatewayv1.GroupName {
		return ""
	}
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	return ID("Gateway", namespace, string(ref.Name))
}

// withHosts are the rules for each of a route's hosts, in the order of the hosts.
func withHosts(hosts []gatewayv1.Hostname, rules []model.Rule) []model.Rule {
	if len(hosts) == 0 {
		return rules
	}
	var all []model.Rule
	for _, host := range hosts {
		for _, rule := range rules {
			rule.Host = string(host)
			all = append(all, rule)
		}
	}
	return all
}

func httpRules(r *gatewayv1.HTTPRoute) (rules []model.Rule) {
	for i := range r.Spec.Rules {
		rule := &r.Spec.Rules[i]
		var matches []model.Rule
		for k := range rule.Matches {
			m := &rule.Matches[k]
			var line model.Rule
			var words []string
			if m.Path != nil && m.Path.Value != nil {
				line.Path = *m.Path.Value
				if m.Path.Type != nil {
					words = append(words, string(*m.Path.Type))
				}
			}
			if m.Method != nil {
				words = append(words, string(*m.Method))
			}
			for _, h := range m.Headers {
				words = append(words, fmt.Sprintf("header %s=%s", h.Name, h.Value))
			}
			for _, q := range m.QueryParams {
				words = append(words, fmt.Sprintf("query %s=%s", q.Name, q.Value))
			}
			line.Text = strings.Join(words, ", ")
			matches = append(matches, line)
		}
		filters := each(rule.Filters, func(f *gatewayv1.HTTPRouteFilter) string { return string(f.Type) })
		backends := each(rule.BackendRefs, func(b *gatewayv1.HTTPBackendRef) gatewayv1.BackendRef { return b.BackendRef })
		rules = append(rules, routeRules(r.Namespace, i, matches, filters, backends)...)
	}
	return rules
}

// grpcRules have of a method the path that it is on the wire.
func grpcRules(r *gatewayv1.GRPCRoute) (rules []model.Rule) {
	for i := range r.Spec.Rules {
		rule := &r.Spec.Rules[i]
		var matches []model.Rule
		for k := range rule.Matches {
			m := &rule.Matches[k]
			var line model.Rule
			var words []string
			if m.Method != nil {
				part := func(s *string) string {
					if s == nil || *s == "" {
						return "*"
					}
					return *s
				}
				line.Path = "/" + part(m.Method.Service) + "/" + part(m.Method.Method)
				if m.Method.Type != nil {
					words = append(words, string(*m.Method.Type))
				}
			}
			for _, h := range m.Headers {
				words = append(words, fmt.Sprintf("header %s=%s", h.Name, h.Value))
			}
			line.Text = strings.Join(words, ", ")
			matches = append(matches, line)
		}
		filters := each(rule.Filters, func(f *gatewayv1.GRPCRouteFilter) string { return string(f.Type) })
		backends := each(rule.BackendRefs, func(b *gatewayv1.GRPCBackendRef) gatewayv1.BackendRef { return b.BackendRef })
		rules = append(rules, routeRules(r.Namespace, i, matches, filters, backends)...)
	}
	return rules
}

// each is what of makes of every entry.
func each[T, U any](list []T, of func(*T) U) []U {
	var all []U
	for i := range list {
		all = append(all, of(&list[i]))
	}
	return all
}

// routeRules are one line for each match and backend of a route's i'th rule, from 0.
// Without a match a rule is for everything.
func routeRules(namespace string, i int, matches []model.Rule, filters []string, backends []gatewayv1.BackendRef) (rules []model.Rule) {
	if len(matches) == 0 {
		matches = []model.Rule{{}}
	}
	if len(backends) == 0 {
		backends = []gatewayv1.BackendRef{{}}
	}
	for _, m := range matches {
		for k := range backends {
			b, line := &backends[k], m
			words := []string{fmt.Sprintf("rule %d", i+1)}
			if m.Text != "" {
				words = append(words, m.Text)
			}
			words = append(words, filters...)
			if b.Weight != nil && len(backends) > 1 {
				words = append(words, fmt.Sprintf("weight %d", *b.Weight))
			}
			switch {
			case b.Name == "":
				words = append(words, "no backend")
			case b.Kind != nil && *b.Kind != "Service":
				words = append(words, "to "+string(*b.Kind)+" "+string(b.Name))
			default:
				at := namespace
				if b.Namespace != nil {
					at = string(*b.Namespace)
				}
				line.To = ID("Service", at, string(b.Name))
				if b.Port != nil {
					line.Port = strconv.Itoa(int(*b.Port))
				}
			}
			line.Text = strings.Join(words, ", ")
			rules = append(rules, line)
		}
	}
	return rules
}
