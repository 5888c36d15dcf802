package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
	"sigs.k8s.io/gateway-api/pkg/client/informers/externalversions"

	"github.com/podhop/podhop/engine/ingress/plan"
	"github.com/podhop/podhop/engine/ingress/route"
)

// gatewayLabel names the Gateway that a pod or a Service is for (GEP-1762).
const gatewayLabel = "gateway.networking.k8s.io/gateway-name"

// GatewayClass is the class that every session begins with, accepted already, as the
// controller would write it.
func GatewayClass() []byte {
	c := &gatewayv1.GatewayClass{
		TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "GatewayClass"},
		ObjectMeta: metav1.ObjectMeta{Name: plan.Class},
		Spec:       gatewayv1.GatewayClassSpec{ControllerName: plan.GatewayController},
	}
	c.Status.Conditions = []metav1.Condition{classAccepted(1)}
	c.Status.Conditions[0].LastTransitionTime = metav1.Now()
	c.Status.SupportedFeatures = supportedFeatures
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // a type of an API that has no JSON
	}
	return b
}

func classAccepted(generation int64) metav1.Condition {
	return metav1.Condition{Type: string(gatewayv1.GatewayClassConditionStatusAccepted), Status: metav1.ConditionTrue, ObservedGeneration: generation,
		Reason: string(gatewayv1.GatewayClassReasonAccepted), Message: "the class is served"}
}

// supportedFeatures are those that upstream's conformance suite passes with; sorted, as the
// API wants them.
var supportedFeatures = []gatewayv1.SupportedFeature{
	{Name: "GRPCRoute"}, {Name: "GRPCRouteNamedRouteRule"}, {Name: "Gateway"}, {Name: "GatewayHTTPListenerIsolation"},
	{Name: "GatewayHTTPSListenerDetectMisdirectedRequests"}, {Name: "GatewayInfrastructurePropagation"}, {Name: "GatewayPort8080"},
	{Name: "HTTPRoute"}, {Name: "HTTPRoute303RedirectStatusCode"}, {Name: "HTTPRoute307RedirectStatusCode"},
	{Name: "HTTPRoute308RedirectStatusCode"}, {Name: "HTTPRouteBackendProtocolH2C"}, {Name: "HTTPRouteBackendProtocolWebSocket"},
	{Name: "HTTPRouteBackendRequestHeaderModification"}, {Name: "HTTPRouteBackendTimeout"}, {Name: "HTTPRouteDestinationPortMatching"},
	{Name: "HTTPRouteHostRewrite"}, {Name: "HTTPRouteMethodMatching"}, {Name: "HTTPRouteNamedRouteRule"},
	{Name: "HTTPRouteParentRefPort"}, {Name: "HTTPRoutePathRedirect"}, {Name: "HTTPRoutePathRewrite"}, {Name: "HTTPRoutePortRedirect"},
	{Name: "HTTPRouteQueryParamMatching"}, {Name: "HTTPRouteRequestMirror"}, {Name: "HTTPRouteRequestMultipleMirrors"},
	{Name: "HTTPRouteRequestTimeout"}, {Name: "HTTPRouteResponseHeaderModification"}, {Name: "HTTPRouteSchemeRedirect"},
	{Name: "ReferenceGrant"},
}

// gateways is the part of the controller that runs from the first object of the
// Gateway API on.
type gateways struct {
	c      *Controller
	client versioned.Interface
	list   func() plan.GatewayObjects
}

// gatewayKinds are those whose objects want it.
var gatewayKinds = []string{"gateways", "httproutes", "grpcroutes", "gatewayclasses"}

// gatewaysWanted tells whether one was written since the session began, with the class
// that is there already.
func (c *Controller) gatewaysWanted() bool {
	return slices.ContainsFunc(gatewayKinds, func(resource string) bool {
		return c.cfg.Presence.Written(schema.GroupResource{Group: gatewayv1.GroupName, Resource: resource})
	})
}

// beginGateways starts their informers, and waits until these are filled.
func (c *Controller) beginGateways(ctx context.Context, namespaces corelisters.NamespaceLister) error {
	clients := *c.cfg.ClientConfig
	clients.ContentType, clients.AcceptContentTypes = "application/json", "application/json"
	clients.UserAgent = Name
	client, err := versioned.NewForConfig(&clients)
	if err != nil {
		return err
	}
	f := externalversions.NewSharedInformerFactory(client, 0)
	v1 := f.Gateway().V1()
	for _, i := range []cache.SharedIndexInformer{v1.GatewayClasses().Informer(), v1.Gateways().Informer(), v1.HTTPRoutes().Informer(),
		v1.GRPCRoutes().Informer(), v1.ReferenceGrants().Informer()} {
		if _, err := i.AddEventHandler(c.handler()); err != nil {
			return err
		}
	}
	all := labels.Everything()
	list := func() (g plan.GatewayObjects) {
		g.Classes, _ = v1.GatewayClasses().Lister().List(all)
		g.Gateways, _ = v1.Gateways().Lister().List(all)
		g.HTTPRoutes, _ = v1.HTTPRoutes().Lister().List(all)
		g.GRPCRoutes, _ = v1.GRPCRoutes().Lister().List(all)
		g.Grants, _ = v1.ReferenceGrants().Lister().List(all)
		g.Namespace = func(name string) *corev1.Namespace {
			ns, err := namespaces.Get(name)
			if err != nil {
				return nil
			}
			return ns
		}
		return g
	}
	if tell := c.cfg.Gateways; tell != nil {
		again := func() { tell(list) }
		for _, i := range []cache.SharedIndexInformer{v1.Gateways().Informer(), v1.HTTPRoutes().Informer(), v1.GRPCRoutes().Informer()} {
			if _, err := i.AddEventHandler(cache.ResourceEventHandlerFuncs{
				AddFunc:    func(any) { again() },
				UpdateFunc: func(any, any) { again() },
				DeleteFunc: func(any) { again() },
			}); err != nil {
				return err
			}
		}
	}
	f.StartWithContext(ctx)
	c.done.Go(func() { <-ctx.Done(); f.Shutdown() })
	if s := f.WaitForCacheSyncWithContext(ctx); s.Err != nil {
		return s.Err
	}
	c.gateways = &gateways{c: c, client: client, list: list}
	return nil
}

// gatewayTable is the name of a Gateway's table.
func gatewayTable(namespace, name string) string { return "gateway/" + namespace + "/" + name }

// plan adds the Gateways' tables, and makes what serves them.
func (g *gateways) plan(ctx context.Context, o *plan.Objects, tables map[string]*route.Table) (*plan.GatewayPlan, error) {
	objects := g.list()
	p := plan.Gateways(o, &objects)
	var errs []error
	for _, s := range p.Gateways {
		tables[gatewayTable(s.Gateway.Namespace, s.Gateway.Name)] = s.Table
		errs = append(errs, g.install(ctx, o, s))
	}
	return p, errors.Join(errs...)
}

// serviceName is that of a Gateway's Deployment and Service.
func serviceName(gw *gatewayv1.Gateway) string { return gw.Name + "-" + plan.Class }

// install makes a Gateway's pods and Service in its own namespace, owned by it
// (GEP-1762), and keeps the Service's ports those of the listeners.
func (g *gateways) install(ctx context.Context, o *plan.Objects, s *plan.GatewayState) error {
	gw, c := s.Gateway, g.c.client
	selector := map[string]string{gatewayLabel: gw.Name}
	m := metav1.ObjectMeta{Name: serviceName(gw), Namespace: gw.Namespace, Labels: map[string]string{gatewayLabel: gw.Name},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: gatewayv1.GroupVersion.String(), Kind: "Gateway", Name: gw.Name, UID: gw.UID, Controller: new(true)}}}
	if i := gw.Spec.Infrastructure; i != nil {
		for k, v := range i.Labels {
			m.Labels[string(k)] = string(v)
		}
		m.Annotations = map[string]string{}
		for k, v := range i.Annotations {
			m.Annotations[string(k)] = string(v)
		}
	}
	var ports []corev1.ServicePort
	for number := range s.Table.Ports {
		ports = append(ports, corev1.ServicePort{Name: fmt.Sprintf("port-%d", number), Port: int32(number), Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(int32(number))})
	}
	if len(ports) == 0 {
		return nil
	}
	slices.SortFunc(ports, func(a, b corev1.ServicePort) int { return int(a.Port - b.Port) })
	if service := o.Service(m.Namespace, m.Name); service != nil {
		same := len(service.Spec.Ports) == len(ports)
		for i := range ports {
			same = same && service.Spec.Ports[i].Port == ports[i].Port
		}
		if same || !metav1.IsControlledBy(service, gw) {
			return nil
		}
		next := service.DeepCopy()
		for i := range ports {
			for _, old := range service.Spec.Ports {
				if old.Port == ports[i].Port {
					ports[i].NodePort = old.NodePort
				}
			}
		}
		next.Spec.Ports = ports
		_, err := c.CoreV1().Services(m.Namespace).Update(ctx, next, metav1.UpdateOptions{})
		return err
	}
	var containerPorts []corev1.ContainerPort
	for _, p := range ports {
		containerPorts = append(containerPorts, corev1.ContainerPort{Name: p.Name, ContainerPort: p.Port})
	}
	create := metav1.CreateOptions{}
	_, err := c.CoreV1().ServiceAccounts(m.Namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: m}, create)
	if err == nil || apierrors.IsAlreadyExists(err) {
		_, err = c.AppsV1().Deployments(m.Namespace).Create(ctx, deployment(m, selector, containerPorts), create)
	}
	if err == nil || apierrors.IsAlreadyExists(err) {
		_, err = c.CoreV1().Services(m.Namespace).Create(ctx, &corev1.Service{ObjectMeta: m,
			Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Selector: selector, Ports: ports}}, create)
	}
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// merged are conditions with the times of those that were there.
func merged(old, now []metav1.Condition) []metav1.Condition {
	var next []metav1.Condition
	for _, c := range now {
		if have := meta.FindStatusCondition(old, c.Type); have != nil {
			next = append(next, *have)
		}
		meta.SetStatusCondition(&next, c)
	}
	return next
}

// status writes what the plan says, and returns the names of Gateways that have an
// address.
func (g *gateways) status(ctx context.Context, o *plan.Objects, p *plan.GatewayPlan) (hosts []Host, err error) {
	var errs []error
	update := metav1.UpdateOptions{}
	v1 := g.client.GatewayV1()
	for _, c := range p.Classes {
		next := c.DeepCopy()
		next.Status.Conditions = merged(c.Status.Conditions, []metav1.Condition{classAccepted(c.Generation)})
		next.Status.SupportedFeatures = supportedFeatures
		if !equality.Semantic.DeepEqual(c.Status, next.Status) {
			_, err := v1.GatewayClasses().UpdateStatus(ctx, next, update)
			errs = append(errs, err)
		}
	}
	for _, s := range p.Gateways {
		addresses := addressOf(o.Service(s.Gateway.Namespace, serviceName(s.Gateway))).Ingress
		next := s.Gateway.DeepCopy()
		next.Status.Addresses = nil
		for _, a := range addresses {
			if ip, err := netip.ParseAddr(a.IP); err == nil {
				next.Status.Addresses = append(next.Status.Addresses, gatewayv1.GatewayStatusAddress{Type: new(gatewayv1.IPAddressType), Value: a.IP})
				for _, h := range s.Hosts {
					if h.Name != "" {
						hosts = append(hosts, Host{Pattern: h, Address: ip, Kind: "Gateway", Namespace: s.Gateway.Namespace, Name: s.Gateway.Name})
					}
				}
			}
		}
		next.Status.Conditions = merged(s.Gateway.Status.Conditions, append(s.Conditions, programmed(s, len(next.Status.Addresses) > 0)))
		old := next.Status.Listeners
		next.Status.Listeners = nil
		for _, l := range s.Listeners {
			var before []metav1.Condition
			for i := range old {
				if old[i].Name == l.Name {
					before = old[i].Conditions
				}
			}
			l.Conditions = merged(before, l.Conditions)
			next.Status.Listeners = append(next.Status.Listeners, l)
		}
		if !equality.Semantic.DeepEqual(s.Gateway.Status, next.Status) {
			_, err := v1.Gateways(next.Namespace).UpdateStatus(ctx, next, update)
			errs = append(errs, err)
		}
	}
	for r, parents := range p.HTTP {
		next := r.DeepCopy()
		next.Status.Parents = parentsOf(r.Status.Parents, parents)
		if !equality.Semantic.DeepEqual(r.Status, next.Status) {
			_, err := v1.HTTPRoutes(r.Namespace).UpdateStatus(ctx, next, update)
			errs = append(errs, err)
		}
	}
	for r, parents := range p.GRPC {
		next := r.DeepCopy()
		next.Status.Parents = parentsOf(r.Status.Parents, parents)
		if !equality.Semantic.DeepEqual(r.Status, next.Status) {
			_, err := v1.GRPCRoutes(r.Namespace).UpdateStatus(ctx, next, update)
			errs = append(errs, err)
		}
	}
	return hosts, errors.Join(errs...)
}

func programmed(s *plan.GatewayState, addressed bool) metav1.Condition {
	c := metav1.Condition{Type: string(gatewayv1.GatewayConditionProgrammed), Status: metav1.ConditionTrue, ObservedGeneration: s.Gateway.Generation,
		Reason: string(gatewayv1.GatewayReasonProgrammed), Message: "the Gateway is served"}
	switch {
	case len(s.Table.Ports) == 0:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, string(gatewayv1.GatewayReasonInvalid), "no listener can be served"
	case !addressed:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, string(gatewayv1.GatewayReasonAddressNotAssigned), "the Service has no address yet"
	}
	return c
}

// parentsOf keeps what other controllers have said.
func parentsOf(old, ours []gatewayv1.RouteParentStatus) (next []gatewayv1.RouteParentStatus) {
	for _, p := range old {
		if p.ControllerName != plan.GatewayController {
			next = append(next, p)
		}
	}
	for _, p := range ours {
		var before []metav1.Condition
		for i := range old {
			if old[i].ControllerName == plan.GatewayController && equality.Semantic.DeepEqual(old[i].ParentRef, p.ParentRef) {
				before = old[i].Conditions
			}
		}
		p.Conditions = merged(before, p.Conditions)
		next = append(next, p)
	}
	return next
}
