package dns

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// An entry is what is known of one name. A name that exists may have no record of
// the type that is asked for, which is another answer than that there is none.
type entry struct {
	exists    bool
	apex      bool
	addresses []netip.Addr
	alias     string // an ExternalName
	servers   []server
	text      string
	names     []string // for PTR
}

// A server is one SRV record.
type server struct {
	port      uint16
	host      string
	addresses []netip.Addr
}

var nothing = entry{exists: true}

// find looks a name up, which has its final dot and is in lower case. It is not
// ours if others have to answer for it.
func (r *Resolver) find(name string) (e entry, ours bool) {
	if ip, ok := parseReverse(name); ok {
		e := entry{names: r.reverse(ip)}
		e.exists = len(e.names) > 0
		// Nobody out there knows more about addresses that are private.
		return e, e.exists || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()
	}
	l, ok := r.relative(name)
	if !ok {
		return entry{}, false
	}
	last := len(l) - 1
	switch {
	case len(l) == 0:
		return entry{exists: true, apex: true}, true
	case len(l) == 1 && l[0] == "dns-version":
		return entry{exists: true, text: specification}, true
	case len(l) == 1 && l[0] == "dns":
		return nothing, true
	case len(l) == 2 && l[0] == "ns" && l[1] == "dns":
		e, _ := r.find("kube-dns.kube-system.svc." + r.zone)
		return entry{exists: true, addresses: e.addresses}, true
	case l[last] == "svc":
		return r.service(l[:last]), true
	case l[last] == "pod":
		return r.pod(l[:last]), true
	}
	return entry{}, true
}

// service finds what is before ".svc.ZONE":
// [_PORT _PROTOCOL | HOSTNAME | _PROTOCOL] SERVICE NAMESPACE, or less of it.
func (r *Resolver) service(l []string) entry {
	if len(l) == 0 {
		return nothing
	}
	namespace := l[len(l)-1]
	if _, err := r.Namespaces.Get(namespace); err != nil || len(l) > 4 {
		return entry{}
	}
	if len(l) == 1 {
		return nothing
	}
	svc, err := r.Services.Services(namespace).Get(l[len(l)-2])
	if err != nil {
		return entry{}
	}
	l = l[:len(l)-2]
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return entry{exists: len(l) == 0, alias: svc.Spec.ExternalName}
	}
	host := svc.Name + "." + namespace + ".svc." + r.zone
	switch {
	case len(l) == 1 && !strings.HasPrefix(l[0], "_"):
		var of []endpoint
		for _, e := range r.endpoints(svc) {
			if e.hostname == l[0] {
				of = append(of, e)
			}
		}
		return endpoints(of, host)
	case svc.Spec.ClusterIP == corev1.ClusterIPNone:
		return ports(l, endpoints(r.endpoints(svc), host), func(protocol, name string) []server {
			return servers(r.endpoints(svc), host, protocol, name)
		})
	}
	e := entry{exists: true, addresses: clusterIPs(svc)}
	e.servers = portsOf(svc, host, "", "")
	return ports(l, e, func(protocol, name string) []server { return portsOf(svc, host, protocol, name) })
}

// ports narrows a Service's entry to what l asks of it: nothing, _PROTOCOL or
// _PORT _PROTOCOL.
func ports(l []string, whole entry, of func(protocol, name string) []server) entry {
	switch {
	case len(l) == 0:
		return whole
	case len(l) == 1:
		return entry{exists: len(of(strings.TrimPrefix(l[0], "_"), "")) > 0}
	case !strings.HasPrefix(l[0], "_") || !strings.HasPrefix(l[1], "_") || len(l[0]) == 1:
		return entry{}
	}
	s := of(l[1][1:], l[0][1:])
	return entry{exists: len(s) > 0, servers: s}
}

// portsOf are a Service's own, of one protocol and name or ("") of any.
func portsOf(svc *corev1.Service, host, protocol, name string) (all []server) {
	for _, p := range svc.Spec.Ports {
		if matches(protocol, string(p.Protocol)) && matches(name, p.Name) {
			all = append(all, server{port: uint16(p.Port), host: host, addresses: clusterIPs(svc)})
		}
	}
	return all
}

func matches(wanted, has string) bool { return wanted == "" || strings.EqualFold(wanted, has) }

func clusterIPs(svc *corev1.Service) (all []netip.Addr) {
	for _, s := range svc.Spec.ClusterIPs {
		if ip, err := netip.ParseAddr(s); err == nil {
			all = append(all, ip)
		}
	}
	return all
}

// pod answers for A-B-C-D.NAMESPACE.pod.ZONE without looking whether there is such a
// pod, as CoreDNS does where kubeadm installs it ("pods insecure").
func (r *Resolver) pod(l []string) entry {
	if len(l) == 0 {
		return nothing
	}
	if _, err := r.Namespaces.Get(l[len(l)-1]); err != nil || len(l) > 2 {
		return entry{}
	}
	if len(l) == 1 {
		return nothing
	}
	for _, separator := range []string{".", ":"} {
		if ip, err := netip.ParseAddr(strings.ReplaceAll(l[0], "-", separator)); err == nil && ip.Zone() == "" {
			return entry{exists: true, addresses: []netip.Addr{ip}}
		}
	}
	return entry{}
}

// An endpoint is one ready address behind a Service.
type endpoint struct {
	hostname string
	ip       netip.Addr
	ports    []discoveryv1.EndpointPort
}

// endpoints are a Service's that are ready, or count as such because it publishes
// addresses that are not: the slices say so already. Sorted by address.
func (r *Resolver) endpoints(svc *corev1.Service) []endpoint {
	slices_, err := r.EndpointSlices.EndpointSlices(svc.Namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: svc.Name}))
	if err != nil {
		return nil
	}
	return ready(slices_)
}

func ready(of []*discoveryv1.EndpointSlice) (all []endpoint) {
	for _, slice := range of {
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			for _, address := range e.Addresses {
				ip, err := netip.ParseAddr(address)
				if err != nil {
					continue // of type FQDN
				}
				name := strings.NewReplacer(".", "-", ":", "-").Replace(address)
				if e.Hostname != nil && *e.Hostname != "" {
					name = *e.Hostname
				}
				all = append(all, endpoint{hostname: name, ip: ip, ports: slice.Ports})
			}
		}
	}
	slices.SortFunc(all, func(a, b endpoint) int { return cmp.Or(a.ip.Compare(b.ip), cmp.Compare(a.hostname, b.hostname)) })
	return all
}

// endpoints is the entry of a headless Service, or of one of its hostnames. There
// is no such name while no endpoint is ready.
func endpoints(of []endpoint, host string) entry {
	e := entry{exists: len(of) > 0, servers: servers(of, host, "", "")}
	for _, one := range of {
		if !slices.Contains(e.addresses, one.ip) {
			e.addresses = append(e.addresses, one.ip)
		}
	}
	return e
}

func servers(of []endpoint, host, protocol, name string) (all []server) {
	for _, e := range of {
		for _, p := range e.ports {
			if p.Port == nil || p.Protocol != nil && !matches(protocol, string(*p.Protocol)) || name != "" && (p.Name == nil || !matches(name, *p.Name)) {
				continue
			}
			all = append(all, server{port: uint16(*p.Port), host: e.hostname + "." + host, addresses: []netip.Addr{e.ip}})
		}
	}
	return all
}

// reverse names an address: the Service that has it, else the endpoints that do.
func (r *Resolver) reverse(ip netip.Addr) (names []string) {
	services, err := r.Services.List(labels.Everything())
	if err != nil {
		return nil
	}
	for _, svc := range services {
		if slices.Contains(clusterIPs(svc), ip) {
			return []string{svc.Name + "." + svc.Namespace + ".svc." + r.zone}
		}
	}
	all, err := r.EndpointSlices.List(labels.Everything())
	if err != nil {
		return nil
	}
	for _, slice := range all {
		svc := slice.Labels[discoveryv1.LabelServiceName]
		for _, e := range ready([]*discoveryv1.EndpointSlice{slice}) {
			name := e.hostname + "." + svc + "." + slice.Namespace + ".svc." + r.zone
			if e.ip == ip && svc != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// parseReverse reads D.C.B.A.in-addr.arpa. and its like of IPv6 (RFC 3596, 2.5).
func parseReverse(name string) (ip netip.Addr, ok bool) {
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa."); ok {
		l := strings.Split(rest, ".")
		slices.Reverse(l)
		ip, err := netip.ParseAddr(strings.Join(l, "."))
		return ip, err == nil && ip.Is4()
	}
	rest, ok := strings.CutSuffix(name, ".ip6.arpa.")
	if !ok {
		return ip, false
	}
	l := strings.Split(rest, ".")
	if len(l) != 32 {
		return ip, false
	}
	slices.Reverse(l)
	var text strings.Builder
	for i, digit := range l {
		if i > 0 && i%4 == 0 {
			text.WriteByte(':')
		}
		text.WriteString(digit)
	}
	ip, err := netip.ParseAddr(text.String())
	return ip, err == nil && !ip.Is4In6()
}
