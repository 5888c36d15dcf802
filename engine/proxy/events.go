package proxy

import (
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/proxy/apis"
)

// hook registers the one set of handlers, and returns what tells that they have
// seen all there was.
func (p *Proxies) hook() (synced []cache.InformerSynced, err error) {
	add := func(inf cache.SharedIndexInformer, h cache.ResourceEventHandler) {
		if err != nil {
			return
		}
		var reg cache.ResourceEventHandlerRegistration
		if reg, err = inf.AddEventHandler(h); err != nil {
			err = fmt.Errorf("informer: %w", err)
			return
		}
		synced = append(synced, reg.HasSynced)
		p.unhook = append(p.unhook, func() error { return inf.RemoveEventHandler(reg) })
	}
	inf := p.cfg.Informers
	add(inf.Core().V1().Services().Informer(), filtered(ours, handler(hasFamily,
		func(n *Proxy, o *v1.Service) { n.proxier.OnServiceAdd(o) },
		func(n *Proxy, old, o *v1.Service) { n.proxier.OnServiceUpdate(old, o) },
		func(n *Proxy, o *v1.Service) { n.proxier.OnServiceDelete(o) },
		p)))
	add(inf.Discovery().V1().EndpointSlices().Informer(), filtered(routable, handler(isOfFamily,
		func(n *Proxy, o *discovery.EndpointSlice) { n.proxier.OnEndpointSliceAdd(o) },
		func(n *Proxy, old, o *discovery.EndpointSlice) { n.proxier.OnEndpointSliceUpdate(old, o) },
		func(n *Proxy, o *discovery.EndpointSlice) { n.proxier.OnEndpointSliceDelete(o) },
		p)))
	add(inf.Networking().V1().ServiceCIDRs().Informer(), cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { p.serviceCIDRs(nil, o) },
		UpdateFunc: func(old, o any) { p.serviceCIDRs(old, o) },
		DeleteFunc: func(o any) { p.serviceCIDRs(o, nil) },
	})
	add(inf.Core().V1().Nodes().Informer(), cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { p.labels(nil, o) }, UpdateFunc: p.labels,
	})
	return synced, err
}

// labels tells a node's proxies which zone and host they are in, if that has
// changed: endpoints may have been meant for it.
func (p *Proxies) labels(old, o any) {
	node := o.(*v1.Node)
	if was, ok := old.(*v1.Node); ok && maps.Equal(was.Labels, node.Labels) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.each(func(n *Proxy) {
		if n.cfg.Name == node.Name {
			n.proxier.OnTopologyChange(node.Labels) // and have all rules written
			if p.synced {
				n.mark()
			}
		}
	})
}

// ours leaves out Services that another proxy has been chosen for, as the
// label selectors of upstream's server do.
func ours(o metav1.Object) bool {
	_, other := o.GetLabels()[apis.LabelServiceProxyName]
	return !other
}

// routable also leaves out headless Services' slices.
func routable(o metav1.Object) bool {
	_, headless := o.GetLabels()[v1.IsHeadlessService]
	return ours(o) && !headless
}

func filtered(keep func(metav1.Object) bool, h cache.ResourceEventHandler) cache.ResourceEventHandler {
	return cache.FilteringResourceEventHandler{
		FilterFunc: func(o any) bool {
			m, ok := latest(o).(metav1.Object)
			return ok && keep(m)
		},
		Handler: h,
	}
}

// latest is the last known state of an object whose deletion was missed.
func latest(o any) any {
	if t, ok := o.(cache.DeletedFinalStateUnknown); ok {
		return t.Obj
	}
	return o
}

// hasFamily tells whether a Service has addresses of a family.
func hasFamily(s *v1.Service, f v1.IPFamily) bool { return slices.Contains(s.Spec.IPFamilies, f) }

// isOfFamily tells whether a slice's addresses are of a family.
func isOfFamily(s *discovery.EndpointSlice, f v1.IPFamily) bool {
	return string(s.AddressType) == string(f)
}

// handler hands each event to every node, and tells them that there was one, if it
// is about their family: to write is to start a program. The first that is has the
// family begin.
func handler[T any](about func(T, v1.IPFamily) bool, add func(*Proxy, T), update func(*Proxy, T, T), remove func(*Proxy, T), p *Proxies) cache.ResourceEventHandler {
	each := func(f func(*Proxy), objects ...any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, n := range p.all() {
			concerned := slices.ContainsFunc(objects, func(o any) bool { return about(o.(T), n.family) })
			if concerned {
				n.wake()
			}
			if n.proxier == nil {
				continue // it will be told of all when it is ready for events
			}
			f(n)
			if p.synced && concerned {
				n.mark()
			}
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { each(func(n *Proxy) { add(n, o.(T)) }, o) },
		UpdateFunc: func(old, o any) {
			each(func(n *Proxy) { update(n, old.(T), o.(T)) }, old, o)
		},
		DeleteFunc: func(o any) {
			if o, ok := latest(o).(T); ok {
				each(func(n *Proxy) { remove(n, o) }, o)
			}
		},
	}
}

// replay tells a node that has become ready what there is. Events that are still on
// their way will be told again, which does no harm: the trackers keep the last state.
func (p *Proxies) replay(n *Proxy) {
	n.proxier.OnTopologyChange(n.labels())
	for _, o := range p.cfg.Informers.Core().V1().Services().Informer().GetStore().List() {
		if s := o.(*v1.Service); ours(s) {
			n.proxier.OnServiceAdd(s)
		}
	}
	for _, o := range p.cfg.Informers.Discovery().V1().EndpointSlices().Informer().GetStore().List() {
		if s := o.(*discovery.EndpointSlice); routable(s) {
			n.proxier.OnEndpointSliceAdd(s)
		}
	}
	n.proxier.OnServiceCIDRsChanged(slices.Sorted(maps.Keys(p.cidrs)))
}

func (p *Proxies) serviceCIDRs(old, o any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := latest(old).(*networking.ServiceCIDR); ok {
		for _, cidr := range c.Spec.CIDRs {
			if p.cidrs[cidr]--; p.cidrs[cidr] <= 0 {
				delete(p.cidrs, cidr)
			}
		}
	}
	if c, ok := o.(*networking.ServiceCIDR); ok {
		for _, cidr := range c.Spec.CIDRs {
			p.cidrs[cidr]++
		}
	}
	p.each(func(n *Proxy) {
		n.proxier.OnServiceCIDRsChanged(slices.Sorted(maps.Keys(p.cidrs)))
		if p.synced {
			// Upstream would write the rule with its next full sync, an hour later.
			n.proxier.OnTopologyChange(n.labels())
			n.mark()
		}
	})
}

// each calls f for every node and family that is ready for events; the lock must be held.
func (p *Proxies) each(f func(*Proxy)) {
	for _, n := range p.all() {
		if n.proxier != nil {
			f(n)
		}
	}
}

// all are the nodes' Proxies of all families; the lock must be held.
func (p *Proxies) all() (all []*Proxy) {
	for _, n := range p.nodes {
		all = append(all, n.families()...)
	}
	return all
}
