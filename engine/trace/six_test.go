package trace_test

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
)

var dottedQuad = regexp.MustCompile(`\b(\d+)\.(\d+)\.(\d+)\.(\d+)\b`)

// six is the address of IPv6 that stands beside one of IPv4.
func six(ip string) string {
	return dottedQuad.ReplaceAllStringFunc(ip, func(s string) string {
		b := netip.MustParseAddr(s).As4()
		switch [2]byte(b[:2]) {
		case [2]byte{172, 18}:
			return fmt.Sprintf("fd00:172:18::%d", b[3])
		case [2]byte{10, 244}:
			return fmt.Sprintf("fd00:10:244:%d::%d", b[2], b[3])
		}
		return fmt.Sprintf("fd00:10:96::%d:%d", b[2], b[3])
	})
}

// dualStack gives everybody a second address, and the nodes kube-proxy's table of
// that family.
func (l *lab) dualStack() {
	l.t.Helper()
	rules, err := os.ReadFile("testdata/kube-proxy.nft")
	if err != nil {
		l.t.Fatal(err)
	}
	text := string(rules)
	text = regexp.MustCompile(`dnat to ([\d.]+):(\d+)`).ReplaceAllString(text, "dnat to [$1]:$2")
	text = strings.NewReplacer("10.96.0.0/16", "fd00:10:96::/112", "10.244.0.0/16", "fd00:10:244::/48", "HAIRPIN", "",
		"table ip ", "table ip6 ", "ipv4_addr", "ipv6_addr", "ip saddr", "ip6 saddr", "ip daddr", "ip6 daddr", "ip addr", "ip6 addr").Replace(text)
	text = regexp.MustCompile(`__\d+\.\d+\.\d+\.\d+/`).ReplaceAllStringFunc(text, func(s string) string {
		return "__" + strings.ReplaceAll(six(s[2:len(s)-1]), ":", ".") + "/" // a chain's name
	})
	text = six(text)

	// First the links' settings, then the addresses.
	for vertex := range l.nets {
		l.run(vertex, "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0")
		if strings.HasPrefix(vertex, "node/") {
			l.run(vertex, "sysctl -qw net.ipv6.conf.all.forwarding=1")
		}
	}
	l.run("underlay", "ip -6 addr add fd00:172:18::1/64 dev br0 nodad")
	for ip, vertex := range maps.Clone(l.ips) {
		at := six(ip.String())
		switch {
		case !strings.HasPrefix(vertex, "pod/"):
			l.run(vertex, fmt.Sprintf("ip -6 addr add %s/64 dev eth0 nodad; ip -6 route add default via fd00:172:18::1", at))
		default:
			node := fmt.Sprintf("node/node-%d", ip.As4()[2])
			veth := "veth-" + vertex[strings.LastIndexByte(vertex, '/')+1:]
			gw := at[:strings.LastIndexByte(at, ':')] + ":1"
			l.run(node, fmt.Sprintf("ip -6 addr add %s/128 dev %s nodad; ip -6 route add %s/128 dev %s", gw, veth, at, veth))
			l.run(vertex, fmt.Sprintf("ip -6 addr add %s/128 dev eth0 nodad; ip -6 route add %s dev eth0; ip -6 route add default via %s", at, gw, gw))
		}
		l.ips[netip.MustParseAddr(at)] = vertex
	}
	for i := 1; i <= 2; i++ {
		node := fmt.Sprintf("node/node-%d", i)
		l.run(node, fmt.Sprintf("ip -6 route add fd00:10:244:%d::/64 via fd00:172:18::1%d", 3-i, 3-i))
		l.nft(node, strings.NewReplacer("NODEIP", fmt.Sprintf("fd00:172:18::1%d", i), "PODCIDR", fmt.Sprintf("fd00:10:244:%d::/64", i)).Replace(text))
	}
}

// The same journeys over IPv6: to a ClusterIP whose endpoint is on another node, to a
// NodePort from outside, to a Service without endpoints and to a port nobody listens on.
func TestIPv6(t *testing.T) {
	l := newLab(t)
	l.dualStack()
	l.serve("pod/default/web-1", "[::]:8081")
	for _, p := range []string{"web-0", "web-1", "web-2"} {
		l.serve("pod/default/"+p, "[::]:8080")
	}
	w := l.watch()
	if _, err := l.get("pod/default/shop", "[fd00:10:96::41:9]:80"); err != nil {
		t.Fatal(err)
	}
	check(t, l.text(first(t, w.conversation(), "SYN")), `
TCP SYN: pod/default/shop to pod/default/web-1, request, [fd00:10:244:1::2]:PORT > [fd00:10:96::41:9]:80
  pod/default/shop eth0 out [fd00:10:244:1::2]:PORT > [fd00:10:96::41:9]:80
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in [fd00:10:244:1::2]:PORT > [fd00:10:96::41:9]:80
    node-1 got it from shop on its device veth-shop.
  node/node-1 prerouting [[fd00:10:244:1::2]:PORT > [fd00:10:96::41:9]:80] [fd00:10:244:1::2]:PORT > [fd00:10:244:2::2]:8081 dnat default/one: 1/1 {ip6 kube-proxy service-QZFJOP67-default/one/tcp/: meta l4proto tcp dnat to [fd00:10:244:2::2]:8081}
    kube-proxy chose the only endpoint of Service default/one ([fd00:10:244:2::2]:8081).
  node/node-1 eth0 out [fd00:10:244:1::2]:PORT > [fd00:10:244:2::2]:8081 route
    node-1 routed it out of eth0 to node-2.
  underlay node-2 out [fd00:10:244:1::2]:PORT > [fd00:10:244:2::2]:8081
    The underlay carried it from node-1 to node-2.
  node/node-2 eth0 in [fd00:10:244:1::2]:PORT > [fd00:10:244:2::2]:8081
    node-2 got it on its device eth0.
  node/node-2 veth-web-1 out [fd00:10:244:1::2]:PORT > [fd00:10:244:2::2]:8081 route
    node-2 routed it out of veth-web-1 to web-1.
  pod/default/web-1 eth0 in [fd00:10:244:1::2]:PORT > [fd00:10:244:2::2]:8081
    web-1 got it on its eth0 (seen at the veth's other end, veth-web-1 on node-2). Delivered.
  => delivered
`)
	check(t, l.text(first(t, w.conversation(), "200 OK")), `
TCP 200 OK: pod/default/web-1 to pod/default/shop, reply, [fd00:10:244:2::2]:8081 > [fd00:10:244:1::2]:PORT
  pod/default/web-1 eth0 out [fd00:10:244:2::2]:8081 > [fd00:10:244:1::2]:PORT
    web-1 sent it out of its eth0 (seen at the veth's other end, veth-web-1 on node-2).
  node/node-2 veth-web-1 in [fd00:10:244:2::2]:8081 > [fd00:10:244:1::2]:PORT
    node-2 got it from web-1 on its device veth-web-1.
  node/node-2 eth0 out [fd00:10:244:2::2]:8081 > [fd00:10:244:1::2]:PORT route
    node-2 routed it out of eth0 to node-1.
  underlay node-1 out [fd00:10:244:2::2]:8081 > [fd00:10:244:1::2]:PORT
    The underlay carried it from node-2 to node-1.
  node/node-1 eth0 in [fd00:10:244:2::2]:8081 > [fd00:10:244:1::2]:PORT
    node-1 got it on its device eth0.
  node/node-1 postrouting [[fd00:10:244:2::2]:8081 > [fd00:10:244:1::2]:PORT] [fd00:10:96::41:9]:80 > [fd00:10:244:1::2]:PORT conntrack default/one:
    node-1's connection tracking put the address of Service default/one back in as the source: [fd00:10:96::41:9]:80 is whom the answer is awaited from.
  node/node-1 veth-shop out [fd00:10:96::41:9]:80 > [fd00:10:244:1::2]:PORT route
    node-1 routed it out of veth-shop to shop.
  pod/default/shop eth0 in [fd00:10:96::41:9]:80 > [fd00:10:244:1::2]:PORT
    shop got it on its eth0 (seen at the veth's other end, veth-shop on node-1). Delivered.
  => delivered
`)

	who, err := l.get("client", "[fd00:172:18::11]:30080")
	if err != nil {
		t.Fatal(err)
	}
	j := first(t, w.conversation(), "SYN")[0]
	d := decision(t, j, "dnat")
	if j.To != who || d.Endpoints != 3 || d.Endpoint < 1 || d.Object == nil || d.Object.Name != "web" {
		t.Errorf("%s answered; the journey to %s says endpoint %d of %d of %v", who, j.To, d.Endpoint, d.Endpoints, d.Object)
	}
	if m := decision(t, j, "masquerade"); m.Object == nil || m.Object.Name != "web" {
		t.Errorf("masqueraded for %v", m.Object)
	}
	if _, err := l.get("pod/default/shop", "[fd00:10:96::41:8]:80"); err == nil {
		t.Error("a Service without endpoints answered")
	}
	check(t, l.text(w.to("[fd00:10:96::41:8]:80")), `
TCP SYN: pod/default/shop to node/node-1, request, [fd00:10:244:1::2]:MASQ > [fd00:10:96::41:8]:80
  pod/default/shop eth0 out [fd00:10:244:1::2]:MASQ > [fd00:10:96::41:8]:80
    shop sent it out of its eth0 (seen at the veth's other end, veth-shop on node-1).
  node/node-1 veth-shop in [fd00:10:244:1::2]:MASQ > [fd00:10:96::41:8]:80
    node-1 got it from shop on its device veth-shop.
  node/node-1 forward [fd00:10:244:1::2]:MASQ > [fd00:10:96::41:8]:80 reject default/empty:http {ip6 kube-proxy reject-chain: reject}
    kube-proxy on node-1 rejected it: Service default/empty, port http has no endpoints.
  => rejected
ICMPv6 Port unreachable: node/node-1 to pod/default/shop, reply, fd00:10:244:1::1 > fd00:10:244:1::2
  node/node-1 veth-shop out fd00:10:244:1::1 > fd00:10:244:1::2 route
    node-1 sent it out of veth-shop to shop.
  pod/default/shop eth0 in fd00:10:244:1::1 > fd00:10:244:1::2
    shop got it on its eth0 (seen at the veth's other end, veth-shop on node-1). Delivered.
  => delivered
`)
	if _, err := l.get("pod/default/shop", "[fd00:10:244:2::2]:9999"); err == nil {
		t.Error("nobody answered")
	}
	refused := w.to("[fd00:10:244:2::2]:9999")[0]
	if got := l.text([]model.Journey{refused}); refused.Verdict != "rejected" || !strings.Contains(got, "Nobody listens on TCP port 9999 of web-1") {
		t.Errorf("nobody listens:\n%s", got)
	}
	if len(w.lost) > 0 {
		t.Errorf("lost %v", w.lost)
	}
}

// A datagram over IPv6 has no IP ID to be told apart by.
func TestIPv6Datagrams(t *testing.T) {
	l := newLab(t)
	l.dualStack()
	echo, err := l.nets["pod/default/web-1"].ListenPacket("udp", "[::]:53")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		b := make([]byte, 64)
		for {
			n, from, err := echo.ReadFrom(b)
			if err != nil {
				return
			}
			echo.WriteTo(b[:n], from)
		}
	}()
	w := l.watch()
	c, err := l.nets["pod/default/shop"].DialContext(t.Context(), "udp", "[fd00:10:96::0:10]:53")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	for range 3 {
		if _, err := c.Write([]byte("the same")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 64)); err != nil {
			t.Fatal(err)
		}
	}
	w.flush()
	var there, back int
	for _, j := range w.journeys(anyJourney) {
		switch {
		case j.Protocol == "ICMPv6": // who has which address
		case j.Verdict != "delivered" || j.Protocol != "UDP":
			t.Errorf("%s", l.text([]model.Journey{j}))
		case j.From == "pod/default/shop" && j.To == "pod/default/web-1" && !j.Reply:
			there++
		case j.From == "pod/default/web-1" && j.To == "pod/default/shop" && j.Reply:
			back++
		}
	}
	if there != 3 || back != 3 {
		t.Errorf("%d there and %d back, want 3 each:\n%s", there, back, l.text(w.journeys(anyJourney)))
	}
}
