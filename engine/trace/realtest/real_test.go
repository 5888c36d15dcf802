package realtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/proxy"
	"github.com/podhop/podhop/engine/trace"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
	"github.com/podhop/podhop/engine/trace/record"
	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { nsexec.TestMain(m) }

type lab struct {
	t      *testing.T
	net    *network.Network
	client *fake.Clientset
	pods   map[string]network.Pod
	names  map[netip.Addr]string

	mu  sync.Mutex
	all []model.Journey
}

// newLab is two nodes with kube-proxy, pods shop and web-0 on node-1, web-1 and
// web-2 on node-2.
func newLab(t *testing.T, cni network.CNI) *lab {
	l := &lab{t: t, client: fake.NewClientset(), pods: map[string]network.Pod{}, names: map[netip.Addr]string{}}
	var err error
	if l.net, err = network.Open(network.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.net.Close() })
	var nodes []network.Node
	for i := 1; i <= 2; i++ {
		n := network.Node{Name: fmt.Sprintf("node-%d", i), IP: netip.MustParseAddr(fmt.Sprintf("172.18.0.1%d", i)), PodCIDR: netip.MustParsePrefix(fmt.Sprintf("10.244.%d.0/24", i))}
		n.IP6, n.PodCIDR6 = six(n.IP), netip.PrefixFrom(six(n.PodCIDR.Addr()), 64)
		nodes = append(nodes, n)
		for _, prefix := range []netip.Prefix{n.PodCIDR, n.PodCIDR6} {
			l.names[prefix.Addr()], l.names[prefix.Addr().Next()] = "node/"+n.Name, "node/"+n.Name
		}
		l.names[n.IP], l.names[n.IP6] = "node/"+n.Name, "node/"+n.Name
	}
	client := netip.MustParseAddr("172.18.0.100")
	l.names[client], l.names[six(client)] = "client", "client"
	if err := l.net.Set(t.Context(), network.Desired{Nodes: nodes, ClientIP: client, ClientIP6: six(client), CNI: cni}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ name, node string }{{"shop", "node-1"}, {"web-0", "node-1"}, {"web-1", "node-2"}, {"web-2", "node-2"}} {
		l.pod(p.name, p.node)
	}
	cidr := &networking.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networking.ServiceCIDRSpec{CIDRs: []string{"10.96.0.0/16", "fd00:10:96::/112"}}}
	if _, err := l.client.NetworkingV1().ServiceCIDRs().Create(t.Context(), cidr, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	l.service("web", "10.96.0.20", 30080, []string{"web-0", "web-1", "web-2"}, nil)
	l.service("sticky", "10.96.0.21", 0, []string{"web-1", "web-2"}, func(s *v1.ServiceSpec) {
		timeout := int32(10800)
		s.SessionAffinity = v1.ServiceAffinityClientIP
		s.SessionAffinityConfig = &v1.SessionAffinityConfig{ClientIP: &v1.ClientIPConfig{TimeoutSeconds: &timeout}}
	})
	l.service("one", "10.96.0.22", 0, []string{"web-1"}, nil)
	l.service("empty", "10.96.0.23", 30081, nil, nil)
	l.service("local", "10.96.0.24", 30082, []string{"web-1"}, func(s *v1.ServiceSpec) { s.ExternalTrafficPolicy = v1.ServiceExternalTrafficPolicyLocal })
	l.service("self", "10.96.0.25", 0, []string{"web-0"}, nil)
	l.proxies(nodes)
	return l
}

func (l *lab) proxies(nodes []network.Node) {
	ctx, cancel := context.WithCancel(context.Background())
	factory := informers.NewSharedInformerFactory(l.client, 0)
	all, err := proxy.Open(ctx, proxy.Config{Informers: factory})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { all.Close(); cancel(); factory.Shutdown() })
	for _, n := range nodes {
		if _, err := all.Start(ctx, proxy.Node{Name: n.Name, IP: n.IP, PodCIDR: n.PodCIDR, IP6: n.IP6, PodCIDR6: n.PodCIDR6, NS: l.net.Node(n.Name)}); err != nil {
			l.t.Fatal(err)
		}
	}
	wait, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	if err := all.Settled(wait); err != nil {
		l.t.Fatal(err)
	}
}

// pod answers its vertex over HTTP on port 8080.
func (l *lab) pod(name, node string) {
	ns, err := nsexec.NewNetNS()
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { ns.Close() })
	p := network.Pod{ID: name, Name: "default/" + name, Node: node, NS: ns}
	at, err := l.net.Attach(l.t.Context(), p)
	if err != nil {
		l.t.Fatal(err)
	}
	p.IP, p.IP6 = at.IP, at.IP6
	l.pods[name], l.names[at.IP], l.names[at.IP6] = p, "pod/default/"+name, "pod/default/"+name
	li, err := ns.Listen("tcp", ":8080")
	if err != nil {
		l.t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "pod/default/"+name) })}
	go s.Serve(li)
	l.t.Cleanup(func() { s.Close() })
}

func (l *lab) service(name, ip string, nodePort int32, pods []string, change func(*v1.ServiceSpec)) {
	s := &v1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name)}, Spec: v1.ServiceSpec{
		Type: v1.ServiceTypeClusterIP, ClusterIP: ip, ClusterIPs: []string{ip, six(netip.MustParseAddr(ip)).String()}, IPFamilies: []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol},
		Ports: []v1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), Protocol: v1.ProtocolTCP, NodePort: nodePort}},
	}}
	if nodePort != 0 {
		s.Spec.Type, s.Spec.ExternalTrafficPolicy = v1.ServiceTypeNodePort, v1.ServiceExternalTrafficPolicyCluster
	}
	if change != nil {
		change(&s.Spec)
	}
	port, number, protocol, ready := "http", int32(8080), v1.ProtocolTCP, true
	if _, err := l.client.CoreV1().Services("default").Create(l.t.Context(), s, metav1.CreateOptions{}); err != nil {
		l.t.Fatal(err)
	}
	for _, family := range []discovery.AddressType{discovery.AddressTypeIPv4, discovery.AddressTypeIPv6} {
		e := &discovery.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: name + "-" + string(family), Namespace: "default", Labels: map[string]string{discovery.LabelServiceName: name}},
			AddressType: family, Ports: []discovery.EndpointPort{{Name: &port, Port: &number, Protocol: &protocol}}}
		for _, p := range pods {
			ip, node := l.pods[p].IP, l.pods[p].Node
			if family == discovery.AddressTypeIPv6 {
				ip = l.pods[p].IP6
			}
			e.Endpoints = append(e.Endpoints, discovery.Endpoint{Addresses: []string{ip.String()}, NodeName: &node,
				Conditions: discovery.EndpointConditions{Ready: &ready, Serving: &ready}})
		}
		if _, err := l.client.DiscoveryV1().EndpointSlices("default").Create(l.t.Context(), e, metav1.CreateOptions{}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// six is the address of IPv6 that stands beside one of IPv4.
func six(a netip.Addr) netip.Addr {
	b := a.As4()
	prefix := map[[2]byte]string{{172, 18}: "fd00:172:18", {10, 244}: "fd00:10:244", {10, 96}: "fd00:10:96"}[[2]byte(b[:2])]
	if b[1] == 244 {
		return netip.MustParseAddr(fmt.Sprintf("%s:%d::%d", prefix, b[2], b[3]))
	}
	return netip.MustParseAddr(fmt.Sprintf("%s::%x", prefix, int(b[2])<<8+int(b[3])))
}

var (
	address        = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`)
	addressAndPort = regexp.MustCompile(`\b(\d+\.\d+\.\d+\.\d+):`)
)

// inSix is a text with its addresses of IPv4 turned into those beside them, and with
// what IPv6 says of an address that a node's route calls unreachable.
func inSix(text string) string {
	text = strings.Replace(text, "it cannot reach 10.244.2.77", "it has no route to the address", 1)
	text = addressAndPort.ReplaceAllString(text, "[$1]:")
	return address.ReplaceAllStringFunc(text, func(s string) string { return six(netip.MustParseAddr(s)).String() })
}

func (l *lab) namespace(vertex string) *nsexec.NetNS {
	kind, name, _ := strings.Cut(vertex, "/")
	switch kind {
	case "client":
		return l.net.Client()
	case "underlay":
		return l.net.Underlay()
	case "node":
		return l.net.Node(name)
	}
	return l.pods[strings.TrimPrefix(name, "default/")].NS
}

func (l *lab) sources() (all []trace.Source) {
	for _, name := range []string{"underlay", "client", "node/node-1", "node/node-2"} {
		all = append(all, trace.Source{Name: name, Net: l.namespace(name), Devices: func(index int) (record.Device, bool) {
			d, ok := l.net.Device(name, index)
			return record.Device{Name: d.Name, Peer: d.Peer, Bridge: d.Bridge}, ok
		}})
	}
	return all
}

func (l *lab) watch() *trace.Tracer {
	l.t.Helper()
	t, err := trace.New(trace.Config{
		Sources: l.sources,
		Names:   func(a netip.Addr) string { return l.names[a] },
		Route:   l.net.Route,
		Emit: func(j model.Journey) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.all = append(l.all, j)
		},
		Lost: func(n uint64, reason string) { l.t.Errorf("lost %d: %s", n, reason) },
	})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { t.Close() })
	if _, err := t.Watch(); err != nil {
		l.t.Fatal(err)
	}
	return t
}

// send answers who answered.
func (l *lab) send(from, to string) (who string) {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if c, err := l.namespace(from).DialContext(ctx, "tcp", to); err == nil {
		fmt.Fprintf(c, "GET / HTTP/1.0\r\n\r\n")
		if r, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
			b, _ := io.ReadAll(r.Body)
			who = string(b)
		}
		c.Close()
	}
	return who
}

// get answers who answered, and the journeys that it took: those of its connection, if one
// began, because the one before may end only now.
func (l *lab) get(t *trace.Tracer, from, to string) (who string, all []model.Journey) {
	l.t.Helper()
	l.mu.Lock()
	l.all = nil
	l.mu.Unlock()
	who = l.send(from, to)
	if err := t.Flush(context.Background()); err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, j := range l.all {
		if j.From == from && j.Destination == to {
			all = append(all, j)
		}
	}
	if i := slices.IndexFunc(all, func(j model.Journey) bool { return j.Summary == "SYN" }); i >= 0 {
		connection := all[i].Conversation
		all = slices.DeleteFunc(all, func(j model.Journey) bool { return j.Conversation != connection })
	}
	return who, all
}

// What the real rules of upstream's kube-proxy decide, and how it is told, however
// pods are joined to their nodes.
func TestKubeProxy(t *testing.T) {
	for _, cni := range []network.CNI{network.Routed, network.Bridge, network.VXLAN} {
		for family, of := range map[string]func(string) string{"IPv4": func(s string) string { return s }, "IPv6": inSix} {
			t.Run(string(cni)+" "+family, func(t *testing.T) { testKubeProxy(t, cni, of) })
		}
	}
}

// between is node-1's route to the pods of node-2.
var between = map[network.CNI]string{
	network.Routed: "10.244.2.0/24 via 172.18.0.12 dev eth0", network.Bridge: "10.244.2.0/24 via 172.18.0.12 dev eth0",
	network.VXLAN: "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
}

// testKubeProxy is TestKubeProxy for what of makes of addresses.
func testKubeProxy(t *testing.T, cni network.CNI, of func(string) string) {
	l := newLab(t, cni)
	tracer := l.watch()
	endpoint := map[string]int{"pod/default/web-0": 1, "pod/default/web-1": 2, "pod/default/web-2": 3}
	for _, test := range []struct {
		name, from, to string
		kind, object   string
		endpoints      int // 0: whatever
		verdict        string
		sentence       string // of the decision; WHO, N and IP are the endpoint's
		hops           int    // of routed pods; 0: whatever
	}{
		{"ClusterIP", "pod/default/shop", "10.96.0.20:80", "dnat", "web", 3, "delivered", "kube-proxy chose endpoint N of 3 of Service default/web, port http (IP:8080).", 0},
		{"ClusterIP across nodes", "pod/default/shop", "10.96.0.22:80", "dnat", "one", 1, "delivered", "kube-proxy chose the only endpoint of Service default/one, port http (IP:8080).", 8},
		{"ClusterIP from a node", "node/node-2", "10.96.0.20:80", "dnat", "web", 3, "delivered", "kube-proxy chose endpoint N of 3 of Service default/web, port http (IP:8080).", 0},
		{"node port", "client", "172.18.0.11:30080", "dnat", "web", 3, "delivered", "kube-proxy chose endpoint N of 3 of Service default/web, port http (IP:8080).", 0},
		{"node port masquerades", "client", "172.18.0.12:30080", "masquerade", "web", 0, "delivered", "node-2 masqueraded it for Service default/web, port http, whose externalTrafficPolicy is Cluster: with node-2 as the source, the answer comes back through node-2, which undoes the rewriting.", 0},
		{"Local, on its node", "client", "172.18.0.12:30082", "dnat", "local", 1, "delivered", "kube-proxy chose the only endpoint of Service default/local, port http (IP:8080).", 6},
		{"Local, elsewhere", "client", "172.18.0.11:30082", "drop", "local", 0, "dropped", "kube-proxy on node-1 dropped it: Service default/local, port http has the traffic policy Local, and no endpoint on node-1.", 4},
		{"no endpoints", "pod/default/shop", "10.96.0.23:80", "reject", "empty", 0, "rejected", "kube-proxy on node-1 rejected it: Service default/empty, port http has no endpoints.", 3},
		{"no endpoints by node port", "client", "172.18.0.12:30081", "reject", "empty", 0, "rejected", "kube-proxy on node-2 rejected it: Service default/empty, port http has no endpoints.", 4},
		{"no such port", "pod/default/shop", "10.96.0.22:81", "reject", "one", 0, "rejected", "kube-proxy on node-1 rejected it: Service default/one has no port 81.", 3},
		{"no such ClusterIP", "pod/default/shop", "10.96.9.9:80", "drop", "", 0, "dropped", "kube-proxy on node-1 dropped it: no Service has the ClusterIP 10.96.9.9.", 3},
		{"hairpin", "pod/default/web-0", "10.96.0.25:80", "masquerade", "", 0, "delivered", "node-1 masqueraded it: the pod reached itself through its Service, and must see the answer come through node-1.", 6},
		{"nobody listens", "pod/default/shop", l.pods["web-1"].IP.String() + ":9", "reject", "", 0, "rejected", "Nobody listens on TCP port 9 of web-1: its kernel answered with a reset.", 7},
		{"no such pod", "pod/default/shop", "10.244.2.77:80", "reject", "", 0, "rejected", "node-2 rejected it: it cannot reach 10.244.2.77.", 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "no such pod" && cni != network.Routed {
				t.Skip("the node looks for it on its bridge, for longer than the test waits")
			}
			who, all := l.get(tracer, test.from, of(test.to))
			if len(all) == 0 || all[0].Summary != "SYN" {
				t.Fatalf("no SYN among:\n%s", tracetest.Render(all...))
			}
			j := all[0]
			want := test.sentence
			if who != "" {
				n := endpoint[who]
				want = strings.NewReplacer("endpoint N of", fmt.Sprintf("endpoint %d of", n), "IP:", l.pods[strings.TrimPrefix(who, "pod/default/")].IP.String()+":").Replace(want)
			}
			want = of(want)
			var d *model.Decision
			for _, h := range j.Hops {
				if h.Decision != nil && h.Decision.Kind == test.kind {
					d = h.Decision
				}
			}
			switch {
			case d == nil:
				t.Fatalf("no %s in:\n%s", test.kind, tracetest.Render(j))
			case d.Sentence != want, j.Verdict != test.verdict, cni == network.Routed && test.hops > 0 && len(j.Hops) != test.hops, who != "" && j.To != who,
				test.endpoints > 0 && d.Endpoints != test.endpoints, test.kind == "dnat" && d.Rule == "":
				t.Errorf("want %d hops, %s: %s\n%s", test.hops, test.verdict, want, tracetest.Render(j))
			case test.name == "ClusterIP across nodes" && of("10.96.0.22") == "10.96.0.22" && !slices.ContainsFunc(j.Hops, func(h model.Hop) bool {
				return h.Decision != nil && h.Decision.Kind == "route" && h.Decision.Rule == between[cni]
			}):
				t.Errorf("no route %s in:\n%+v", between[cni], j.Hops)
			case test.object == "" && d.Object != nil, test.object != "" && (d.Object == nil || d.Object.Name != test.object || d.Object.Namespace != "default"):
				t.Errorf("object %+v", d.Object)
			}
		})
	}
	for i := range 3 {
		who, all := l.get(tracer, "pod/default/shop", of("10.96.0.21:80"))
		want := fmt.Sprintf("endpoint %d of 2 of Service default/sticky", endpoint[who]-1)
		first := ""
		if i > 0 {
			first = ", since a connection "
		}
		if sticks := "sticks to it" + first; len(all) == 0 || !strings.Contains(tracetest.Render(all[0]), sticks) || !strings.Contains(tracetest.Render(all[0]), " until it has not connected for 3h.") {
			t.Errorf("want %q:\n%s", sticks, tracetest.Render(all...))
		}
		if len(all) == 0 || !strings.Contains(tracetest.Render(all[0]), want) || i > 0 != strings.Contains(tracetest.Render(all[0]), "session affinity") {
			t.Errorf("want %s:\n%s", want, tracetest.Render(all...))
		}
	}
}
