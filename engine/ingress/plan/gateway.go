package plan

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/podhop/podhop/engine/ingress/route"
)

// GatewayController is in the GatewayClasses that are served here.
const GatewayController = "podhop.io/gateway"

// GatewayObjects are those of the Gateway API, beside which Objects has the rest.
type GatewayObjects struct {
	Classes    []*gatewayv1.GatewayClass
	Gateways   []*gatewayv1.Gateway
	HTTPRoutes []*gatewayv1.HTTPRoute
	GRPCRoutes []*gatewayv1.GRPCRoute
	Grants     []*gatewayv1.ReferenceGrant
	// Namespace finds one, nil if it is not there.
	Namespace func(name string) *corev1.Namespace
}

// GatewayPlan is what the Gateways of our classes come to.
type GatewayPlan struct {
	Classes  []*gatewayv1.GatewayClass // ours
	Gateways []*GatewayState
	// Parents are the statuses of routes that name a Gateway of ours, by route.
	HTTP map[*gatewayv1.HTTPRoute][]gatewayv1.RouteParentStatus
	GRPC map[*gatewayv1.GRPCRoute][]gatewayv1.RouteParentStatus
}

// A GatewayState is a Gateway of ours: what it serves, and what its status says, but
// for its address.
type GatewayState struct {
	Gateway *gatewayv1.Gateway
	Table   *route.Table
	// Conditions have no time of transition, here and in Listeners.
	Conditions []metav1.Condition
	Listeners  []gatewayv1.ListenerStatus
	// Hosts are the names that routes have on it.
	Hosts []route.Host

	listeners []*listener
}

// A listener is one of a Gateway's while it is planned.
type listener struct {
	*gatewayv1.Listener
	host     route.Host
	kinds    []gatewayv1.Kind
	status   gatewayv1.ListenerStatus
	usable   bool
	route    route.Listener
	attached int32
}

type gatewayPlanner struct {
	*Objects
	*GatewayObjects
	plan *GatewayPlan
}

// Gateways plans as the Gateway API says (sigs.k8s.io/gateway-api/apis/v1): each
// Gateway is a table, to which the routes that it admits add rules.
func Gateways(o *Objects, g *GatewayObjects) *GatewayPlan {
	p := &gatewayPlanner{o, g, &GatewayPlan{
		HTTP: map[*gatewayv1.HTTPRoute][]gatewayv1.RouteParentStatus{}, GRPC: map[*gatewayv1.GRPCRoute][]gatewayv1.RouteParentStatus{}}}
	ours := map[string]bool{}
	for _, c := range g.Classes {
		if c.Spec.ControllerName == GatewayController {
			ours[c.Name] = true
			p.plan.Classes = append(p.plan.Classes, c)
		}
	}
	for _, gw := range byAge(g.Gateways) {
		if ours[string(gw.Spec.GatewayClassName)] && gw.DeletionTimestamp == nil {
			p.plan.Gateways = append(p.plan.Gateways, p.gateway(gw))
		}
	}
	for _, r := range byAge(g.HTTPRoutes) {
		if parents := p.attach(httpRoute(r)); len(parents) > 0 {
			p.plan.HTTP[r] = parents
		}
	}
	for _, r := range byAge(g.GRPCRoutes) {
		if parents := p.attach(grpcRoute(r)); len(parents) > 0 {
			p.plan.GRPC[r] = parents
		}
	}
	for _, s := range p.plan.Gateways {
		s.finish()
	}
	return p.plan
}

func condition(kind, reason string, ok bool, generation int64, format string, args ...any) metav1.Condition {
	status := metav1.ConditionFalse
	if ok {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{Type: kind, Status: status, Reason: reason, ObservedGeneration: generation, Message: fmt.Sprintf(format, args...)}
}

// gateway reads a Gateway's listeners.
func (p *gatewayPlanner) gateway(gw *gatewayv1.Gateway) *GatewayState {
	s := &GatewayState{Gateway: gw}
	for i := range gw.Spec.Listeners {
		s.listeners = append(s.listeners, p.listener(gw, &gw.Spec.Listeners[i]))
	}
	// Of listeners that cannot live beside each other none is served.
	for i, a := range s.listeners {
		for _, b := range s.listeners[i+1:] {
			if a.Port != b.Port {
				continue
			}
			reason := gatewayv1.ListenerReasonHostnameConflict
			if a.Protocol != b.Protocol {
				reason = gatewayv1.ListenerReasonProtocolConflict
			} else if a.host != b.host {
				continue
			}
			for _, l := range []*listener{a, b} {
				l.conflict(gw.Generation, reason)
			}
		}
	}
	return s
}

func (l *listener) set(c metav1.Condition) {
	for i := range l.status.Conditions {
		if l.status.Conditions[i].Type == c.Type {
			l.status.Conditions[i] = c
			return
		}
	}
	l.status.Conditions = append(l.status.Conditions, c)
}

func (l *listener) conflict(generation int64, reason gatewayv1.ListenerConditionReason) {
	l.usable = false
	l.set(condition(string(gatewayv1.ListenerConditionConflicted), string(reason), true, generation, "another listener of this Gateway has port %d too", l.Port))
	l.set(condition(string(gatewayv1.ListenerConditionAccepted), string(reason), false, generation, "another listener of this Gateway has port %d too", l.Port))
}

// listener reads one: protocol, kinds of routes and certificates.
func (p *gatewayPlanner) listener(gw *gatewayv1.Gateway, spec *gatewayv1.Listener) *listener {
	l := &listener{Listener: spec, usable: true}
	if spec.Hostname != nil {
		l.host = route.ParseHost(string(*spec.Hostname), route.Many)
	}
	l.route = route.Listener{Name: string(spec.Name), Host: l.host}
	l.status.Name = spec.Name
	generation := gw.Generation
	accept := func(ok bool, reason gatewayv1.ListenerConditionReason, format string, args ...any) {
		l.usable = l.usable && ok
		l.set(condition(string(gatewayv1.ListenerConditionAccepted), string(reason), ok, generation, format, args...))
	}
	resolve := func(ok bool, reason gatewayv1.ListenerConditionReason, format string, args ...any) {
		l.set(condition(string(gatewayv1.ListenerConditionResolvedRefs), string(reason), ok, generation, format, args...))
	}
	accept(true, gatewayv1.ListenerReasonAccepted, "the listener is accepted")
	l.set(condition(string(gatewayv1.ListenerConditionConflicted), string(gatewayv1.ListenerReasonNoConflicts), false, generation, "no other listener is in the way"))
	resolve(true, gatewayv1.ListenerReasonResolvedRefs, "all references are found")

	known := []gatewayv1.Kind{"HTTPRoute", "GRPCRoute"}
	l.kinds = known
	l.status.SupportedKinds = []gatewayv1.RouteGroupKind{}
	if a := spec.AllowedRoutes; a != nil && len(a.Kinds) > 0 {
		l.kinds = nil
		for _, k := range a.Kinds {
			if (k.Group == nil || *k.Group == gatewayv1.GroupName) && slices.Contains(known, k.Kind) {
				l.kinds = append(l.kinds, k.Kind)
			} else {
				resolve(false, gatewayv1.ListenerReasonInvalidRouteKinds, "routes of kind %s are not served", k.Kind)
			}
		}
	}
	switch spec.Protocol {
	case gatewayv1.HTTPProtocolType:
	case gatewayv1.HTTPSProtocolType:
		if t := spec.TLS; t == nil || t.Mode != nil && *t.Mode != gatewayv1.TLSModeTerminate {
			accept(false, gatewayv1.ListenerReasonUnsupportedValue, "HTTPS is served with TLS mode Terminate only")
			break
		}
		p.certificates(gw, l, resolve)
	default:
		l.kinds = nil
		accept(false, gatewayv1.ListenerReasonUnsupportedProtocol, "protocol %s is not served", spec.Protocol)
	}
	for _, k := range l.kinds {
		l.status.SupportedKinds = append(l.status.SupportedKinds, gatewayv1.RouteGroupKind{Group: new(gatewayv1.Group(gatewayv1.GroupName)), Kind: k})
	}
	return l
}

type resolver = func(ok bool, reason gatewayv1.ListenerConditionReason, format string, args ...any)

// certificates are those of a listener; without any that can be used it is not served.
func (p *gatewayPlanner) certificates(gw *gatewayv1.Gateway, l *listener, resolve resolver) {
	for _, ref := range l.TLS.CertificateRefs {
		namespace := gw.Namespace
		if ref.Namespace != nil {
			namespace = string(*ref.Namespace)
		}
		if ref.Group != nil && *ref.Group != "" || ref.Kind != nil && *ref.Kind != "Secret" {
			resolve(false, gatewayv1.ListenerReasonInvalidCertificateRef, "%s is no Secret", ref.Name)
			continue
		}
		if !p.granted("Gateway", gw.Namespace, "Secret", namespace, string(ref.Name)) {
			resolve(false, gatewayv1.ListenerReasonRefNotPermitted, "no ReferenceGrant lets a Gateway of %s use Secret %s/%s", gw.Namespace, namespace, ref.Name)
			continue
		}
		secret := p.Secret(namespace, string(ref.Name))
		if secret == nil {
			resolve(false, gatewayv1.ListenerReasonInvalidCertificateRef, "Secret %s/%s is not there", namespace, ref.Name)
			continue
		}
		pair, err := keyPair(secret)
		if err != nil {
			resolve(false, gatewayv1.ListenerReasonInvalidCertificateRef, "Secret %s/%s: %v", namespace, ref.Name, err)
			continue
		}
		c := route.Certificate{Certificate: pair}
		for _, name := range pair.Leaf.DNSNames {
			c.Hosts = append(c.Hosts, route.ParseHost(name, route.One))
		}
		l.route.Certificates = append(l.route.Certificates, c)
		if l.route.Default == nil {
			l.route.Default = pair
		}
	}
	l.usable = l.usable && l.route.Default != nil
}

// granted tells whether an object may refer to another, of another namespace too.
func (p *gatewayPlanner) granted(fromKind, fromNamespace, toKind, toNamespace, name string) bool {
	if fromNamespace == toNamespace {
		return true
	}
	for _, g := range p.Grants {
		if g.Namespace != toNamespace ||
			!slices.ContainsFunc(g.Spec.From, func(f gatewayv1.ReferenceGrantFrom) bool {
				return f.Group == gatewayv1.GroupName && string(f.Kind) == fromKind && string(f.Namespace) == fromNamespace
			}) ||
			!slices.ContainsFunc(g.Spec.To, func(t gatewayv1.ReferenceGrantTo) bool {
				return t.Group == "" && string(t.Kind) == toKind && (t.Name == nil || string(*t.Name) == name)
			}) {
			continue
		}
		return true
	}
	return false
}

// admits tells whether a listener takes routes of a namespace.
func (p *gatewayPlanner) admits(gw *gatewayv1.Gateway, l *listener, namespace string) bool {
	from := gatewayv1.NamespacesFromSame
	var selector *metav1.LabelSelector
	if a := l.AllowedRoutes; a != nil && a.Namespaces != nil {
		if a.Namespaces.From != nil {
			from = *a.Namespaces.From
		}
		selector = a.Namespaces.Selector
	}
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSelector:
		s, err := metav1.LabelSelectorAsSelector(selector)
		ns := p.Namespace(namespace)
		return err == nil && ns != nil && s.Matches(labels.Set(ns.Labels))
	}
	return namespace == gw.Namespace
}

// finish makes the table and the status when all routes are attached.
func (s *GatewayState) finish() {
	gw := s.Gateway
	s.Table = &route.Table{Ports: map[uint16]*route.Port{}}
	usable, whole := 0, true
	for _, l := range s.listeners {
		l.status.AttachedRoutes = l.attached
		reason := gatewayv1.ListenerReasonProgrammed
		if !l.usable {
			reason = gatewayv1.ListenerReasonInvalid
		}
		l.set(condition(string(gatewayv1.ListenerConditionProgrammed), string(reason), l.usable, gw.Generation, "%s", map[bool]string{true: "the listener is served", false: "the listener cannot be served"}[l.usable]))
		s.Listeners = append(s.Listeners, l.status)
		whole = whole && l.usable
		if !l.usable {
			continue
		}
		usable++
		port := s.Table.Ports[uint16(l.Port)]
		if port == nil {
			port = &route.Port{TLS: l.Protocol == gatewayv1.HTTPSProtocolType, Strict: true}
			s.Table.Ports[uint16(l.Port)] = port
		}
		port.Listeners = append(port.Listeners, l.route)
	}
	for _, port := range s.Table.Ports {
		port.Sort()
	}
	accepted := condition(string(gatewayv1.GatewayConditionAccepted), string(gatewayv1.GatewayReasonAccepted), true, gw.Generation, "the Gateway is accepted")
	if !whole {
		accepted = condition(string(gatewayv1.GatewayConditionAccepted), string(gatewayv1.GatewayReasonListenersNotValid), usable > 0, gw.Generation, "%d of %d listeners can be served", usable, len(s.listeners))
	}
	if len(gw.Spec.Addresses) > 0 {
		accepted = condition(string(gatewayv1.GatewayConditionAccepted), string(gatewayv1.GatewayReasonUnsupportedAddress), false, gw.Generation, "addresses cannot be chosen")
	}
	s.Conditions = append(s.Conditions, accepted)
}
