package dns

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

func service(name, ip string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: corev1.ServiceSpec{ClusterIP: strings.Fields(ip)[0], ClusterIPs: strings.Fields(ip), Ports: ports}}
}

// slice is of endpoints "IP[=HOSTNAME][!]", where ! is for one that is not ready.
func slice(svc, name string, endpoints ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: svc}},
		Ports:      []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(8443)), Protocol: new(corev1.ProtocolTCP)}},
	}
	for _, e := range endpoints {
		e, unready := strings.CutSuffix(e, "!")
		ip, hostname, named := strings.Cut(e, "=")
		one := discoveryv1.Endpoint{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: new(!unready)}}
		if named {
			one.Hostname = &hostname
		}
		s.Endpoints = append(s.Endpoints, one)
	}
	return s
}

func indexer(objects ...any) cache.Indexer {
	i := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, o := range objects {
		if err := i.Add(o); err != nil {
			panic(err)
		}
	}
	return i
}

// cluster has the Services of the specification's examples.
func cluster() *Resolver {
	external := func(name, to string) *corev1.Service {
		s := service(name, "None")
		s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: to}
		return s
	}
	system := service("kube-dns", "10.96.0.10")
	system.Namespace = "kube-system"
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("10.4.0.%d", i))
	}
	return NewResolver(Config{
		Zone: "cluster.local",
		Namespaces: corelisters.NewNamespaceLister(indexer(
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}})),
		Services: corelisters.NewServiceLister(indexer(system,
			service("kubernetes", "10.3.0.1", corev1.ServicePort{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP}),
			service("unnamed", "10.3.0.2", corev1.ServicePort{Port: 80, Protocol: corev1.ProtocolTCP}),
			service("dual", "10.3.0.3 2001:db8::3", corev1.ServicePort{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}),
			service("six", "2001:db8::6", corev1.ServicePort{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP}),
			service("headless", "None", corev1.ServicePort{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP}),
			service("idle", "None"), service("many", "None"),
			external("foo", "www.example.com"), external("lost", "nobody.example"), external("near", "kubernetes.default.svc.cluster.local"),
			external("gone", "nobody.default.svc.cluster.local"), external("loop", "loop.default.svc.cluster.local"),
		)),
		EndpointSlices: discoverylisters.NewEndpointSliceLister(indexer(
			slice("headless", "headless-1", "10.3.0.100=my-pet", "10.3.0.101", "10.3.0.102=late!"),
			slice("headless", "headless-2", "2001:db8::1=my-pet"),
			slice("idle", "idle-1", "10.3.0.110!"), slice("many", "many-1", many...), slice("kubernetes", "kubernetes-1", "172.18.0.1"),
		)),
	})
}

// short writes a result as "RCODE: record, ... + additional", without names' zone,
// TTL and class.
func short(res Result) string {
	var all []string
	for _, rrs := range [][]dns.RR{res.Answer, res.Additional} {
		for _, rr := range rrs {
			all = append(all, strings.ReplaceAll(rr.String(), "\t", " "))
		}
	}
	text := strings.NewReplacer(" 5 IN ", " ", ".default.svc.cluster.local.", ".d.", ".svc.cluster.local.", ".").Replace(strings.Join(all, ", "))
	if len(res.Authority) > 0 {
		text += " SOA"
	}
	return strings.Join(strings.Fields(dns.RcodeToString[res.Rcode]+" "+text), " ")
}

func TestResolve(t *testing.T) {
	r := cluster()
	for _, c := range []struct{ query, want string }{
		// 2.2
		{"TXT dns-version.cluster.local", `NOERROR dns-version.cluster.local. TXT "1.1.0"`},
		{"A dns-version.cluster.local", "NOERROR SOA"},
		// 2.3.1
		{"A kubernetes.default.svc.cluster.local", "NOERROR kubernetes.d. A 10.3.0.1"},
		{"A KuberNetes.Default.svc.cluster.local", "NOERROR KuberNetes.Default. A 10.3.0.1"},
		{"AAAA kubernetes.default.svc.cluster.local", "NOERROR SOA"},
		{"AAAA dual.default.svc.cluster.local", "NOERROR dual.d. AAAA 2001:db8::3"},
		{"A dual.default.svc.cluster.local", "NOERROR dual.d. A 10.3.0.3"},
		// 2.3.2
		{"SRV _https._tcp.kubernetes.default.svc.cluster.local", "NOERROR _https._tcp.kubernetes.d. SRV 0 100 443 kubernetes.d., kubernetes.d. A 10.3.0.1"},
		{"SRV _dns._udp.dual.default.svc.cluster.local", "NOERROR _dns._udp.dual.d. SRV 0 100 53 dual.d., dual.d. A 10.3.0.3, dual.d. AAAA 2001:db8::3"},
		{"SRV kubernetes.default.svc.cluster.local", "NOERROR kubernetes.d. SRV 0 100 443 kubernetes.d., kubernetes.d. A 10.3.0.1"},
		{"SRV _https._udp.kubernetes.default.svc.cluster.local", "NXDOMAIN SOA"},
		{"SRV _http._tcp.unnamed.default.svc.cluster.local", "NXDOMAIN SOA"},
		{"SRV _._tcp.unnamed.default.svc.cluster.local", "NXDOMAIN SOA"},
		{"SRV _tcp.kubernetes.default.svc.cluster.local", "NOERROR SOA"},
		{"A _https._tcp.kubernetes.default.svc.cluster.local", "NOERROR SOA"},
		// 2.3.3
		{"PTR 1.0.3.10.in-addr.arpa", "NOERROR 1.0.3.10.in-addr.arpa. PTR kubernetes.d."},
		{"PTR 3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "NOERROR 3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR dual.d."},
		{"A 1.0.3.10.in-addr.arpa", "NOERROR SOA"},
		{"PTR 9.9.3.10.in-addr.arpa", "NXDOMAIN SOA"},
		{"PTR 8.8.8.8.in-addr.arpa", "REFUSED"},
		// 2.4.1
		{"A headless.default.svc.cluster.local", "NOERROR headless.d. A 10.3.0.100, headless.d. A 10.3.0.101"},
		{"AAAA headless.default.svc.cluster.local", "NOERROR headless.d. AAAA 2001:db8::1"},
		{"A my-pet.headless.default.svc.cluster.local", "NOERROR my-pet.headless.d. A 10.3.0.100"},
		{"AAAA my-pet.headless.default.svc.cluster.local", "NOERROR my-pet.headless.d. AAAA 2001:db8::1"},
		{"A 10-3-0-101.headless.default.svc.cluster.local", "NOERROR 10-3-0-101.headless.d. A 10.3.0.101"},
		{"A late.headless.default.svc.cluster.local", "NXDOMAIN SOA"},
		{"A idle.default.svc.cluster.local", "NXDOMAIN SOA"},
		// 2.4.2
		{"SRV _https._tcp.headless.default.svc.cluster.local", "NOERROR _https._tcp.headless.d. SRV 0 33 8443 my-pet.headless.d., " +
			"_https._tcp.headless.d. SRV 0 33 8443 10-3-0-101.headless.d., _https._tcp.headless.d. SRV 0 33 8443 my-pet.headless.d., " +
			"my-pet.headless.d. A 10.3.0.100, 10-3-0-101.headless.d. A 10.3.0.101, my-pet.headless.d. AAAA 2001:db8::1"},
		{"SRV _http._tcp.headless.default.svc.cluster.local", "NXDOMAIN SOA"},
		// 2.4.3
		{"PTR 100.0.3.10.in-addr.arpa", "NOERROR 100.0.3.10.in-addr.arpa. PTR my-pet.headless.d."},
		{"PTR 102.0.3.10.in-addr.arpa", "NXDOMAIN SOA"},
		// 2.5
		{"A foo.default.svc.cluster.local", "NOERROR foo.d. CNAME www.example.com."},
		{"CNAME foo.default.svc.cluster.local", "NOERROR foo.d. CNAME www.example.com."},
		{"A near.default.svc.cluster.local", "NOERROR near.d. CNAME kubernetes.d., kubernetes.d. A 10.3.0.1"},
		{"A gone.default.svc.cluster.local", "NXDOMAIN gone.d. CNAME nobody.d. SOA"},
		{"A loop.default.svc.cluster.local", "SERVFAIL"},
		{"A x.foo.default.svc.cluster.local", "NXDOMAIN SOA"},
		// pods, as CoreDNS has them
		{"A 10-3-0-7.default.pod.cluster.local", "NOERROR 10-3-0-7.default.pod.cluster.local. A 10.3.0.7"},
		{"AAAA 10-3-0-7.default.pod.cluster.local", "NOERROR SOA"},
		{"AAAA 2001-db8--7.default.pod.cluster.local", "NOERROR 2001-db8--7.default.pod.cluster.local. AAAA 2001:db8::7"},
		{"A 10-3-0-7.nowhere.pod.cluster.local", "NXDOMAIN SOA"},
		{"A web.default.pod.cluster.local", "NXDOMAIN SOA"},
		// names with names below them exist
		{"A cluster.local", "NOERROR SOA"}, {"A svc.cluster.local", "NOERROR SOA"}, {"A default.svc.cluster.local", "NOERROR SOA"},
		{"A pod.cluster.local", "NOERROR SOA"}, {"A default.pod.cluster.local", "NOERROR SOA"},
		{"NS cluster.local", "NOERROR cluster.local. NS ns.dns.cluster.local."},
		{"A ns.dns.cluster.local", "NOERROR ns.dns.cluster.local. A 10.96.0.10"},
		// what is not there
		{"A nowhere.svc.cluster.local", "NXDOMAIN SOA"}, {"A web.default.svc.cluster.local", "NXDOMAIN SOA"},
		{"A a.b.c.kubernetes.default.svc.cluster.local", "NXDOMAIN SOA"}, {"A a.b.kubernetes.default.svc.cluster.local", "NXDOMAIN SOA"},
		{"A kubernetes.default", "REFUSED"}, {"A example.com", "REFUSED"}, {"A notcluster.local", "REFUSED"}, {"A .", "REFUSED"},
	} {
		qtype, name, _ := strings.Cut(c.query, " ")
		got := short(r.Resolve(dns.Question{Name: dns.Fqdn(name), Qtype: dns.StringToType[qtype], Qclass: dns.ClassINET}))
		if got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.query, got, c.want)
		}
	}
}

func TestCandidates(t *testing.T) {
	s := NewStub([]string{"10.96.0.10"}, []string{"default.svc.cluster.local", "svc.cluster.local", "cluster.local"}, []string{"ndots:5"})
	for _, c := range []struct{ host, want string }{
		{"web", "web.default.svc.cluster.local. web.svc.cluster.local. web.cluster.local. web."},
		{"web.", "web."},
		{"a.b.c.d.e.f", "a.b.c.d.e.f. a.b.c.d.e.f.default.svc.cluster.local. a.b.c.d.e.f.svc.cluster.local. a.b.c.d.e.f.cluster.local."},
	} {
		if got := s.candidates(c.host); !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: %v, want %s", c.host, got, c.want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	s := &Server{resolver: cluster()}
	for _, name := range []string{"many.default.svc.cluster.local.", "1.0.3.10.in-addr.arpa.", "_._tcp.headless.default.svc.cluster.local."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV, dns.TypePTR, dns.TypeANY} {
			b, err := new(dns.Msg).SetQuestion(name, qtype).SetEdns0(4096, true).Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, question []byte) {
		if got := s.answer(question, false); len(got) > maxUDP {
			t.Errorf("%d bytes", len(got))
		}
	})
}
