package trace_test

import (
	"strings"
	"testing"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

// One request of a pod to a ClusterIP whose endpoint is on another node: every
// hop of its first packet, of the request and of the answer.
func TestClusterIP(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	w := l.watch()
	if _, err := l.get("pod/default/shop", "10.96.41.9:80"); err != nil {
		t.Fatal(err)
	}
	all := w.conversation()
	check(t, l.text(first(t, all, "SYN")), `
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
  pod/default/web-1 eth0 in 10.244.1.2:PORT > 10.244.2.2:8081
    web-1 got it on its eth0 (seen at the veth's other end, veth-web-1 on node-2). Delivered.
  => delivered
`)
	check(t, l.text(first(t, all, "GET /")), `
TCP GET /: pod/default/shop to pod/default/web-1, request, 10.244.1.2:PORT > 10.96.41.9:80
  pod/default/shop eth0 out 10.244.1.2:PORT > 10.96.41.9:80
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in 10.244.1.2:PORT > 10.96.41.9:80
    node-1 got it from shop on its device veth-shop.
  node/node-1 prerouting [10.244.1.2:PORT > 10.96.41.9:80] 10.244.1.2:PORT > 10.244.2.2:8081 conntrack default/one: 1/1
    node-1's connection tracking sent it to 10.244.2.2:8081: all of a connection goes to the endpoint of Service default/one that was chosen for its first packet.
  node/node-1 eth0 out 10.244.1.2:PORT > 10.244.2.2:8081 route
    node-1 routed it out of eth0 to node-2.
  underlay node-2 out 10.244.1.2:PORT > 10.244.2.2:8081
    The underlay carried it from node-1 to node-2.
  node/node-2 eth0 in 10.244.1.2:PORT > 10.244.2.2:8081
    node-2 got it on its device eth0.
  node/node-2 veth-web-1 out 10.244.1.2:PORT > 10.244.2.2:8081 route
    node-2 routed it out of veth-web-1 to web-1.
  pod/default/web-1 eth0 in 10.244.1.2:PORT > 10.244.2.2:8081
    web-1 got it on its eth0 (seen at the veth's other end, veth-web-1 on node-2). Delivered.
  => delivered
`)
	check(t, l.text(first(t, all, "200 OK")), `
TCP 200 OK: pod/default/web-1 to pod/default/shop, reply, 10.244.2.2:8081 > 10.244.1.2:PORT
  pod/default/web-1 eth0 out 10.244.2.2:8081 > 10.244.1.2:PORT
    web-1 sent it out of its eth0 (seen at the veth's other end, veth-web-1 on node-2).
  node/node-2 veth-web-1 in 10.244.2.2:8081 > 10.244.1.2:PORT
    node-2 got it from web-1 on its device veth-web-1.
  node/node-2 eth0 out 10.244.2.2:8081 > 10.244.1.2:PORT route
    node-2 routed it out of eth0 to node-1.
  underlay node-1 out 10.244.2.2:8081 > 10.244.1.2:PORT
    The underlay carried it from node-2 to node-1.
  node/node-1 eth0 in 10.244.2.2:8081 > 10.244.1.2:PORT
    node-1 got it on its device eth0.
  node/node-1 postrouting [10.244.2.2:8081 > 10.244.1.2:PORT] 10.96.41.9:80 > 10.244.1.2:PORT conntrack default/one:
    node-1's connection tracking put the address of Service default/one back in as the source: 10.96.41.9:80 is whom the answer is awaited from.
  node/node-1 veth-shop out 10.96.41.9:80 > 10.244.1.2:PORT route
    node-1 routed it out of veth-shop to shop.
  pod/default/shop eth0 in 10.96.41.9:80 > 10.244.1.2:PORT
    shop got it on its eth0 (seen at the veth's other end, veth-shop on node-1). Delivered.
  => delivered
`)
	for i, j := range all {
		if j.Verdict != "delivered" {
			t.Errorf("%s: %s", j.Summary, j.Verdict)
		}
		if reply := strings.HasPrefix(j.From, "pod/default/web-1"); j.Reply != reply {
			t.Errorf("%s from %s: reply is %v", j.Summary, j.From, j.Reply)
		}
		if i > 0 && j.Start < all[i-1].Start {
			t.Errorf("%s comes after a packet that started later", j.Summary)
		}
		for k := range j.Hops[1:] {
			if j.Hops[k+1].Time < j.Hops[k].Time {
				t.Errorf("%s: hop %d is earlier than the one before", j.Summary, k+1)
			}
		}
	}
	ids := w.Journeys(all[0].Conversation)
	if len(ids) != len(all) || ids[0] != all[0].ID {
		t.Errorf("Journeys lists %v of %d journeys", ids, len(all))
	}
	if len(w.lost) > 0 {
		t.Errorf("lost %v", w.lost)
	}
}

// What a journey says was chosen must be who answered.
func TestChosenEndpoint(t *testing.T) {
	l := newLab(t)
	pods := []string{"pod/default/web-0", "pod/default/web-1", "pod/default/web-2"}
	for _, p := range pods {
		l.serve(p, "0.0.0.0:8080")
	}
	w := l.watch()
	for range 12 {
		who, err := l.get("pod/default/shop", "10.96.41.7:80")
		if err != nil {
			t.Fatal(err)
		}
		j := first(t, w.conversation(), "SYN")[0]
		d := decision(t, j, "dnat")
		if j.To != who || d.Endpoints != 3 || d.Endpoint < 1 || pods[d.Endpoint-1] != who {
			t.Errorf("%s answered; the journey to %s says endpoint %d of %d", who, j.To, d.Endpoint, d.Endpoints)
		}
		if want := (model.Object{Kind: "Service", Namespace: "default", Name: "web", Port: "http"}); *d.Object != want {
			t.Errorf("object %+v", *d.Object)
		}
	}
}

func TestSessionAffinity(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8080")
	l.serve("pod/default/web-2", "0.0.0.0:8080")
	w := l.watch()
	for i := range 3 {
		who, err := l.get("pod/default/shop", "10.96.41.10:80")
		if err != nil {
			t.Fatal(err)
		}
		j := first(t, w.conversation(), "SYN")[0]
		d := decision(t, j, "dnat")
		n := map[string]int{"pod/default/web-1": 1, "pod/default/web-2": 2}[who]
		if d.Endpoint != n || d.Endpoints != 2 {
			t.Errorf("%s answered; the journey says endpoint %d of %d", who, d.Endpoint, d.Endpoints)
		}
		if sticky := strings.Contains(d.Sentence, "session affinity"); sticky != (i > 0) {
			t.Errorf("request %d: %s", i, d.Sentence)
		}
	}
}

// The client reaches a pod on node-2 by the node port of node-1.
func TestNodePort(t *testing.T) {
	l := newLab(t)
	for _, p := range []string{"pod/default/web-0", "pod/default/web-1", "pod/default/web-2"} {
		l.serve(p, "0.0.0.0:8080")
	}
	w := l.watch()
	for who := ""; who != "pod/default/web-1"; {
		var err error
		if who, err = l.get("client", "172.18.0.11:30080"); err != nil {
			t.Fatal(err)
		}
	}
	all := w.conversation()
	check(t, l.text(first(t, all, "SYN")), `
TCP SYN: client to pod/default/web-1, request, 172.18.0.100:PORT > 172.18.0.11:30080
  client eth0 out 172.18.0.100:PORT > 172.18.0.11:30080
    The client sent it out of its eth0.
  underlay node-1 out 172.18.0.100:PORT > 172.18.0.11:30080
    The underlay carried it from the client to node-1.
  node/node-1 eth0 in 172.18.0.100:PORT > 172.18.0.11:30080
    node-1 got it on its device eth0.
  node/node-1 prerouting [172.18.0.100:PORT > 172.18.0.11:30080] 172.18.0.100:PORT > 10.244.2.2:8080 dnat default/web:http 2/3 {ip kube-proxy service-SUSTUHLJ-default/web/tcp/http: meta l4proto tcp dnat ip to numgen random mod 3 map { 0 : 10.244.1.3 . 8080, 1 : 10.244.2.2 . 8080, 2 : 10.244.2.3 . 8080 }}
    kube-proxy chose endpoint 2 of 3 of Service default/web, port http (10.244.2.2:8080).
  node/node-1 postrouting [172.18.0.100:PORT > 10.244.2.2:8080] 172.18.0.11:MASQ > 10.244.2.2:8080 masquerade default/web:http {ip kube-proxy masquerading: meta mark & 0x00004000 != 0x00000000 meta mark set meta mark ^ 0x00004000 masquerade fully-random}
    node-1 masqueraded it for Service default/web, port http, whose externalTrafficPolicy is Cluster: with node-1 as the source, the answer comes back through node-1, which undoes the rewriting.
  node/node-1 eth0 out 172.18.0.11:MASQ > 10.244.2.2:8080 route
    node-1 routed it out of eth0 to node-2.
  underlay node-2 out 172.18.0.11:MASQ > 10.244.2.2:8080
    The underlay carried it from node-1 to node-2.
  node/node-2 eth0 in 172.18.0.11:MASQ > 10.244.2.2:8080
    node-2 got it on its device eth0.
  node/node-2 veth-web-1 out 172.18.0.11:MASQ > 10.244.2.2:8080 route
    node-2 routed it out of veth-web-1 to web-1.
  pod/default/web-1 eth0 in 172.18.0.11:MASQ > 10.244.2.2:8080
    web-1 got it on its eth0 (seen at the veth's other end, veth-web-1 on node-2). Delivered.
  => delivered
`)
	check(t, l.text(first(t, all, "200 OK")), `
TCP 200 OK: pod/default/web-1 to client, reply, 10.244.2.2:8080 > 172.18.0.11:MASQ
  pod/default/web-1 eth0 out 10.244.2.2:8080 > 172.18.0.11:MASQ
    web-1 sent it out of its eth0 (seen at the veth's other end, veth-web-1 on node-2).
  node/node-2 veth-web-1 in 10.244.2.2:8080 > 172.18.0.11:MASQ
    node-2 got it from web-1 on its device veth-web-1.
  node/node-2 eth0 out 10.244.2.2:8080 > 172.18.0.11:MASQ route
    node-2 routed it out of eth0 to node-1.
  underlay node-1 out 10.244.2.2:8080 > 172.18.0.11:MASQ
    The underlay carried it from node-2 to node-1.
  node/node-1 eth0 in 10.244.2.2:8080 > 172.18.0.11:MASQ
    node-1 got it on its device eth0.
  node/node-1 prerouting [10.244.2.2:8080 > 172.18.0.11:MASQ] 10.244.2.2:8080 > 172.18.0.100:PORT conntrack default/web:http
    node-1's connection tracking undid the masquerade: the answer is for 172.18.0.100:PORT.
  node/node-1 postrouting [10.244.2.2:8080 > 172.18.0.100:PORT] 172.18.0.11:30080 > 172.18.0.100:PORT conntrack default/web:http
    node-1's connection tracking put the address of Service default/web, port http back in as the source: 172.18.0.11:30080 is whom the answer is awaited from.
  node/node-1 eth0 out 172.18.0.11:30080 > 172.18.0.100:PORT route
    node-1 routed it out of eth0 to the client.
  underlay client out 172.18.0.11:30080 > 172.18.0.100:PORT
    The underlay carried it from node-1 to the client.
  client eth0 in 172.18.0.11:30080 > 172.18.0.100:PORT
    The client got it on its device eth0. Delivered.
  => delivered
`)
	for _, j := range all {
		if j.Reply != (j.To == "client") || j.Verdict != "delivered" {
			t.Errorf("%s to %s: reply is %v, %s", j.Summary, j.To, j.Reply, j.Verdict)
		}
	}
}

// A node's own process goes through the Service, by the output hook.
func TestFromNode(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	w := l.watch()
	if _, err := l.get("node/node-1", "10.96.41.9:80"); err != nil {
		t.Fatal(err)
	}
	all := w.conversation()
	check(t, l.text(first(t, all, "SYN")), `
TCP SYN: node/node-1 to pod/default/web-1, request, 172.18.0.11:PORT > 10.96.41.9:80
  node/node-1 output [172.18.0.11:PORT > 10.96.41.9:80] 172.18.0.11:PORT > 10.244.2.2:8081 dnat default/one: 1/1 {ip kube-proxy service-QZFJOP67-default/one/tcp/: meta l4proto tcp dnat to 10.244.2.2:8081}
    kube-proxy chose the only endpoint of Service default/one (10.244.2.2:8081).
  node/node-1 postrouting [172.18.0.11:PORT > 10.244.2.2:8081] 172.18.0.11:MASQ > 10.244.2.2:8081 masquerade default/one: {ip kube-proxy masquerading: meta mark & 0x00004000 != 0x00000000 meta mark set meta mark ^ 0x00004000 masquerade fully-random}
    node-1 masqueraded it for Service default/one, whose ClusterIP was asked for from elsewhere than node-1's pods: with node-1 as the source, the answer comes back through node-1, which undoes the rewriting.
  node/node-1 eth0 out 172.18.0.11:MASQ > 10.244.2.2:8081 route
    node-1 sent it out of eth0 to node-2.
  underlay node-2 out 172.18.0.11:MASQ > 10.244.2.2:8081
    The underlay carried it from node-1 to node-2.
  node/node-2 eth0 in 172.18.0.11:MASQ > 10.244.2.2:8081
    node-2 got it on its device eth0.
  node/node-2 veth-web-1 out 172.18.0.11:MASQ > 10.244.2.2:8081 route
    node-2 routed it out of veth-web-1 to web-1.
  pod/default/web-1 eth0 in 172.18.0.11:MASQ > 10.244.2.2:8081
    web-1 got it on its eth0 (seen at the veth's other end, veth-web-1 on node-2). Delivered.
  => delivered
`)
	check(t, l.text(first(t, all, "200 OK")), `
TCP 200 OK: pod/default/web-1 to node/node-1, reply, 10.244.2.2:8081 > 172.18.0.11:MASQ
  pod/default/web-1 eth0 out 10.244.2.2:8081 > 172.18.0.11:MASQ
    web-1 sent it out of its eth0 (seen at the veth's other end, veth-web-1 on node-2).
  node/node-2 veth-web-1 in 10.244.2.2:8081 > 172.18.0.11:MASQ
    node-2 got it from web-1 on its device veth-web-1.
  node/node-2 eth0 out 10.244.2.2:8081 > 172.18.0.11:MASQ route
    node-2 routed it out of eth0 to node-1.
  underlay node-1 out 10.244.2.2:8081 > 172.18.0.11:MASQ
    The underlay carried it from node-2 to node-1.
  node/node-1 eth0 in 10.244.2.2:8081 > 172.18.0.11:MASQ
    node-1 got it on its device eth0.
  node/node-1 prerouting [10.244.2.2:8081 > 172.18.0.11:MASQ] 10.244.2.2:8081 > 172.18.0.11:PORT conntrack default/one:
    node-1's connection tracking undid the masquerade: the answer is for 172.18.0.11:PORT.
  node/node-1 input [10.244.2.2:8081 > 172.18.0.11:PORT] 10.96.41.9:80 > 172.18.0.11:PORT conntrack default/one:
    node-1's connection tracking put the address of Service default/one back in as the source: 10.96.41.9:80 is whom the answer is awaited from. Delivered.
  => delivered
`)
	for _, j := range all {
		if !j.Reply && (j.Source != l.local.String() || j.Destination != "10.96.41.9:80" || j.Hops[0].Before == nil) {
			t.Errorf("%s says it was sent as %s > %s", j.Summary, j.Source, j.Destination)
		}
	}
}

// A pod that is its Service's endpoint reaches itself.
func TestHairpin(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-0", "0.0.0.0:8080")
	w := l.watch()
	if _, err := l.get("pod/default/web-0", "10.96.41.11:80"); err != nil {
		t.Fatal(err)
	}
	all := w.conversation()
	check(t, l.text(first(t, all, "SYN")), `
TCP SYN: pod/default/web-0 to pod/default/web-0, request, 10.244.1.3:PORT > 10.96.41.11:80
  pod/default/web-0 eth0 out 10.244.1.3:PORT > 10.96.41.11:80
    web-0 sent it out of its eth0 (seen at the veth's other end, veth-web-0 on node-1).
  node/node-1 veth-web-0 in 10.244.1.3:PORT > 10.96.41.11:80
    node-1 got it from web-0 on its device veth-web-0.
  node/node-1 prerouting [10.244.1.3:PORT > 10.96.41.11:80] 10.244.1.3:PORT > 10.244.1.3:8080 dnat default/self:http 1/1 {ip kube-proxy service-PUFY4TJD-default/self/tcp/http: meta l4proto tcp dnat to 10.244.1.3:8080}
    kube-proxy chose the only endpoint of Service default/self, port http (10.244.1.3:8080).
  node/node-1 postrouting [10.244.1.3:PORT > 10.244.1.3:8080] 10.244.1.1:MASQ > 10.244.1.3:8080 masquerade {ip kube-proxy masquerading: ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random}
    node-1 masqueraded it: the pod reached itself through its Service, and must see the answer come through node-1.
  node/node-1 veth-web-0 out 10.244.1.1:MASQ > 10.244.1.3:8080 route
    node-1 routed it out of veth-web-0 to web-0.
  pod/default/web-0 eth0 in 10.244.1.1:MASQ > 10.244.1.3:8080
    web-0 got it on its eth0 (seen at the veth's other end, veth-web-0 on node-1). Delivered.
  => delivered
`)
}

// A connection that was there before anybody watched is still known by its Service.
func TestWatchLate(t *testing.T) {
	l := newLab(t)
	l.serve("pod/default/web-1", "0.0.0.0:8081")
	c, err := l.dial("pod/default/shop", "10.96.41.9:80")
	if err != nil {
		t.Fatal(err)
	}
	w := l.watch()
	if _, err := request(c); err != nil {
		t.Fatal(err)
	}
	all := w.conversation()
	d := decision(t, first(t, all, "GET /")[0], "conntrack")
	if d.Object == nil || d.Object.Name != "one" || first(t, all, "GET /")[0].Reply || !first(t, all, "200 OK")[0].Reply {
		t.Errorf("%s", l.text(all))
	}
}

func first(t *testing.T, all []model.Journey, summary string) []model.Journey {
	t.Helper()
	for _, j := range all {
		if j.Summary == summary {
			return []model.Journey{j}
		}
	}
	t.Fatalf("no %s among %d journeys:\n%s", summary, len(all), tracetest.Render(all...))
	return nil
}

func decision(t *testing.T, j model.Journey, kind string) *model.Decision {
	t.Helper()
	for _, h := range j.Hops {
		if h.Decision != nil && h.Decision.Kind == kind {
			return h.Decision
		}
	}
	t.Fatalf("no %s in:\n%s", kind, tracetest.Render(j))
	return nil
}

// check compares golden text.
func check(t *testing.T, got, want string) {
	t.Helper()
	if got, want = strings.TrimSpace(got), strings.TrimSpace(want); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
