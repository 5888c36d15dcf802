package trace_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

// Packets that do not arrive: who decided it, and how it is said.
func TestEnds(t *testing.T) {
	l := newLab(t)
	w := l.watch()
	for _, test := range []struct {
		name, from, to string
		summary, want  string
	}{
		{"no endpoints", "pod/default/shop", "10.96.41.8:80", "SYN", `
TCP SYN: pod/default/shop to node/node-1, request, 10.244.1.2:PORT > 10.96.41.8:80
  pod/default/shop eth0 out 10.244.1.2:PORT > 10.96.41.8:80
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in 10.244.1.2:PORT > 10.96.41.8:80
    node-1 got it from shop on its device veth-shop.
  node/node-1 forward 10.244.1.2:PORT > 10.96.41.8:80 reject default/empty:http {ip kube-proxy reject-chain: reject}
    kube-proxy on node-1 rejected it: Service default/empty, port http has no endpoints.
  => rejected
`},
		{"the rejection's error", "pod/default/shop", "10.96.41.8:80", "Port unreachable", `
ICMP Port unreachable: node/node-1 to pod/default/shop, reply, 10.244.1.1 > 10.244.1.2
  node/node-1 veth-shop out 10.244.1.1 > 10.244.1.2 route
    node-1 sent it out of veth-shop to shop.
  pod/default/shop eth0 in 10.244.1.1 > 10.244.1.2
    shop got it on its eth0 (seen at the veth's other end, veth-shop on node-1). Delivered.
  => delivered
`},
		{"no endpoints, from a node", "node/node-2", "10.96.41.8:80", "SYN", `
TCP SYN: node/node-2 to node/node-2, request, 172.18.0.12:PORT > 10.96.41.8:80
  node/node-2 output 172.18.0.12:PORT > 10.96.41.8:80 reject default/empty:http {ip kube-proxy reject-chain: reject}
    kube-proxy on node-2 rejected it: Service default/empty, port http has no endpoints.
  => rejected
`},
		{"no endpoints, by node port", "client", "172.18.0.11:30081", "SYN", `
TCP SYN: client to node/node-1, request, 172.18.0.100:PORT > 172.18.0.11:30081
  client eth0 out 172.18.0.100:PORT > 172.18.0.11:30081
    The client sent it out of its eth0.
  underlay node-1 out 172.18.0.100:PORT > 172.18.0.11:30081
    The underlay carried it from the client to node-1.
  node/node-1 eth0 in 172.18.0.100:PORT > 172.18.0.11:30081
    node-1 got it on its device eth0.
  node/node-1 input 172.18.0.100:PORT > 172.18.0.11:30081 reject default/empty:http {ip kube-proxy reject-chain: reject}
    kube-proxy on node-1 rejected it: Service default/empty, port http has no endpoints.
  => rejected
`},
		{"traffic policy Local", "client", "172.18.0.11:30082", "SYN", `
TCP SYN: client to node/node-1, request, 172.18.0.100:PORT > 172.18.0.11:30082
  client eth0 out 172.18.0.100:PORT > 172.18.0.11:30082
    The client sent it out of its eth0.
  underlay node-1 out 172.18.0.100:PORT > 172.18.0.11:30082
    The underlay carried it from the client to node-1.
  node/node-1 eth0 in 172.18.0.100:PORT > 172.18.0.11:30082
    node-1 got it on its device eth0.
  node/node-1 input 172.18.0.100:PORT > 172.18.0.11:30082 drop default/local:http {ip kube-proxy nodeport-endpoints-check: ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports}
    kube-proxy on node-1 dropped it: Service default/local, port http has the traffic policy Local, and no endpoint on node-1.
  => dropped
`},
		{"a port that the Service has not", "pod/default/shop", "10.96.41.9:81", "SYN", `
TCP SYN: pod/default/shop to node/node-1, request, 10.244.1.2:PORT > 10.96.41.9:81
  pod/default/shop eth0 out 10.244.1.2:PORT > 10.96.41.9:81
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in 10.244.1.2:PORT > 10.96.41.9:81
    node-1 got it from shop on its device veth-shop.
  node/node-1 forward 10.244.1.2:PORT > 10.96.41.9:81 reject default/one: {ip kube-proxy cluster-ips-check: ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"}
    kube-proxy on node-1 rejected it: Service default/one has no port 81.
  => rejected
`},
		{"no such ClusterIP", "pod/default/shop", "10.96.9.9:80", "SYN", `
TCP SYN: pod/default/shop to node/node-1, request, 10.244.1.2:PORT > 10.96.9.9:80
  pod/default/shop eth0 out 10.244.1.2:PORT > 10.96.9.9:80
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in 10.244.1.2:PORT > 10.96.9.9:80
    node-1 got it from shop on its device veth-shop.
  node/node-1 forward 10.244.1.2:PORT > 10.96.9.9:80 drop {ip kube-proxy cluster-ips-check: ip daddr 10.96.0.0/16 drop comment "Drop traffic to unallocated ClusterIPs"}
    kube-proxy on node-1 dropped it: no Service has the ClusterIP 10.96.9.9.
  => dropped
`},
		{"nobody listens", "pod/default/shop", "10.244.2.2:9999", "SYN", `
TCP SYN: pod/default/shop to pod/default/web-1, request, 10.244.1.2:PORT > 10.244.2.2:9999
  pod/default/shop eth0 out 10.244.1.2:PORT > 10.244.2.2:9999
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in 10.244.1.2:PORT > 10.244.2.2:9999
    node-1 got it from shop on its device veth-shop.
  node/node-1 eth0 out 10.244.1.2:PORT > 10.244.2.2:9999 route
    node-1 routed it out of eth0 to node-2.
  underlay node-2 out 10.244.1.2:PORT > 10.244.2.2:9999
    The underlay carried it from node-1 to node-2.
  node/node-2 eth0 in 10.244.1.2:PORT > 10.244.2.2:9999
    node-2 got it on its device eth0.
  node/node-2 veth-web-1 out 10.244.1.2:PORT > 10.244.2.2:9999 route
    node-2 routed it out of veth-web-1 to web-1.
  pod/default/web-1 eth0 in 10.244.1.2:PORT > 10.244.2.2:9999 reject
    web-1 got it on its eth0 (seen at the veth's other end, veth-web-1 on node-2). Nobody listens on TCP port 9999 of web-1: its kernel answered with a reset.
  => rejected
`},
		{"nobody listens behind a Service", "pod/default/shop", "10.96.41.9:80", "SYN", `
TCP SYN: pod/default/shop to pod/default/web-1, request, 10.244.1.2:PORT > 10.96.41.9:80
  pod/default/shop eth0 out 10.244.1.2:PORT > 10.96.41.9:80
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in 10.244.1.2:PORT > 10.96.41.9:80
    node-1 got it from shop on its device veth-shop.
  node/node-1 prerouting [10.244.1.2:PORT > 10.96.41.9:80] 10.244.1.2:PORT > 10.244.2.2:8081 dnat default/one: 1/1 {ip kube-proxy service-QZFJOP67-default/one/tcp/: meta l4proto tcp dnat to 10.244.2.2:8081}
    kube-proxy chose the only endpoint of Service default/one (10.244.2.2:8081).
  node/node-1 eth0 out 10.244.1.2:PORT > 10.244.2.2:8081 route
    node-1 routed it out of eth0 to node-2.
  underlay node-2 out 10.244.1.2:PORT > 10.244.2.2:8081
    The underlay carried it from node-1 to node-2.
  node/node-2 eth0 in 10.244.1.2:PORT > 10.244.2.2:8081
    node-2 got it on its device eth0.
  node/node-2 veth-web-1 out 10.244.1.2:PORT > 10.244.2.2:8081 route
    node-2 routed it out of veth-web-1 to web-1.
  pod/default/web-1 eth0 in 10.244.1.2:PORT > 10.244.2.2:8081 reject
    web-1 got it on its eth0 (seen at the veth's other end, veth-web-1 on node-2). Nobody listens on TCP port 8081 of web-1: its kernel answered with a reset.
  => rejected
`},
		{"nobody listens on a node", "pod/default/shop", "172.18.0.12:9999", "SYN", `
TCP SYN: pod/default/shop to node/node-2, request, 10.244.1.2:PORT > 172.18.0.12:9999
  pod/default/shop eth0 out 10.244.1.2:PORT > 172.18.0.12:9999
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in 10.244.1.2:PORT > 172.18.0.12:9999
    node-1 got it from shop on its device veth-shop.
  node/node-1 postrouting [10.244.1.2:PORT > 172.18.0.12:9999] 172.18.0.11:PORT > 172.18.0.12:9999 masquerade {ip podhop-masquerade postrouting: ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade}
    node-1 masqueraded it: it leaves the pods' network, so node-1 put its own address in as the source.
  node/node-1 eth0 out 172.18.0.11:PORT > 172.18.0.12:9999 route
    node-1 routed it out of eth0 to node-2.
  underlay node-2 out 172.18.0.11:PORT > 172.18.0.12:9999
    The underlay carried it from node-1 to node-2.
  node/node-2 eth0 in 172.18.0.11:PORT > 172.18.0.12:9999 reject
    node-2 got it on its device eth0. Nobody listens on TCP port 9999 of node-2: its kernel answered with a reset.
  => rejected
`},
		{"no route beyond the underlay", "pod/default/shop", "198.51.100.1:80", "SYN", `
TCP SYN: pod/default/shop to underlay, request, 10.244.1.2:PORT > 198.51.100.1:80
  pod/default/shop eth0 out 10.244.1.2:PORT > 198.51.100.1:80
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in 10.244.1.2:PORT > 198.51.100.1:80
    node-1 got it from shop on its device veth-shop.
  node/node-1 postrouting [10.244.1.2:PORT > 198.51.100.1:80] 172.18.0.11:PORT > 198.51.100.1:80 masquerade {ip podhop-masquerade postrouting: ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 masquerade}
    node-1 masqueraded it: it leaves the pods' network, so node-1 put its own address in as the source.
  node/node-1 eth0 out 172.18.0.11:PORT > 198.51.100.1:80 route
    node-1 routed it out of eth0.
  underlay node-1 in 172.18.0.11:PORT > 198.51.100.1:80 reject
    The underlay got it from node-1. The underlay rejected it: it has no route to the address.
  => rejected
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			l.t = t
			w.reset()
			// The kernel lets one ICMP error a second through to a host.
			if c, err := l.dialWithin(test.from, test.to, 300*time.Millisecond); err == nil {
				c.Close()
				t.Fatal("connected")
			}
			got := first(t, w.to(test.to), test.summary)
			l.local = netip.MustParseAddrPort(first(t, w.to(test.to), "SYN")[0].Source)
			check(t, l.text(got), test.want)
		})
	}
}

// A rule of the learner's own, a base chain's policy, and a reject by reset.
func TestRulesOfOthers(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8080")
	w := l.watch()
	try := func(rules, kind, sentence, verdict string) {
		t.Helper()
		w.reset()
		l.nft("node/node-2", "add table inet mine\ndelete table inet mine\ntable inet mine {\n"+rules+"\n}\n")
		if c, err := l.dialWithin("pod/default/shop", "10.244.2.2:8080", 300*time.Millisecond); err == nil {
			c.Close()
			t.Fatal("connected")
		}
		j := first(t, w.to("10.244.2.2:8080"), "SYN")[0]
		d := decision(t, j, kind)
		last := j.Hops[len(j.Hops)-1]
		if d.Sentence != sentence || last.Decision != d || last.Place.Hook != "forward" || j.Verdict != verdict || j.To != "node/node-2" {
			t.Errorf("want %s: %s\n%s", verdict, sentence, tracetest.Render(j))
		}
	}
	try(`chain forward { type filter hook forward priority 0; tcp dport 8080 drop comment "no web today"
}`,
		"drop", "node-2 dropped it: no web today.", "dropped")
	try(`chain forward { type filter hook forward priority 0; policy drop
}`,
		"drop", "node-2 dropped it: that is the policy of chain forward, and none of its rules took the packet.", "dropped")
	try(`chain forward { type filter hook forward priority 0; tcp dport 8080 reject with tcp reset
}`,
		"reject", "node-2 rejected it.", "rejected")
}

// dialWithin is dial for connections that are not to come about.
func (l *lab) dialWithin(vertex, address string, d time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return l.nets[vertex].DialContext(ctx, "tcp4", address)
}
