package trace_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

// echo answers datagrams with themselves.
func (l *lab) echo(vertex, address string) {
	l.t.Helper()
	c, err := l.nets[vertex].ListenPacket("udp4", address)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo(b[:n], from)
		}
	}()
}

// A DNS question goes by the Service of the cluster's DNS, and back.
func TestUDP(t *testing.T) {
	l := newLab(t)
	l.echo("pod/default/web-1", "0.0.0.0:53")
	w := l.watch()
	c, err := l.nets["pod/default/shop"].ListenPacket("udp4", "10.244.1.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	question := append([]byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, "\x03web\x07default\x03svc\x00\x00\x01\x00\x01"...)
	exchange(t, c, "10.96.0.10:53", question)
	w.flush()
	l.local = netip.MustParseAddrPort(c.LocalAddr().String())
	id := w.Conversation("udp", l.local, netip.MustParseAddrPort("10.96.0.10:53"))
	all := w.journeys(func(j model.Journey) bool { return j.Conversation == id })
	check(t, l.text(all), `
UDP DNS A? web.default.svc: pod/default/shop to pod/default/web-1, request, 10.244.1.2:PORT > 10.96.0.10:53
  pod/default/shop eth0 out 10.244.1.2:PORT > 10.96.0.10:53
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in 10.244.1.2:PORT > 10.96.0.10:53
    node-1 got it from shop on its device veth-shop.
  node/node-1 prerouting [10.244.1.2:PORT > 10.96.0.10:53] 10.244.1.2:PORT > 10.244.2.2:53 dnat kube-system/kube-dns:dns 1/1 {ip kube-proxy service-FY5PMXPG-kube-system/kube-dns/udp/dns: meta l4proto udp dnat to 10.244.2.2:53}
    kube-proxy chose the only endpoint of Service kube-system/kube-dns, port dns (10.244.2.2:53).
  node/node-1 eth0 out 10.244.1.2:PORT > 10.244.2.2:53 route
    node-1 routed it out of eth0 to node-2.
  underlay node-2 out 10.244.1.2:PORT > 10.244.2.2:53
    The underlay carried it from node-1 to node-2.
  node/node-2 eth0 in 10.244.1.2:PORT > 10.244.2.2:53
    node-2 got it on its device eth0.
  node/node-2 veth-web-1 out 10.244.1.2:PORT > 10.244.2.2:53 route
    node-2 routed it out of veth-web-1 to web-1.
  pod/default/web-1 eth0 in 10.244.1.2:PORT > 10.244.2.2:53
    web-1 got it on its eth0 (seen at the veth's other end, veth-web-1 on node-2). Delivered.
  => delivered
UDP DNS A? web.default.svc: pod/default/web-1 to pod/default/shop, reply, 10.244.2.2:53 > 10.244.1.2:PORT
  pod/default/web-1 eth0 out 10.244.2.2:53 > 10.244.1.2:PORT
    web-1 sent it out of its eth0 (seen at the veth's other end, veth-web-1 on node-2).
  node/node-2 veth-web-1 in 10.244.2.2:53 > 10.244.1.2:PORT
    node-2 got it from web-1 on its device veth-web-1.
  node/node-2 eth0 out 10.244.2.2:53 > 10.244.1.2:PORT route
    node-2 routed it out of eth0 to node-1.
  underlay node-1 out 10.244.2.2:53 > 10.244.1.2:PORT
    The underlay carried it from node-2 to node-1.
  node/node-1 eth0 in 10.244.2.2:53 > 10.244.1.2:PORT
    node-1 got it on its device eth0.
  node/node-1 postrouting [10.244.2.2:53 > 10.244.1.2:PORT] 10.96.0.10:53 > 10.244.1.2:PORT conntrack kube-system/kube-dns:dns
    node-1's connection tracking put the address of Service kube-system/kube-dns, port dns back in as the source: 10.96.0.10:53 is whom the answer is awaited from.
  node/node-1 veth-shop out 10.96.0.10:53 > 10.244.1.2:PORT route
    node-1 routed it out of veth-shop to shop.
  pod/default/shop eth0 in 10.96.0.10:53 > 10.244.1.2:PORT
    shop got it on its eth0 (seen at the veth's other end, veth-shop on node-1). Delivered.
  => delivered
`)
}

func exchange(t *testing.T, c net.PacketConn, to string, b []byte) {
	t.Helper()
	send(t, c, to, b)
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, _, err := c.ReadFrom(make([]byte, 1500)); err != nil {
		t.Fatal(err)
	}
}

func send(t *testing.T, c net.PacketConn, to string, b []byte) {
	t.Helper()
	if _, err := c.WriteTo(b, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to))); err != nil {
		t.Fatal(err)
	}
}

// Datagrams of unconnected sockets have no IP ID, and these are all equal: of
// two pods, to two destinations, at once. Each must have a journey of its own.
func TestEqualDatagrams(t *testing.T) {
	l := newLab(t)
	l.echo("pod/default/web-1", "0.0.0.0:53")
	l.echo("pod/default/web-2", "0.0.0.0:53")
	w := l.watch()
	const each = 20
	var socks []net.PacketConn
	for _, from := range []string{"pod/default/shop", "pod/default/web-0"} {
		c, err := l.nets[from].ListenPacket("udp4", "0.0.0.0:4000")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		socks = append(socks, c)
	}
	for range each {
		for _, c := range socks {
			for _, to := range []string{"10.96.0.10:53", "10.244.2.3:53"} {
				send(t, c, to, []byte("hello, hello"))
			}
		}
	}
	for _, c := range socks {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		for range 2 * each {
			if _, _, err := c.ReadFrom(make([]byte, 1500)); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.flush()
	ways := map[string]int{}
	for _, j := range w.journeys(isUDP) {
		ways[fmt.Sprintf("%s > %s (%s), %d hops, %s", j.From, j.To, j.Destination, len(j.Hops), j.Verdict)]++
	}
	want := map[string]int{}
	for _, pod := range []struct{ name, ip string }{{"pod/default/shop", "10.244.1.2"}, {"pod/default/web-0", "10.244.1.3"}} {
		want[pod.name+" > pod/default/web-1 (10.96.0.10:53), 8 hops, delivered"] = each
		want[pod.name+" > pod/default/web-2 (10.244.2.3:53), 7 hops, delivered"] = each
		want["pod/default/web-1 > "+pod.name+" ("+pod.ip+":4000), 8 hops, delivered"] = each
		want["pod/default/web-2 > "+pod.name+" ("+pod.ip+":4000), 7 hops, delivered"] = each
	}
	if fmt.Sprint(ways) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", ways, want)
		for _, j := range w.journeys(isUDP) {
			if n := len(j.Hops); n != 7 && n != 8 {
				t.Fatal(tracetest.Render(j))
			}
		}
	}
}

func isUDP(j model.Journey) bool { return j.Protocol == "UDP" }

func TestUDPNobodyListens(t *testing.T) {
	l := newLab(t)
	w := l.watch()
	c, err := l.nets["pod/default/shop"].ListenPacket("udp4", "10.244.1.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	send(t, c, "10.96.0.10:53", []byte("anybody?"))
	all := w.to("10.96.0.10:53")
	if len(all) != 2 {
		t.Fatalf("%d journeys:\n%s", len(all), tracetest.Render(all...))
	}
	asked, refused := all[0], all[1]
	last := asked.Hops[len(asked.Hops)-1]
	if asked.Verdict != "rejected" || asked.To != "pod/default/web-1" || last.Decision == nil ||
		last.Decision.Sentence != "Nobody listens on UDP port 53 of web-1: its kernel answered with ICMP port unreachable." {
		t.Errorf("%s", tracetest.Render(asked))
	}
	if refused.Protocol != "ICMP" || refused.Summary != "Port unreachable" || !refused.Reply || refused.From != "pod/default/web-1" ||
		refused.To != "pod/default/shop" || refused.Verdict != "delivered" {
		t.Errorf("%s", tracetest.Render(refused))
	}
}

func TestPing(t *testing.T) {
	l := newLab(t)
	w := l.watch()
	var c net.PacketConn
	err := l.nets["pod/default/shop"].Do(func() (err error) {
		c, err = net.ListenPacket("ip4:icmp", "10.244.1.2")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ping := func(to string, sequence uint16) {
		t.Helper()
		b := binary.BigEndian.AppendUint16([]byte{8, 0, 0, 0, 0x12, 0x34}, sequence)
		binary.BigEndian.PutUint16(b[2:], ^(uint16(b[0])<<8 + 0x1234 + sequence))
		if _, err := c.WriteTo(b, &net.IPAddr{IP: net.ParseIP(to)}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range uint16(2) {
		ping("10.244.2.2", n+1)
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, _, err := c.ReadFrom(make([]byte, 1500)); err != nil {
			t.Fatal(err)
		}
	}
	w.flush()
	all := w.journeys(func(j model.Journey) bool { return j.Protocol == "ICMP" })
	got := ""
	for _, j := range all {
		got += fmt.Sprintf("%s %s: %s to %s, reply %v, %d hops, %s\n", strings.Replace(j.Conversation, all[0].Conversation, "c1", 1), j.Summary, j.From, j.To, j.Reply, len(j.Hops), j.Verdict)
	}
	check(t, got, `
c1 Echo request 1: pod/default/shop to pod/default/web-1, reply false, 7 hops, delivered
c1 Echo reply 1: pod/default/web-1 to pod/default/shop, reply true, 7 hops, delivered
c1 Echo request 2: pod/default/shop to pod/default/web-1, reply false, 7 hops, delivered
c1 Echo reply 2: pod/default/web-1 to pod/default/shop, reply true, 7 hops, delivered
`)
	// The classic: a ClusterIP exists only in rules for its ports.
	ping("10.96.41.9", 3)
	j := first(t, w.to("10.96.41.9"), "Echo request 3")[0]
	d := decision(t, j, "reject")
	if j.Verdict != "rejected" || d.Object == nil || d.Object.Name != "one" ||
		d.Sentence != "kube-proxy on node-1 rejected it: 10.96.41.9 is the ClusterIP of Service default/one, which answers only to its ports, not to ICMP." {
		t.Errorf("%s", tracetest.Render(j))
	}
}
