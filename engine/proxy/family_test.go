package proxy

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/network"
)

// syncs counts how often each family's rules were written.
type syncs struct {
	sync.Mutex
	of map[v1.IPFamily]int
}

func (s *syncs) add(done Sync) {
	s.Lock()
	defer s.Unlock()
	s.of[done.Family]++
}

func (s *syncs) get(f v1.IPFamily) int {
	s.Lock()
	defer s.Unlock()
	return s.of[f]
}

func dual(ip6 string) func(*v1.Service) {
	return func(s *v1.Service) {
		s.Spec.ClusterIPs = append(s.Spec.ClusterIPs, ip6)
		s.Spec.IPFamilies = append(s.Spec.IPFamilies, v1.IPv6Protocol)
	}
}

func TestDualStack(t *testing.T) {
	l := newLabOf(t, 2, true)
	count := &syncs{of: map[v1.IPFamily]int{}}
	l.start(Config{OnSync: count.add})
	a, b := l.pod("a", "node-1"), l.pod("b", "node-2")
	l.service("first", "10.96.0.19", nil)
	l.endpoints("first", b)
	l.eventually("IPv4 alone", a.NS, "10.96.0.19:80", "b sees 10.244.1.2")
	if n := count.get(v1.IPv6Protocol); n != 0 {
		t.Errorf("the rules of IPv6 were written %d times before a Service needs any", n)
	}
	l.service("web", "10.96.0.20", dual("fd00:10:96::20"))
	l.eventually("no endpoints: refused", a.NS, "[fd00:10:96::20]:80", "connection refused")
	l.slice("web", discovery.AddressTypeIPv4, b)
	l.slice("web", discovery.AddressTypeIPv6, b)
	l.eventually("IPv4", a.NS, "10.96.0.20:80", "b sees 10.244.1.2")
	l.eventually("IPv6", a.NS, "[fd00:10:96::20]:80", "b sees fd00:10:244:1::2")
	l.eventually("from a node", l.net.Node("node-1"), "[fd00:10:96::20]:80", "b sees fd00:172:18::11")
	l.eventually("another port of it: refused", a.NS, "[fd00:10:96::20]:81", "connection refused")
	l.eventually("an address of no Service: dropped", a.NS, "[fd00:10:96::7]:80", "context deadline exceeded")

	l.service("port", "10.96.0.21", func(s *v1.Service) {
		dual("fd00:10:96::21")(s)
		s.Spec.Type = v1.ServiceTypeNodePort
		s.Spec.Ports[0].NodePort = 30080
	})
	l.slice("port", discovery.AddressTypeIPv4, b)
	l.slice("port", discovery.AddressTypeIPv6, b)
	l.eventually("NodePort on another node", l.net.Client(), "[fd00:172:18::11]:30080", "b sees fd00:172:18::11")
	l.eventually("NodePort of IPv4", l.net.Client(), "172.18.0.11:30080", "b sees 172.18.0.11")

	// Who answers health checks does so at both of the node's addresses, until it ends.
	l.service("local", "10.96.0.23", func(s *v1.Service) {
		dual("fd00:10:96::23")(s)
		s.Spec.Type = v1.ServiceTypeLoadBalancer
		s.Spec.ExternalTrafficPolicy = v1.ServiceExternalTrafficPolicyLocal
		s.Spec.HealthCheckNodePort = 32000
		s.Spec.Ports[0].NodePort = 30081
	})
	l.slice("local", discovery.AddressTypeIPv4, b)
	l.slice("local", discovery.AddressTypeIPv6, b)
	l.eventually("NodePort Local", l.net.Client(), "[fd00:172:18::12]:30081", "b sees fd00:172:18::100")
	l.eventually("NodePort Local where no endpoint is", l.net.Client(), "[fd00:172:18::11]:30081", "context deadline exceeded")
	for _, at := range []string{"172.18.0.12:32000", "[fd00:172:18::12]:32000"} {
		if got := get(l.net.Client(), at); !strings.Contains(got, `"localEndpoints": 1`) {
			t.Errorf("health check at %s: %s", at, got)
		}
	}

	// A node that comes later knows what there is.
	late := network.Node{Name: "node-3", IP: netip.MustParseAddr("172.18.0.13"), PodCIDR: netip.MustParsePrefix("10.244.3.0/24"),
		IP6: netip.MustParseAddr("fd00:172:18::13"), PodCIDR6: netip.MustParsePrefix("fd00:10:244:3::/64")}
	l.nodes = append(l.nodes, late)
	desired := network.Desired{Nodes: l.nodes, ClientIP: netip.MustParseAddr("172.18.0.100"), ClientIP6: netip.MustParseAddr("fd00:172:18::100")}
	for _, p := range l.pods {
		desired.Pods = append(desired.Pods, p)
	}
	if err := l.net.Set(t.Context(), desired); err != nil {
		t.Fatal(err)
	}
	if _, err := l.proxies.Start(t.Context(), l.place(late)); err != nil {
		t.Fatal(err)
	}
	l.eventually("NodePort on a node that came later", l.net.Client(), "[fd00:172:18::13]:30080", "b sees fd00:172:18::13")

	// What concerns one family alone has the other's rules stay.
	l.settled()
	six := count.get(v1.IPv6Protocol)
	l.service("four", "10.96.0.22", nil)
	l.endpoints("four", b)
	l.eventually("a Service of one family", a.NS, "10.96.0.22:80", "b sees 10.244.1.2")
	l.settled()
	if n := count.get(v1.IPv6Protocol); n != six {
		t.Errorf("the rules of IPv6 were written %d times for a Service without", n-six)
	}
	if err := l.client.CoreV1().Services("default").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	l.eventually("deleted", a.NS, "[fd00:10:96::20]:80", "context deadline exceeded")
	if err := l.proxies.Close(); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"172.18.0.12:32000", "[fd00:172:18::12]:32000"} {
		if got := get(l.net.Client(), at); got != "connection refused" {
			t.Errorf("health check at %s after Close: %s", at, got)
		}
	}
}
