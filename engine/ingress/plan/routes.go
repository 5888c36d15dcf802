package plan

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/podhop/podhop/engine/ingress/route"
)

// A routeSpec is an HTTPRoute, or a GRPCRoute put as one.
type routeSpec struct {
	kind gatewayv1.Kind
	*gatewayv1.HTTPRoute
	http2 bool // to the backends
}

func httpRoute(r *gatewayv1.HTTPRoute) routeSpec { return routeSpec{"HTTPRoute", r, false} }

// grpcRoute puts a GRPCRoute as what it is on the wire: POST /service/method.
func grpcRoute(r *gatewayv1.GRPCRoute) routeSpec {
	h := &gatewayv1.HTTPRoute{ObjectMeta: r.ObjectMeta}
	h.Spec.CommonRouteSpec, h.Spec.Hostnames = r.Spec.CommonRouteSpec, r.Spec.Hostnames
	filters := func(in []gatewayv1.GRPCRouteFilter) (out []gatewayv1.HTTPRouteFilter) {
		for _, f := range in {
			out = append(out, gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterType(f.Type), RequestHeaderModifier: f.RequestHeaderModifier,
				ResponseHeaderModifier: f.ResponseHeaderModifier, RequestMirror: f.RequestMirror, ExtensionRef: f.ExtensionRef})
		}
		return out
	}
	for _, rule := range r.Spec.Rules {
		to := gatewayv1.HTTPRouteRule{Name: rule.Name, Filters: filters(rule.Filters)}
		for _, m := range rule.Matches {
			match := gatewayv1.HTTPRouteMatch{Path: grpcPath(m.Method)}
			for _, header := range m.Headers {
				match.Headers = append(match.Headers, gatewayv1.HTTPHeaderMatch{Type: (*gatewayv1.HeaderMatchType)(header.Type), Name: gatewayv1.HTTPHeaderName(header.Name), Value: header.Value})
			}
			to.Matches = append(to.Matches, match)
		}
		for _, b := range rule.BackendRefs {
			to.BackendRefs = append(to.BackendRefs, gatewayv1.HTTPBackendRef{BackendRef: b.BackendRef, Filters: filters(b.Filters)})
		}
		h.Spec.Rules = append(h.Spec.Rules, to)
	}
	return routeSpec{"GRPCRoute", h, true}
}

func grpcPath(m *gatewayv1.GRPCMethodMatch) *gatewayv1.HTTPPathMatch {
	if m == nil {
		return nil
	}
	pattern := m.Type != nil && *m.Type == gatewayv1.GRPCMethodMatchRegularExpression
	part := func(s *string) string {
		switch {
		case s == nil || *s == "":
			return "[^/]+"
		case pattern:
			return *s
		}
		return regexp.QuoteMeta(*s)
	}
	if !pattern && m.Service != nil && m.Method != nil && *m.Service != "" && *m.Method != "" {
		return &gatewayv1.HTTPPathMatch{Type: new(gatewayv1.PathMatchExact), Value: new("/" + *m.Service + "/" + *m.Method)}
	}
	return &gatewayv1.HTTPPathMatch{Type: new(gatewayv1.PathMatchRegularExpression), Value: new("/" + part(m.Service) + "/" + part(m.Method))}
}

// attach adds a route's rules to the listeners that it names and that take it, and
// returns its status, for each parent of ours.
func (p *gatewayPlanner) attach(r routeSpec) (parents []gatewayv1.RouteParentStatus) {
	var rules []route.Rule
	var resolved, unsupported metav1.Condition
	planned := false
	for _, ref := range r.Spec.ParentRefs {
		s := p.parent(r, ref)
		if s == nil {
			continue
		}
		if !planned {
			rules, resolved, unsupported = p.rules(r)
			planned = true
		}
		accepted := unsupported
		if accepted.Type == "" {
			accepted = p.attachTo(s, r, ref, rules)
		}
		parents = append(parents, gatewayv1.RouteParentStatus{ParentRef: ref, ControllerName: GatewayController, Conditions: []metav1.Condition{accepted, resolved}})
	}
	return parents
}

// parent is the Gateway that a route names, nil if it is not ours.
func (p *gatewayPlanner) parent(r routeSpec, ref gatewayv1.ParentReference) *GatewayState {
	if ref.Group != nil && *ref.Group != gatewayv1.GroupName || ref.Kind != nil && *ref.Kind != "Gateway" {
		return nil
	}
	namespace := r.Namespace
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	for _, s := range p.plan.Gateways {
		if s.Gateway.Namespace == namespace && s.Gateway.Name == string(ref.Name) {
			return s
		}
	}
	return nil
}

func (p *gatewayPlanner) attachTo(s *GatewayState, r routeSpec, ref gatewayv1.ParentReference, rules []route.Rule) metav1.Condition {
	refused := func(reason gatewayv1.RouteConditionReason, message string) metav1.Condition {
		return condition(string(gatewayv1.RouteConditionAccepted), string(reason), false, r.Generation, "%s", message)
	}
	answer := refused(gatewayv1.RouteReasonNoMatchingParent, "the Gateway has no such listener")
	accepted := false
	for _, l := range s.listeners {
		if ref.SectionName != nil && *ref.SectionName != l.Name || ref.Port != nil && *ref.Port != l.Port {
			continue
		}
		if accepted {
			// one condition stands for all listeners
		} else if answer.Reason == string(gatewayv1.RouteReasonNoMatchingParent) {
			answer = refused(gatewayv1.RouteReasonNotAllowedByListeners, "no listener takes routes of this kind and namespace")
		}
		if !slices.Contains(l.kinds, r.kind) || !p.admits(s.Gateway, l, r.Namespace) {
			continue
		}
		hosts := intersect(l.host, r.Spec.Hostnames)
		if len(hosts) == 0 {
			if !accepted {
				answer = refused(gatewayv1.RouteReasonNoMatchingListenerHostname, "no listener is for one of the route's hosts")
			}
			continue
		}
		accepted = true
		l.attached++
		s.Hosts = append(s.Hosts, hosts...)
		for _, h := range hosts {
			for _, rule := range rules {
				rule.Host = h
				l.route.Rules = append(l.route.Rules, rule)
			}
		}
	}
	if accepted {
		return condition(string(gatewayv1.RouteConditionAccepted), string(gatewayv1.RouteReasonAccepted), true, r.Generation, "the route is accepted")
	}
	return answer
}

// intersect are the hosts of a route that a listener is for.
func intersect(of route.Host, names []gatewayv1.Hostname) (hosts []route.Host) {
	if len(names) == 0 {
		return []route.Host{of}
	}
	for _, name := range names {
		if h, ok := of.Intersect(route.ParseHost(string(name), route.Many)); ok {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// rules are those of a route, without host; resolved tells whether its backends are
// there. unsupported is set if it asks for what is not served.
func (p *gatewayPlanner) rules(r routeSpec) (rules []route.Rule, resolved, unsupported metav1.Condition) {
	resolved = condition(string(gatewayv1.RouteConditionResolvedRefs), string(gatewayv1.RouteReasonResolvedRefs), true, r.Generation, "all references are found")
	for n := range r.Spec.Rules {
		spec := &r.Spec.Rules[n]
		name := fmt.Sprintf("rule %d", n+1)
		if spec.Name != nil {
			name = "rule " + string(*spec.Name)
		}
		rule := route.Rule{Origin: route.Origin{Kind: string(r.kind), Namespace: r.Namespace, Name: r.Name, Rule: name}}
		unresolved := func(reason gatewayv1.RouteConditionReason, format string, args ...any) {
			resolved = condition(string(gatewayv1.RouteConditionResolvedRefs), string(reason), false, r.Generation, format, args...)
		}
		var err error
		if rule.Filters, err = p.filters(r, spec.Filters, unresolved); err == nil {
			rule.Backends, err = p.backends(r, spec.BackendRefs, unresolved)
		}
		if t := spec.Timeouts; t != nil && err == nil {
			rule.Timeout, rule.BackendTimeout = duration(t.Request), duration(t.BackendRequest)
		}
		if err != nil {
			return nil, resolved, condition(string(gatewayv1.RouteConditionAccepted), string(gatewayv1.RouteReasonUnsupportedValue), false, r.Generation, "%s: %v", name, err)
		}
		if len(rule.Backends) == 0 && rule.Filters.Redirect == nil {
			rule.Refusal = route.Refusal{Status: http.StatusInternalServerError, Reason: "the rule has no backend"}
		}
		matches := spec.Matches
		if len(matches) == 0 {
			matches = []gatewayv1.HTTPRouteMatch{{}}
		}
		for i := range matches {
			one := rule
			if err := match(&one, &matches[i]); err != nil {
				return nil, resolved, condition(string(gatewayv1.RouteConditionAccepted), string(gatewayv1.RouteReasonUnsupportedValue), false, r.Generation, "%s: %v", name, err)
			}
			rules = append(rules, one)
		}
	}
	return rules, resolved, unsupported
}

func duration(d *gatewayv1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	t, _ := time.ParseDuration(string(*d)) // the API checks the form, which is one of Go's
	return t
}

// match reads what a rule is for.
func match(rule *route.Rule, m *gatewayv1.HTTPRouteMatch) (err error) {
	rule.Path = route.Path{Value: "/"}
	if m.Path != nil && m.Path.Value != nil {
		rule.Path.Value = *m.Path.Value
	}
	if m.Path != nil && m.Path.Type != nil {
		switch *m.Path.Type {
		case gatewayv1.PathMatchExact:
			rule.Path.Kind = route.Exact
		case gatewayv1.PathMatchRegularExpression:
			rule.Path.Kind = route.Regexp
			if rule.Path.Pattern, err = whole(rule.Path.Value); err != nil {
				return err
			}
		}
	}
	if m.Method != nil {
		rule.Method = string(*m.Method)
	}
	for _, h := range m.Headers {
		v := route.Value{Name: string(h.Name), Value: h.Value}
		if h.Type != nil && *h.Type == gatewayv1.HeaderMatchRegularExpression {
			if v.Pattern, err = whole(h.Value); err != nil {
				return err
			}
		}
		rule.Headers = append(rule.Headers, v)
	}
	for _, q := range m.QueryParams {
		v := route.Value{Name: string(q.Name), Value: q.Value}
		if q.Type != nil && *q.Type == gatewayv1.QueryParamMatchRegularExpression {
			if v.Pattern, err = whole(q.Value); err != nil {
				return err
			}
		}
		rule.Query = append(rule.Query, v)
	}
	return nil
}

func whole(pattern string) (*regexp.Regexp, error) { return regexp.Compile("^(?:" + pattern + ")$") }

type unresolver = func(reason gatewayv1.RouteConditionReason, format string, args ...any)

// backends are a rule's. One that cannot be asked has its part of the requests
// refused with 500, one without endpoints with 503, as HTTPRouteRule.BackendRefs says.
func (p *gatewayPlanner) backends(r routeSpec, refs []gatewayv1.HTTPBackendRef, unresolved unresolver) (list []route.Backend, err error) {
	for i := range refs {
		b := p.backendOf(r, refs[i].BackendObjectReference, unresolved)
		if refs[i].Weight != nil {
			b.Weight = int(*refs[i].Weight)
		}
		if b.Filters, err = p.filters(r, refs[i].Filters, unresolved); err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

func (p *gatewayPlanner) backendOf(r routeSpec, ref gatewayv1.BackendObjectReference, unresolved unresolver) route.Backend {
	namespace := r.Namespace
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	refuse := func(reason gatewayv1.RouteConditionReason, format string, args ...any) route.Backend {
		message := fmt.Sprintf(format, args...)
		unresolved(reason, "%s", message)
		return route.Backend{Weight: 1, Namespace: namespace, Name: string(ref.Name), Refusal: route.Refusal{Status: http.StatusInternalServerError, Reason: message}}
	}
	if ref.Group != nil && *ref.Group != "" || ref.Kind != nil && *ref.Kind != "Service" {
		return refuse(gatewayv1.RouteReasonInvalidKind, "backend %s is no Service", ref.Name)
	}
	if !p.granted(string(r.kind), r.Namespace, "Service", namespace, string(ref.Name)) {
		return refuse(gatewayv1.RouteReasonRefNotPermitted, "no ReferenceGrant lets a %s of %s use Service %s/%s", r.kind, r.Namespace, namespace, ref.Name)
	}
	if ref.Port == nil {
		return refuse(gatewayv1.RouteReasonUnsupportedValue, "the port of Service %s/%s is not said", namespace, ref.Name)
	}
	b, problem := p.backend(namespace, networkingv1.IngressServiceBackend{Name: string(ref.Name), Port: networkingv1.ServiceBackendPort{Number: *ref.Port}})
	b.HTTP2 = b.HTTP2 || r.http2
	switch problem {
	case "", "NoEndpoints":
		return b
	case "UnsupportedService":
		return refuse(gatewayv1.RouteReasonUnsupportedValue, "%s", b.Refusal.Reason)
	}
	return refuse(gatewayv1.RouteReasonBackendNotFound, "%s", b.Refusal.Reason)
}

// filters reads those that are served; of another it fails.
func (p *gatewayPlanner) filters(r routeSpec, list []gatewayv1.HTTPRouteFilter, unresolved unresolver) (f route.Filters, err error) {
	for i := range list {
		switch from := &list[i]; from.Type {
		case gatewayv1.HTTPRouteFilterRequestHeaderModifier:
			f.Request = headers(from.RequestHeaderModifier)
		case gatewayv1.HTTPRouteFilterResponseHeaderModifier:
			f.Response = headers(from.ResponseHeaderModifier)
		case gatewayv1.HTTPRouteFilterRequestRedirect:
			d := from.RequestRedirect
			f.Redirect = &route.Redirect{Status: http.StatusFound, Path: rewriting(d.Path)}
			if d.Scheme != nil {
				f.Redirect.Scheme = *d.Scheme
			}
			if d.Hostname != nil {
				f.Redirect.Host = string(*d.Hostname)
			}
			if d.Port != nil {
				f.Redirect.Port = uint16(*d.Port)
			}
			if d.StatusCode != nil {
				f.Redirect.Status = *d.StatusCode
			}
		case gatewayv1.HTTPRouteFilterURLRewrite:
			f.Rewrite = &route.Rewrite{Path: rewriting(from.URLRewrite.Path)}
			if h := from.URLRewrite.Hostname; h != nil {
				f.Rewrite.Host = string(*h)
			}
		case gatewayv1.HTTPRouteFilterRequestMirror:
			m := from.RequestMirror
			if m.Fraction != nil || m.Percent != nil {
				return f, fmt.Errorf("mirroring a part of the requests is not served")
			}
			f.Mirrors = append(f.Mirrors, p.backendOf(r, m.BackendRef, unresolved))
		default:
			return f, fmt.Errorf("filter %s is not served", from.Type)
		}
	}
	return f, nil
}

func rewriting(m *gatewayv1.HTTPPathModifier) *route.Rewriting {
	switch {
	case m == nil:
		return nil
	case m.ReplacePrefixMatch != nil:
		return &route.Rewriting{Prefix: true, With: *m.ReplacePrefixMatch}
	case m.ReplaceFullPath != nil:
		return &route.Rewriting{With: *m.ReplaceFullPath}
	}
	return nil
}

func headers(h *gatewayv1.HTTPHeaderFilter) (to route.Headers) {
	for _, f := range h.Set {
		to.Set = append(to.Set, route.Field{Name: string(f.Name), Value: f.Value})
	}
	for _, f := range h.Add {
		to.Add = append(to.Add, route.Field{Name: string(f.Name), Value: f.Value})
	}
	to.Remove = h.Remove
	return to
}
