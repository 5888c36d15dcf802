package plan

import (
	"fmt"
	"net/http"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podhop/podhop/engine/ingress/route"
)

// Ports that Ingresses are served on.
const (
	portHTTP  = 80
	portHTTPS = 443
)

// An IngressPlan is what the Ingresses of our classes come to.
type IngressPlan struct {
	Table *route.Table
	// Served are the Ingresses that are in it, oldest first.
	Served []*networkingv1.Ingress
	Notes  []Note
}

// Ingresses plans as the Ingress v1 API says (k8s.io/api/networking/v1). All
// Ingresses are one table: of two rules for the same host and path the older
// Ingress' counts. Certificates are for the names in spec.tls, or for their own;
// where none fits, fallback is offered, which may be the zero Certificate.
func Ingresses(o *Objects, fallback route.Certificate) IngressPlan {
	var p IngressPlan
	plain := route.Listener{Name: "http"}
	secure := route.Listener{Name: "https", Default: fallback.Certificate}
	for _, ingress := range byAge(o.Ingresses) {
		if !Served(ingress, o.Classes) || ingress.DeletionTimestamp != nil {
			continue
		}
		p.Served = append(p.Served, ingress)
		plain.Rules = append(plain.Rules, p.rules(o, ingress)...)
		secure.Certificates = append(secure.Certificates, p.certificates(o, ingress)...)
	}
	secure.Rules = append([]route.Rule(nil), plain.Rules...)
	p.Table = &route.Table{Ports: map[uint16]*route.Port{
		portHTTP:  {Listeners: []route.Listener{plain}},
		portHTTPS: {TLS: true, Listeners: []route.Listener{secure}},
	}}
	for _, port := range p.Table.Ports {
		port.Sort()
	}
	return p
}

func (p *IngressPlan) warn(i *networkingv1.Ingress, reason, format string, args ...any) {
	p.Notes = append(p.Notes, Note{Object: i, Warning: true, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// rules are those of one Ingress.
func (p *IngressPlan) rules(o *Objects, i *networkingv1.Ingress) (rules []route.Rule) {
	origin := func(format string, args ...any) route.Origin {
		return route.Origin{Kind: "Ingress", Namespace: i.Namespace, Name: i.Name, Rule: fmt.Sprintf(format, args...)}
	}
	for _, r := range i.Spec.Rules {
		host := route.ParseHost(r.Host, route.One)
		if r.HTTP == nil {
			// "If the rule has no paths, all traffic is for the default backend."
			continue
		}
		for n := range r.HTTP.Paths {
			path := &r.HTTP.Paths[n]
			rule := route.Rule{Host: host, Path: pathOf(path)}
			rule.Origin = origin("host %s, path %s", host, rule.Path)
			p.send(o, i, &rule, &path.Backend)
			rules = append(rules, rule)
		}
	}
	if d := i.Spec.DefaultBackend; d != nil {
		hosts := map[route.Host]bool{{}: true}
		for _, r := range i.Spec.Rules {
			hosts[route.ParseHost(r.Host, route.One)] = true
		}
		for host := range hosts {
			rule := route.Rule{Host: host, Fallback: true, Origin: origin("the default backend")}
			p.send(o, i, &rule, d)
			rules = append(rules, rule)
		}
	}
	return rules
}

// pathOf reads a path. ImplementationSpecific is Prefix here.
func pathOf(p *networkingv1.HTTPIngressPath) route.Path {
	if p.PathType != nil && *p.PathType == networkingv1.PathTypeExact {
		return route.Path{Kind: route.Exact, Value: p.Path}
	}
	return route.Path{Value: p.Path}
}

// send gives a rule its backend, and tells what is wrong with it.
func (p *IngressPlan) send(o *Objects, i *networkingv1.Ingress, rule *route.Rule, b *networkingv1.IngressBackend) {
	if b.Service == nil {
		reason := "the backend is no Service"
		if b.Resource != nil {
			reason = fmt.Sprintf("the backend is a %s, and only Services can be asked", b.Resource.Kind)
		}
		rule.Refusal = route.Refusal{Status: http.StatusInternalServerError, Reason: reason}
		p.warnOnce(i, "UnsupportedBackend", "%s: %s", rule.Origin.Rule, reason)
		return
	}
	backend, problem := o.backend(i.Namespace, *b.Service)
	rule.Backends = []route.Backend{backend}
	if problem != "" {
		p.warnOnce(i, problem, "%s: %s", rule.Origin.Rule, backend.Refusal.Reason)
	}
}

// warnOnce does not repeat itself: a default backend stands for several hosts.
func (p *IngressPlan) warnOnce(i *networkingv1.Ingress, reason, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	for _, n := range p.Notes {
		if n.Object == i && n.Message == message {
			return
		}
	}
	p.warn(i, reason, "%s", message)
}

// certificates are those of spec.tls. One that cannot be used is told of, and its
// hosts get the fallback.
func (p *IngressPlan) certificates(o *Objects, i *networkingv1.Ingress) (list []route.Certificate) {
	for _, t := range i.Spec.TLS {
		if t.SecretName == "" {
			continue // the fallback will do, says the API
		}
		secret := o.Secret(i.Namespace, t.SecretName)
		if secret == nil {
			p.warnOnce(i, "SecretNotFound", "Secret %s/%s is not there: its hosts get the default certificate", i.Namespace, t.SecretName)
			continue
		}
		pair, err := keyPair(secret)
		if err != nil {
			p.warnOnce(i, "InvalidCertificate", "Secret %s/%s: %v: its hosts get the default certificate", i.Namespace, t.SecretName, err)
			continue
		}
		c := route.Certificate{Certificate: pair}
		names := t.Hosts
		if len(names) == 0 {
			names = pair.Leaf.DNSNames
		}
		for _, name := range names {
			c.Hosts = append(c.Hosts, route.ParseHost(name, route.One))
		}
		list = append(list, c)
	}
	return list
}
