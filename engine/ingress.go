package engine

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/ingress"
	"github.com/podhop/podhop/engine/ingress/plan"
	"github.com/podhop/podhop/engine/ingress/proxy"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/topology"
	"github.com/podhop/podhop/engine/trace"
)

// openIngress serves Ingresses in the pods that run the catalogue's proxy.
func (s *Session) openIngress(context.Context, []network.Node) (err error) {
	s.ingress, err = ingress.Start(s.ctx, ingress.Config{
		ClientConfig: s.api.ClientConfig(), Informers: s.api.Informers(), Presence: s.api.Presence(),
		Pods:    s.proxyPods,
		Runs:    func(pod *corev1.Pod) bool { return s.engine.proxyImage != "" && s.runs(pod, s.engine.proxyImage) },
		Relayed: s.relayed, HostsChanged: s.hostsChanged, Log: s.log,
		Gateways: func(list func() plan.GatewayObjects) {
			s.topology.Also(func(o *topology.Objects) {
				g := list()
				o.Gateways, o.HTTPRoutes, o.GRPCRoutes = g.Gateways, g.HTTPRoutes, g.GRPCRoutes
			})
		},
	})
	if err != nil {
		return err
	}
	s.onClose(s.ingress.Close)
	s.pods.onLeaving(s.ingress.Leaving)
	return nil
}

// proxyPods are the network namespaces of pods, by sandbox.
func (s *Session) proxyPods() map[string]ingress.Pod {
	all := map[string]ingress.Pod{}
	for id, sb := range s.pods.all() {
		if sb.joined() {
			namespace, name, _ := strings.Cut(sb.name, "/")
			all[id] = ingress.Pod{Namespace: namespace, Name: name, Net: sb.ns.Net}
		}
	}
	return all
}

// relayed tells the tracer which connection was made for which, and why.
func (s *Session) relayed(_ string, r proxy.Relay) {
	relay := trace.Relay{
		Protocol: "tcp",
		Client:   trace.Socket{Local: r.Client.Local, Remote: r.Client.Remote},
		Backend:  trace.Socket{Local: r.Backend.Local, Remote: r.Backend.Remote},
		Decision: model.Decision{Kind: "proxy"},
	}
	d := &relay.Decision
	asked := fmt.Sprintf("%s %s", r.Method, r.Host+r.Path)
	if r.Rule != nil {
		o := r.Rule.Origin
		d.Object = &model.Object{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
		d.Rule = o.Rule
	}
	switch {
	case r.Refusal.Status != 0 && d.Object == nil:
		d.Sentence = fmt.Sprintf("The proxy answered %s itself with %d: %s.", asked, r.Refusal.Status, r.Refusal.Reason)
	case r.Refusal.Status != 0:
		d.Sentence = fmt.Sprintf("The proxy answered %s itself with %d: %s (%s %s/%s, %s).", asked, r.Refusal.Status, r.Refusal.Reason,
			d.Object.Kind, d.Object.Namespace, d.Object.Name, d.Rule)
	default:
		for i, e := range r.To.Endpoints {
			if e == r.Backend.Remote {
				d.Endpoint, d.Endpoints = i+1, len(r.To.Endpoints)
			}
		}
		d.Sentence = fmt.Sprintf("The proxy sent %s to endpoint %d of %d of Service %s/%s, port %s (%s), because of %s %s/%s, %s.", asked,
			d.Endpoint, d.Endpoints, r.To.Namespace, r.To.Name, r.To.Port, r.Backend.Remote, d.Object.Kind, d.Object.Namespace, d.Object.Name, d.Rule)
	}
	s.tracer.Relayed(relay)
}

// lookupOutside finds a name as the client outside would that has Ingresses'
// addresses in its hosts file; said tells where the address is from.
func (s *Session) lookupOutside(host string) (ip netip.Addr, said string, err error) {
	h, ok := s.ingress.Lookup(host)
	if !ok {
		return ip, "", fmt.Errorf("cannot look up %s: only pods ask the cluster's DNS; the client knows the hosts of Ingresses and Gateways that have an address; use one of those or an address", host)
	}
	return h.Address, fmt.Sprintf("%s is at %s: the client takes the names of %s %s/%s from its status, as a hosts file would have them",
		host, h.Address, h.Kind, h.Namespace, h.Name), nil
}
