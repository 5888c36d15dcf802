package proxy

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/internal/nsexec"
)

// until waits for a condition that the rules bring about.
func (l *lab) until(what string, check func() (missing string)) {
	l.t.Helper()
	missing := check()
	for end := time.Now().Add(10 * time.Second); missing != "" && time.Now().Before(end); {
		missing = check()
	}
	if missing != "" {
		l.t.Errorf("%s: %s", what, missing)
	}
}

func (l *lab) change(service string, change func(*v1.Service)) {
	l.t.Helper()
	s, err := l.client.CoreV1().Services("default").Get(l.t.Context(), service, metav1.GetOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	change(s)
	if _, err := l.client.CoreV1().Services("default").Update(l.t.Context(), s, metav1.UpdateOptions{}); err != nil {
		l.t.Fatal(err)
	}
}

// endpoint changes the endpoints of a Service's slice one by one.
func (l *lab) endpoint(service string, change func(i int, e *discovery.Endpoint)) {
	l.t.Helper()
	slices := l.client.DiscoveryV1().EndpointSlices("default")
	s, err := slices.Get(l.t.Context(), service+"-ipv4", metav1.GetOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	for i := range s.Endpoints {
		change(i, &s.Endpoints[i])
	}
	if _, err := slices.Update(l.t.Context(), s, metav1.UpdateOptions{}); err != nil {
		l.t.Fatal(err)
	}
}

// TestTrafficPolicies asks a Service with an endpoint on node-2 alone from
// everywhere, under each policy.
func TestTrafficPolicies(t *testing.T) {
	l := newLab(t, 3)
	l.start(Config{})
	a, b := l.pod("a", "node-1"), l.pod("b", "node-2")
	onNode2 := l.pod("c", "node-2")
	external := netip.MustParseAddr("192.0.2.7")
	l.service("web", "10.96.0.20", func(s *v1.Service) {
		s.Spec.Type = v1.ServiceTypeNodePort
		s.Spec.Ports[0].NodePort = 30080
		s.Spec.ExternalIPs = []string{external.String()}
	})
	l.endpoints("web", b)
	announce := func(node string) {
		if err := l.net.Announce(t.Context(), map[netip.Addr][]string{external: {node}}); err != nil {
			t.Fatal(err)
		}
	}
	announce("node-1")
	l.eventually("external IP by a node without endpoints", l.net.Client(), "192.0.2.7:80", "b sees 172.18.0.11")
	l.eventually("external IP from a pod", a.NS, "192.0.2.7:80", "b sees 172.18.0.11")

	l.change("web", func(s *v1.Service) { s.Spec.ExternalTrafficPolicy = v1.ServiceExternalTrafficPolicyLocal })
	l.eventually("Local, node port elsewhere: dropped", l.net.Client(), "172.18.0.11:30080", "context deadline exceeded")
	l.eventually("Local, node port: with the client's address", l.net.Client(), "172.18.0.12:30080", "b sees 172.18.0.100")
	l.eventually("Local, external IP elsewhere: dropped", l.net.Client(), "192.0.2.7:80", "context deadline exceeded")
	l.eventually("Local, but from within: as ever", a.NS, "192.0.2.7:80", "b sees 10.244.1.2")
	l.eventually("Local says nothing of the cluster IP", a.NS, "10.96.0.20:80", "b sees 10.244.1.2")
	announce("node-2")
	l.eventually("Local, external IP: with the client's address", l.net.Client(), "192.0.2.7:80", "b sees 172.18.0.100")

	l.change("web", func(s *v1.Service) { s.Spec.InternalTrafficPolicy = new(v1.ServiceInternalTrafficPolicyLocal) })
	l.eventually("internal Local, elsewhere: dropped", a.NS, "10.96.0.20:80", "context deadline exceeded")
	l.eventually("internal Local", onNode2.NS, "10.96.0.20:80", "b sees 10.244.2.3")

	l.change("web", func(s *v1.Service) {
		s.Spec = v1.ServiceSpec{Type: v1.ServiceTypeClusterIP, ClusterIP: s.Spec.ClusterIP, ClusterIPs: s.Spec.ClusterIPs, IPFamilies: s.Spec.IPFamilies, Ports: s.Spec.Ports}
		s.Spec.Ports[0].NodePort = 0
	})
	l.eventually("no node port any more", l.net.Client(), "172.18.0.12:30080", "connection refused")
	l.eventually("but a cluster IP", a.NS, "10.96.0.20:80", "b sees 10.244.1.2")
}

// TestEndpointConditions has endpoints come and go as pods do that end.
func TestEndpointConditions(t *testing.T) {
	l := newLab(t, 2)
	l.start(Config{})
	a, b, c := l.pod("a", "node-1"), l.pod("b", "node-1"), l.pod("c", "node-2")
	l.service("web", "10.96.0.20", nil)
	l.endpoints("web", b, c)
	terminate := func(which int) {
		l.endpoint("web", func(i int, e *discovery.Endpoint) {
			if i == which {
				e.Conditions = discovery.EndpointConditions{Ready: new(false), Serving: new(true), Terminating: new(true)}
			}
		})
	}
	only := func(what, want string) {
		t.Helper()
		l.until(what, func() string {
			for range 8 {
				if got := get(a.NS, "10.96.0.20:80"); got != want {
					return got
				}
			}
			return ""
		})
	}
	terminate(1)
	only("one terminates: the other one", "b sees 10.244.1.2")
	terminate(0)
	l.until("all terminate, and serve as long as they are all there is", func() string {
		seen := map[string]bool{}
		for range 32 {
			seen[get(a.NS, "10.96.0.20:80")] = true
		}
		if seen["b sees 10.244.1.2"] && seen["c sees 10.244.1.2"] && len(seen) == 2 {
			return ""
		}
		return fmt.Sprint(seen)
	})
	l.endpoint("web", func(_ int, e *discovery.Endpoint) { e.Conditions.Serving = new(false) })
	l.eventually("nobody serves: refused", a.NS, "10.96.0.20:80", "connection refused")

	l.endpoint("web", func(i int, e *discovery.Endpoint) {
		e.Conditions = discovery.EndpointConditions{Ready: new(true)}
		e.Hints = &discovery.EndpointHints{ForNodes: []discovery.ForNode{{Name: *e.NodeName}}}
	})
	for _, n := range l.nodes {
		node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: map[string]string{v1.LabelHostname: n.Name}}}
		if _, err := l.client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	l.change("web", func(s *v1.Service) { s.Spec.TrafficDistribution = new(v1.ServiceTrafficDistributionPreferSameNode) })
	only("same node", "b sees 10.244.1.2")
	l.endpoint("web", func(_ int, e *discovery.Endpoint) {
		e.Hints = &discovery.EndpointHints{ForZones: []discovery.ForZone{{Name: map[string]string{"node-1": "east", "node-2": "west"}[*e.NodeName]}}}
	})
	l.change("web", func(s *v1.Service) { s.Spec.TrafficDistribution = new(v1.ServiceTrafficDistributionPreferSameZone) })
	if _, err := l.client.CoreV1().Nodes().Update(t.Context(), &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1",
		Labels: map[string]string{v1.LabelHostname: "node-1", v1.LabelTopologyZone: "west"}}}, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	only("same zone, by a label of later on", "c sees 10.244.1.2")
}

func TestAffinity(t *testing.T) {
	l := newLab(t, 1)
	l.start(Config{})
	a := l.pod("a", "node-1")
	var others []network.Pod // many, so that another choice is soon made
	for _, name := range strings.Split("bcdefghi", "") {
		others = append(others, l.pod(name, "node-1"))
	}
	l.service("web", "10.96.0.20", func(s *v1.Service) {
		s.Spec.SessionAffinity = v1.ServiceAffinityClientIP
		s.Spec.SessionAffinityConfig = &v1.SessionAffinityConfig{ClientIP: &v1.ClientIPConfig{TimeoutSeconds: new(int32(2))}}
	})
	l.endpoints("web", others...)
	l.until("answered", func() string { return strings.TrimSuffix(get(a.NS, "10.96.0.20:80"), " sees 10.244.1.2")[1:] })
	first := get(a.NS, "10.96.0.20:80")
	for range 16 {
		if got := get(a.NS, "10.96.0.20:80"); got != first {
			t.Fatalf("%s, after %s", got, first)
		}
	}
	remembered := func() string {
		var out []byte
		err := l.net.Node("node-1").Do(func() (err error) {
			out, err = exec.Command("nft", "list", "table", "ip", "kube-proxy").Output()
			return err
		})
		if err != nil {
			return err.Error()
		}
		for _, line := range strings.Split(string(out), "\n") {
			if strings.Contains(line, "elements") && strings.Contains(line, "expires") {
				return line
			}
		}
		if !strings.Contains(string(out), "timeout 2s") {
			return string(out)
		}
		return ""
	}
	if remembered() == "" {
		t.Error("the kernel does not remember the client")
	}
	// The kernel forgets the client, and lets it choose again; each ask makes it remember anew.
	l.until("another choice", func() string {
		if missing := remembered(); missing != "" {
			return missing
		}
		if got := get(a.NS, "10.96.0.20:80"); got == first {
			return got
		}
		return ""
	})
}

// TestDatagrams has a program keep its socket while endpoints change: connection
// tracking must not hold on to the old one.
func TestDatagrams(t *testing.T) {
	l := newLab(t, 2)
	l.start(Config{})
	a := l.pod("a", "node-1")
	echo := func(name, node string) network.Pod {
		p := l.pod(name, node)
		c, err := p.NS.ListenPacket("udp4", "0.0.0.0:8080")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			b := make([]byte, 100)
			for {
				_, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				c.WriteTo([]byte(name), from)
			}
		}()
		return p
	}
	b, c := echo("b", "node-1"), echo("c", "node-2")
	// TCP and UDP may have the same port, and each its own endpoints' port.
	l.service("names", "10.96.0.20", func(s *v1.Service) {
		s.Spec.Ports = append(s.Spec.Ports, v1.ServicePort{Name: "udp", Port: 80, Protocol: v1.ProtocolUDP})
	})
	port := func(p network.Pod) {
		l.endpoints("names", p)
		slices := l.client.DiscoveryV1().EndpointSlices("default")
		s, err := slices.Get(t.Context(), "names-ipv4", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s.Ports = append(s.Ports, discovery.EndpointPort{Name: new("udp"), Port: new(int32(8080)), Protocol: new(v1.ProtocolUDP)})
		if _, err := slices.Update(t.Context(), s, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	port(b)
	conn, err := a.NS.DialContext(t.Context(), "udp", "10.96.0.20:80")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func() string {
		conn.SetDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := conn.Write([]byte("?")); err != nil {
			return err.Error()
		}
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		if err != nil {
			return err.Error()
		}
		return string(buf[:n])
	}
	answers := func(want string) {
		t.Helper()
		l.until(want, func() string {
			if got := ask(); got != want {
				return got
			}
			return ""
		})
	}
	answers("b")
	l.eventually("TCP on the same port", a.NS, "10.96.0.20:80", "b sees 10.244.1.2")
	port(c)
	answers("c") // by the same socket, and so by the same entry if it had stayed
	l.endpoints("names")
	l.until("no endpoint", func() string {
		if got := ask(); !strings.Contains(got, "refused") {
			return got
		}
		return ""
	})
	port(b)
	answers("b")
}

// TestSCTP sends the packet that begins an association, by hand: a kernel may lack
// SCTP for programs and have it for connection tracking.
func TestSCTP(t *testing.T) {
	l := newLab(t, 2)
	l.start(Config{})
	a, b := l.pod("a", "node-1"), l.pod("b", "node-2")
	l.service("web", "10.96.0.20", func(s *v1.Service) {
		s.Spec.Ports = []v1.ServicePort{{Name: "sctp", Port: 80, Protocol: v1.ProtocolSCTP}}
	})
	l.endpoints("web", b)
	slices := l.client.DiscoveryV1().EndpointSlices("default")
	s, err := slices.Get(t.Context(), "web-ipv4", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Ports = []discovery.EndpointPort{{Name: new("sctp"), Port: new(int32(8080)), Protocol: new(v1.ProtocolSCTP)}}
	if _, err := slices.Update(t.Context(), s, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	raw := func(ns *nsexec.NetNS) (fd int) {
		err := ns.Do(func() (err error) {
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	out, in := raw(a.NS), raw(b.NS)
	if err := unix.SetsockoptTimeval(in, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		t.Fatal(err)
	}
	port := uint16(40000)
	l.until("the INIT arrives", func() string {
		port++ // a connection of its own, which no earlier attempt has led astray
		if err := unix.Sendto(out, initChunk(port, 80), 0, &unix.SockaddrInet4{Addr: [4]byte{10, 96, 0, 20}}); err != nil {
			return err.Error()
		}
		buf := make([]byte, 200)
		n, from, err := unix.Recvfrom(in, buf, 0)
		if err != nil {
			return err.Error()
		}
		packet := buf[20:n]
		got := fmt.Sprintf("%v %d to %v %d", netip.AddrFrom4(from.(*unix.SockaddrInet4).Addr), binary.BigEndian.Uint16(packet),
			net.IP(buf[16:20]), binary.BigEndian.Uint16(packet[2:]))
		if got == fmt.Sprintf("10.244.1.2 %d to 10.244.2.2 8080", port) {
			return ""
		}
		return got
	})
}

// initChunk is RFC 9260's packet with an INIT chunk alone, and its checksum (CRC32c).
func initChunk(from, to uint16) []byte {
	p := make([]byte, 12, 32)
	binary.BigEndian.PutUint16(p, from)
	binary.BigEndian.PutUint16(p[2:], to)
	p = append(p, 1, 0, 0, 20)                                    // INIT, its length
	p = append(p, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1) // tag, window, streams, TSN
	binary.LittleEndian.PutUint32(p[8:], crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)))
	return p
}
