package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
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

	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/internal/nsexec"
)

func TestMain(m *testing.M) { nsexec.TestMain(m) }

type lab struct {
	t       testing.TB
	net     *network.Network
	nodes   []network.Node
	client  *fake.Clientset
	proxies *Proxies
	pods    map[string]network.Pod
}

func newLab(t testing.TB, nodes int) *lab {
	t.Helper()
	return newLabOf(t, nodes, false)
}

func newLabOf(t testing.TB, nodes int, dualStack bool) *lab {
	t.Helper()
	l := &lab{t: t, client: fake.NewClientset(), pods: map[string]network.Pod{}}
	var err error
	if l.net, err = network.Open(network.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.net.Close() })
	for i := 1; i <= nodes; i++ {
		l.nodes = append(l.nodes, network.Node{Name: fmt.Sprintf("node-%d", i), IP: netip.MustParseAddr(fmt.Sprintf("172.18.0.1%d", i)),
			PodCIDR: netip.MustParsePrefix(fmt.Sprintf("10.244.%d.0/24", i))})
	}
	desired := network.Desired{Nodes: l.nodes, ClientIP: netip.MustParseAddr("172.18.0.100")}
	cidrs := []string{"10.96.0.0/16"}
	if dualStack {
		for i := range l.nodes {
			l.nodes[i].IP6 = netip.MustParseAddr(fmt.Sprintf("fd00:172:18::%d", 11+i))
			l.nodes[i].PodCIDR6 = netip.MustParsePrefix(fmt.Sprintf("fd00:10:244:%d::/64", 1+i))
		}
		desired.ClientIP6 = netip.MustParseAddr("fd00:172:18::100")
		cidrs = append(cidrs, "fd00:10:96::/112")
	}
	if err := l.net.Set(t.Context(), desired); err != nil {
		t.Fatal(err)
	}
	_, err = l.client.NetworkingV1().ServiceCIDRs().Create(t.Context(), &networking.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networking.ServiceCIDRSpec{CIDRs: cidrs}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) start(cfg Config) {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	factory := informers.NewSharedInformerFactory(l.client, 0)
	cfg.Informers = factory
	var err error
	if l.proxies, err = Open(ctx, cfg); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { l.proxies.Close(); cancel(); factory.Shutdown() })
	for _, n := range l.nodes {
		if _, err := l.proxies.Start(ctx, l.place(n)); err != nil {
			l.t.Fatal(err)
		}
	}
	l.settled()
}

func (l *lab) place(n network.Node) Node {
	return Node{Name: n.Name, IP: n.IP, PodCIDR: n.PodCIDR, IP6: n.IP6, PodCIDR6: n.PodCIDR6, NS: l.net.Node(n.Name)}
}

func (l *lab) settled() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 10*time.Second)
	defer cancel()
	if err := l.proxies.Settled(ctx); err != nil {
		l.t.Fatal(err)
	}
}

// pod answers its name over HTTP on port 8080, with whom it sees.
func (l *lab) pod(name, node string) network.Pod {
	l.t.Helper()
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
	ln, err := ns.Listen("tcp", ":8080")
	if err != nil {
		l.t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s sees %s", name, netip.MustParseAddrPort(r.RemoteAddr).Addr().Unmap())
	})}
	go srv.Serve(ln)
	l.t.Cleanup(func() { srv.Close() })
	l.pods[name] = p
	return p
}

func (l *lab) service(name, ip string, change func(*v1.Service)) {
	l.t.Helper()
	s := &v1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name)}, Spec: v1.ServiceSpec{
		Type: v1.ServiceTypeClusterIP, ClusterIP: ip, ClusterIPs: []string{ip}, IPFamilies: []v1.IPFamily{v1.IPv4Protocol},
		ExternalTrafficPolicy: v1.ServiceExternalTrafficPolicyCluster,
		Ports:                 []v1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), Protocol: v1.ProtocolTCP}},
	}}
	if change != nil {
		change(s)
	}
	if _, err := l.client.CoreV1().Services("default").Create(l.t.Context(), s, metav1.CreateOptions{}); err != nil {
		l.t.Fatal(err)
	}
}

// endpoints says which pods are behind a Service.
func (l *lab) endpoints(service string, pods ...network.Pod) {
	l.t.Helper()
	l.slice(service, discovery.AddressTypeIPv4, pods...)
}

func (l *lab) slice(service string, family discovery.AddressType, pods ...network.Pod) {
	l.t.Helper()
	name, port, protocol, ready := "http", int32(8080), v1.ProtocolTCP, true
	e := &discovery.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: service + "-" + strings.ToLower(string(family)), Namespace: "default", Labels: map[string]string{discovery.LabelServiceName: service}},
		AddressType: family,
		Ports:       []discovery.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
	}
	for _, p := range pods {
		ip := p.IP
		if family == discovery.AddressTypeIPv6 {
			ip = p.IP6
		}
		e.Endpoints = append(e.Endpoints, discovery.Endpoint{Addresses: []string{ip.String()}, NodeName: &p.Node,
			Conditions: discovery.EndpointConditions{Ready: &ready, Serving: &ready}})
	}
	slices := l.client.DiscoveryV1().EndpointSlices("default")
	if _, err := slices.Update(l.t.Context(), e, metav1.UpdateOptions{}); err == nil {
		return
	}
	if _, err := slices.Create(l.t.Context(), e, metav1.CreateOptions{}); err != nil {
		l.t.Fatal(err)
	}
}

func get(from *nsexec.NetNS, to string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := from.DialContext(ctx, "tcp", to)
	if err != nil {
		return err.Error()[strings.LastIndex(err.Error(), ": ")+2:]
	}
	defer c.Close()
	fmt.Fprintf(c, "GET / HTTP/1.0\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err.Error()
	}
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

// eventually asks until the answer is the one wanted: rules follow events.
func (l *lab) eventually(what string, from *nsexec.NetNS, to, want string) {
	l.t.Helper()
	var got string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if got = get(from, to); got == want {
			return
		}
	}
	l.t.Errorf("%s: got %q, want %q", what, got, want)
}

func TestServices(t *testing.T) {
	l := newLab(t, 3)
	var syncs atomic.Int64
	l.start(Config{OnSync: func(s Sync) { syncs.Add(1) }})
	a, b, c := l.pod("a", "node-1"), l.pod("b", "node-2"), l.pod("c", "node-3")
	l.service("web", "10.96.0.20", nil)
	l.eventually("no endpoints: refused", a.NS, "10.96.0.20:80", "connection refused")
	before := syncs.Load()
	l.endpoints("web", b)
	l.eventually("endpoint on another node", a.NS, "10.96.0.20:80", "b sees 10.244.1.2")
	if syncs.Load() == before {
		t.Error("OnSync was not called")
	}
	l.eventually("from a node", l.net.Node("node-1"), "10.96.0.20:80", "b sees 172.18.0.11")
	l.eventually("from itself", b.NS, "10.96.0.20:80", "b sees 10.244.2.1")
	l.eventually("another port of it: refused", a.NS, "10.96.0.20:81", "connection refused")
	l.eventually("an address of no Service: dropped", a.NS, "10.96.7.7:80", "context deadline exceeded")
	l.eventually("not from outside", l.net.Client(), "10.96.0.20:80", "network is unreachable")

	l.endpoints("web", b, c)
	seen := map[string]bool{}
	for end := time.Now().Add(10 * time.Second); len(seen) < 2 && time.Now().Before(end); {
		seen[get(a.NS, "10.96.0.20:80")] = true
	}
	if len(seen) != 2 {
		t.Errorf("two endpoints: saw %v", seen)
	}
	l.endpoints("web", c)
	l.eventually("the other endpoint", a.NS, "10.96.0.20:80", "c sees 10.244.1.2")

	l.service("port", "10.96.0.21", func(s *v1.Service) {
		s.Spec.Type = v1.ServiceTypeNodePort
		s.Spec.Ports[0].NodePort = 30080
	})
	l.endpoints("port", c)
	l.eventually("NodePort on the endpoint's node", l.net.Client(), "172.18.0.13:30080", "c sees 10.244.3.1")
	l.eventually("NodePort on another node", l.net.Client(), "172.18.0.11:30080", "c sees 172.18.0.11")

	if err := l.client.CoreV1().Services("default").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	l.eventually("deleted", a.NS, "10.96.0.20:80", "context deadline exceeded")
}

func TestLeftAlone(t *testing.T) {
	l := newLab(t, 1)
	a, b := l.pod("a", "node-1"), l.pod("b", "node-1")
	l.service("mesh", "10.96.0.30", func(s *v1.Service) { s.Labels = map[string]string{"service.kubernetes.io/service-proxy-name": "other"} })
	l.service("late", "10.96.0.31", nil)
	l.endpoints("mesh", b)
	l.endpoints("late", b)
	l.start(Config{})
	l.eventually("was there before the proxy", a.NS, "10.96.0.31:80", "b sees 10.244.1.2")
	l.eventually("is for another proxy", a.NS, "10.96.0.30:80", "context deadline exceeded")
}

func TestStopLeaksNothing(t *testing.T) {
	count := func() int {
		b := make([]byte, 1<<20)
		return strings.Count(string(b[:runtime.Stack(b, true)]), "engine/proxy.") + strings.Count(string(b[:runtime.Stack(b, true)]), "pkg/proxy")
	}
	before := count()
	l := newLab(t, 2)
	b := l.pod("b", "node-1")
	l.service("local", "10.96.0.40", func(s *v1.Service) {
		s.Spec.Type = v1.ServiceTypeLoadBalancer
		s.Spec.ExternalTrafficPolicy = v1.ServiceExternalTrafficPolicyLocal
		s.Spec.HealthCheckNodePort = 32000
		s.Spec.Ports[0].NodePort = 30081
	})
	l.endpoints("local", b)
	l.start(Config{})
	if got := get(l.net.Client(), "172.18.0.11:32000"); !strings.Contains(got, `"localEndpoints": 1`) {
		t.Errorf("health check: %s", got)
	}
	if err := l.proxies.Close(); err != nil {
		t.Fatal(err)
	}
	if got := get(l.net.Client(), "172.18.0.11:32000"); got != "connection refused" {
		t.Errorf("health check after Close: %s", got)
	}
	for end := time.Now().Add(5 * time.Second); count() > before+2; runtime.Gosched() { // this test's own frames
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("goroutines left:\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
	if _, err := l.proxies.Start(t.Context(), Node{Name: "node-1", NS: l.net.Node("node-1"), IP: l.nodes[0].IP, PodCIDR: l.nodes[0].PodCIDR}); err != ErrStopped {
		t.Error(err)
	}
}

func TestNoNamespace(t *testing.T) {
	l := newLab(t, 1)
	ns := l.net.Node("node-1")
	gone, err := nsexec.NewNetNS()
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	l.start(Config{Log: slog.New(slog.DiscardHandler)})
	p, err := l.proxies.Start(t.Context(), Node{Name: "gone", NS: gone, IP: l.nodes[0].IP, PodCIDR: l.nodes[0].PodCIDR})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Settled(t.Context()); err == nil || !strings.Contains(err.Error(), "kube-proxy on gone: setns") {
		t.Errorf("got %v", err)
	}
	p.Stop()
	if _, err := l.proxies.Start(t.Context(), Node{Name: "node-1", NS: ns}); err == nil {
		t.Error("two on one node")
	}
	l.settled()
}

// TestRetries lets the first writings fail, because nothing is in the way of `nft` but
// an object of the same name.
func TestRetries(t *testing.T) {
	l := newLab(t, 1)
	ns := l.net.Node("node-1")
	nft := func(args ...string) error {
		return ns.Do(func() error { return exec.Command("nft", args...).Run() })
	}
	if err := nft("add table ip kube-proxy; add map ip kube-proxy cluster-ips { type ipv4_addr : verdict; }"); err != nil {
		t.Fatal(err)
	}
	a, b := l.pod("a", "node-1"), l.pod("b", "node-1")
	l.service("web", "10.96.0.20", nil)
	l.endpoints("web", b)
	log := &lines{want: "could not write its rules", then: func() {
		if err := nft("delete", "table", "ip", "kube-proxy"); err != nil {
			t.Error(err)
		}
	}}
	l.start(Config{Log: slog.New(slog.NewTextHandler(log, nil))})
	if !log.seen.Load() {
		t.Error("nothing failed")
	}
	l.eventually("in the end", a.NS, "10.96.0.20:80", "b sees 10.244.1.2")
}

// lines calls then once a line of the log holds what is wanted.
type lines struct {
	want string
	then func()
	seen atomic.Bool
}

func (l *lines) Write(b []byte) (int, error) {
	if strings.Contains(string(b), l.want) && l.seen.CompareAndSwap(false, true) {
		l.then()
	}
	return len(b), nil
}

// BenchmarkSync is an EndpointSlice's change until the rules are in place on all of
// three nodes.
func BenchmarkSync(b *testing.B) {
	l := newLab(b, 3)
	synced := make(chan Sync, 100)
	l.start(Config{OnSync: func(s Sync) { synced <- s }})
	x, y := l.pod("x", "node-1"), l.pod("y", "node-2")
	l.service("web", "10.96.0.20", nil)
	l.endpoints("web", x)
	l.eventually("ready", x.NS, "10.96.0.20:80", "x sees 10.244.1.1")
	l.settled()
	for len(synced) > 0 {
		<-synced
	}
	for i := 0; b.Loop(); i++ {
		l.endpoints("web", []network.Pod{y, x}[i%2])
		for range 3 {
			<-synced
		}
	}
}

// BenchmarkStart is a session's three proxies until their first rules are in place.
func BenchmarkStart(b *testing.B) {
	l := newLab(b, 3)
	for b.Loop() {
		l.start(Config{})
		l.proxies.Close()
	}
}
