package realtest

import (
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

// run runs a command in a vertex's namespace.
func (l *lab) run(vertex string, command ...string) {
	l.t.Helper()
	if err := l.namespace(vertex).Do(func() error {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, out)
		}
		return nil
	}); err != nil {
		l.t.Fatal(err)
	}
}

// datagram sends one of UDP over IPv4, from an address that the vertex's kernel calls its
// own, with a TTL, and never in fragments.
func (l *lab) datagram(vertex, from, to string, ttl, size int) {
	l.t.Helper()
	if err := l.namespace(vertex).Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, ttl); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE); err != nil {
			return err
		}
		at := func(a string) unix.Sockaddr {
			p := netip.MustParseAddrPort(a)
			return &unix.SockaddrInet4{Addr: p.Addr().As4(), Port: int(p.Port())}
		}
		if err := unix.Bind(fd, at(from)); err != nil {
			return err
		}
		return unix.Sendto(fd, make([]byte, size), 0, at(to))
	}); err != nil {
		l.t.Fatal(err)
	}
}

// A bridge's guard drops before IP's hooks see anything. Its rules are read, and the journey
// says that they were.
func TestBridgeGuard(t *testing.T) {
	l := newLab(t, network.Bridge)
	l.run("pod/default/shop", "ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
	tracer := l.watch()
	shop, web := l.pods["shop"].IP.String(), l.pods["web-1"].IP.String()
	for _, c := range []struct{ from, verdict, sentence string }{
		{"192.0.2.1:4000", "dropped", "node-1 dropped it: a pod may send from its own address only, and 192.0.2.1 is not shop's. No event tells of it, as bridges' rules are not traced: this is what the rule says of such a packet."},
		{shop + ":4000", "rejected", "Nobody listens on UDP port 4000 of web-1: its kernel answered with ICMP port unreachable."},
	} {
		until := time.Now().Add(time.Minute)
		for {
			l.datagram("pod/default/shop", c.from, web+":4000", 64, 8)
			if err := tracer.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.mu.Lock()
			told := l.all
			l.all = nil
			l.mu.Unlock()
			if slices.ContainsFunc(told, func(j model.Journey) bool {
				d := j.Hops[len(j.Hops)-1].Decision
				return j.Source == c.from && j.Verdict == c.verdict && d != nil && d.Sentence == c.sentence && (c.verdict == "rejected" || d.Rule != "" && d.Table == "bridge podhop-guard")
			}) {
				break
			}
			if time.Now().After(until) {
				t.Fatalf("want %s: %s\n%s", c.verdict, c.sentence, tracetest.Render(told...))
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// What ends a packet before it gets anywhere is told, by whom and why.
func TestDrops(t *testing.T) {
	l := newLab(t, network.Routed)
	l.service("ranged", "10.96.0.30", 30083, []string{"web-1"}, func(s *v1.ServiceSpec) {
		s.Type, s.LoadBalancerSourceRanges = v1.ServiceTypeLoadBalancer, []string{"192.0.2.0/24"}
	})
	s, err := l.client.CoreV1().Services("default").Get(t.Context(), "ranged", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: "203.0.113.9"}}
	if _, err := l.client.CoreV1().Services("default").Update(t.Context(), s, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	l.run("client", "ip", "route", "add", "203.0.113.9", "via", "172.18.0.11")
	l.run("pod/default/shop", "ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
	l.run("node/node-1", "ip", "link", "set", "eth0", "mtu", "1400")
	shop, web := l.pods["shop"].IP.String(), l.pods["web-1"].IP.String()
	tracer := l.watch()
	for _, c := range []struct {
		name, from, protocol, to string
		send                     func()
		kind, sentence           string
		rule                     string // of the decision
	}{
		{"a source that is not the pod's", "pod/default/shop", "UDP", web + ":4000", func() { l.datagram("pod/default/shop", "192.0.2.1:4000", web+":4000", 64, 8) },
			"drop", "node-1 dropped it: a pod may send from its own address only.", "drop"},
		{"a TTL that runs out", "pod/default/shop", "UDP", web + ":4001", func() { l.datagram("pod/default/shop", shop+":4001", web+":4001", 2, 8) },
			"drop", "node-2 dropped it, because its TTL ran out.", ""},
		{"a packet that is too big", "pod/default/shop", "UDP", web + ":4002", func() { l.datagram("pod/default/shop", shop+":4002", web+":4002", 64, 1450) },
			"drop", "node-1 dropped it: it is too big for the next link.", ""},
		{"a port that nobody listens on", "pod/default/shop", "UDP", web + ":4003", func() { l.datagram("pod/default/shop", shop+":4003", web+":4003", 64, 8) },
			"reject", "Nobody listens on UDP port 4003 of web-1: its kernel answered with ICMP port unreachable.", ""},
		{"a source that a load balancer does not take", "client", "TCP", "203.0.113.9:80", func() { l.send("client", "203.0.113.9:80") },
			"drop", "kube-proxy on node-1 dropped it: 172.18.0.100 is not among the loadBalancerSourceRanges of Service default/ranged, port http.", "drop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for { // kube-proxy may not have written all of it yet
				l.mu.Lock()
				l.all = nil
				l.mu.Unlock()
				c.send()
				if err := tracer.Flush(ctx); err != nil {
					t.Fatal(err)
				}
				var told []model.Journey
				l.mu.Lock()
				for _, j := range l.all {
					if !j.Reply && j.Protocol == c.protocol && j.Destination == c.to {
						told = append(told, j)
					}
				}
				l.mu.Unlock()
				for _, j := range told {
					last := j.Hops[len(j.Hops)-1]
					if d := last.Decision; d != nil && d.Kind == c.kind && d.Sentence == c.sentence && strings.Contains(d.Rule, c.rule) && j.Verdict == map[string]string{"drop": "dropped", "reject": "rejected"}[c.kind] {
						return
					}
				}
				select {
				case <-ctx.Done():
					t.Fatalf("want %s: %s\n%s", c.kind, c.sentence, tracetest.Render(told...))
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
}
