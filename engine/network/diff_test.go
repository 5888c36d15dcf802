package network

import (
	"strings"
	"testing"
)

func TestPlan(t *testing.T) {
	s := site{underlay: Config{}.withDefaults().Underlay, eth0: 2}
	ns := nodes(2)
	web := placed{Pod{ID: "1", Name: "default/web", Node: "node-2", IP: ip("10.244.2.2")}, 100}
	vertices := []string{"underlay", "client", "node/node-1", "node/node-2", "pod/default/web"}
	empty := func() map[string]*furniture { return furnish(s, ns, ip("172.18.0.100"), nil) }
	full := func() map[string]*furniture { return furnish(s, ns, ip("172.18.0.100"), []placed{web}) }
	for _, tc := range []struct {
		name       string
		want, have map[string]*furniture
		site       site
		plan       string
	}{
		{"nothing to do", full(), full(), s, ""},
		{"a new session", empty(), nil, s, `
ip netns exec underlay sysctl -w net.ipv6.conf.default.addr_gen_mode=1
ip netns exec underlay sysctl -w net.ipv4.ip_forward=0
ip -n underlay link add br0 index 2 address 0a:58:ac:12:00:01 up type bridge
ip -n underlay link add client index 3 up master br0 type veth peer name eth0 index 2 address 0a:58:ac:12:00:64 netns client
ip -n underlay link add node-1 index 4 up master br0 type veth peer name eth0 index 2 address 0a:58:ac:12:00:0b netns node-1
ip -n underlay link add node-2 index 5 up master br0 type veth peer name eth0 index 2 address 0a:58:ac:12:00:0c netns node-2
ip -n underlay addr replace 172.18.0.1/24 dev br0
ip -n underlay neigh replace 172.18.0.100 lladdr 0a:58:ac:12:00:64 dev br0 nud permanent
ip -n underlay neigh replace 172.18.0.11 lladdr 0a:58:ac:12:00:0b dev br0 nud permanent
ip -n underlay neigh replace 172.18.0.12 lladdr 0a:58:ac:12:00:0c dev br0 nud permanent
ip netns exec client sysctl -w net.ipv6.conf.default.addr_gen_mode=1
ip netns exec client sysctl -w net.ipv4.ip_forward=0
ip -n client link set eth0 up
ip -n client addr replace 172.18.0.100/24 dev eth0
ip -n client neigh replace 172.18.0.1 lladdr 0a:58:ac:12:00:01 dev eth0 nud permanent
ip -n client neigh replace 172.18.0.11 lladdr 0a:58:ac:12:00:0b dev eth0 nud permanent
ip -n client neigh replace 172.18.0.12 lladdr 0a:58:ac:12:00:0c dev eth0 nud permanent
ip netns exec node-1 sysctl -w net.ipv6.conf.default.addr_gen_mode=1
ip netns exec node-1 sysctl -w net.ipv4.ip_forward=1
ip netns exec node-1 sysctl -w net.ipv4.conf.all.rp_filter=0
ip netns exec node-1 sysctl -w net.ipv4.conf.default.rp_filter=0
ip -n node-1 link set eth0 up
ip -n node-1 addr replace 172.18.0.11/24 dev eth0
ip -n node-1 addr replace 10.244.1.1/32 dev lo
ip -n node-1 route replace default via 172.18.0.1 dev eth0
ip -n node-1 route replace unreachable 10.244.1.0/24
ip -n node-1 route replace 10.244.2.0/24 via 172.18.0.12 dev eth0
ip -n node-1 neigh replace 172.18.0.1 lladdr 0a:58:ac:12:00:01 dev eth0 nud permanent
ip -n node-1 neigh replace 172.18.0.100 lladdr 0a:58:ac:12:00:64 dev eth0 nud permanent
ip -n node-1 neigh replace 172.18.0.12 lladdr 0a:58:ac:12:00:0c dev eth0 nud permanent
ip netns exec node-2 sysctl -w net.ipv6.conf.default.addr_gen_mode=1
ip netns exec node-2 sysctl -w net.ipv4.ip_forward=1
ip netns exec node-2 sysctl -w net.ipv4.conf.all.rp_filter=0
ip netns exec node-2 sysctl -w net.ipv4.conf.default.rp_filter=0
ip -n node-2 link set eth0 up
ip -n node-2 addr replace 172.18.0.12/24 dev eth0
ip -n node-2 addr replace 10.244.2.1/32 dev lo
ip -n node-2 route replace default via 172.18.0.1 dev eth0
ip -n node-2 route replace unreachable 10.244.2.0/24
ip -n node-2 route replace 10.244.1.0/24 via 172.18.0.11 dev eth0
ip -n node-2 neigh replace 172.18.0.1 lladdr 0a:58:ac:12:00:01 dev eth0 nud permanent
ip -n node-2 neigh replace 172.18.0.100 lladdr 0a:58:ac:12:00:64 dev eth0 nud permanent
ip -n node-2 neigh replace 172.18.0.11 lladdr 0a:58:ac:12:00:0b dev eth0 nud permanent
`},
		{"a pod comes", full(), empty(), s, `
ip -n node-2 link add veth6b86b273 index 100 address ee:ee:ee:ee:ee:ee up type veth peer name eth0 index 2 address 0a:58:0a:f4:02:02 netns web
ip -n node-2 route replace 10.244.2.2/32 dev veth6b86b273 scope link
ip -n node-2 neigh replace 10.244.2.2 lladdr 0a:58:0a:f4:02:02 dev veth6b86b273 nud permanent
ip netns exec node-2 nft add element inet podhop-guard pods '{ "veth6b86b273" . 10.244.2.2 }'
ip netns exec web sysctl -w net.ipv6.conf.default.addr_gen_mode=1
ip -n web link set eth0 up
ip -n web addr replace 10.244.2.2/32 dev eth0
ip -n web route replace 10.244.2.1/32 dev eth0 scope link
ip -n web route replace default via 10.244.2.1 dev eth0
ip -n web neigh replace 10.244.2.1 lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent
`},
		{"a pod goes", empty(), full(), s, `
ip netns exec node-2 nft delete element inet podhop-guard pods '{ "veth6b86b273" . 10.244.2.2 }'
ip -n node-2 link delete veth6b86b273
`},
		{"a pod's link went by itself", empty(), without(full(), "node/node-2", func(f *furniture) {
			f.links, f.guards = f.links[:1], nil
		}), s, `
ip -n node-2 route delete 10.244.2.2/32
`},
		{"somebody removed a route and set a link down", full(), without(full(), "node/node-1", func(f *furniture) {
			f.routes, f.links[0].up = f.routes[1:], false
		}), s, `
ip -n node-1 link set eth0 up
ip -n node-1 route replace default via 172.18.0.1 dev eth0
`},
		{"a pod comes where /proc/sys is read-only", full(), empty(), site{underlay: s.underlay, eth0: 2, noSysctl: true}, `
ip -n node-2 link add veth6b86b273 index 100 address ee:ee:ee:ee:ee:ee up type veth peer name eth0 index 2 address 0a:58:0a:f4:02:02 netns web
ip netns exec node-2 sysctl -w net.ipv4.conf.veth6b86b273.forwarding=1
ip -n node-2 route replace 10.244.2.2/32 dev veth6b86b273 scope link
ip -n node-2 neigh replace 10.244.2.2 lladdr 0a:58:0a:f4:02:02 dev veth6b86b273 nud permanent
ip netns exec node-2 nft add element inet podhop-guard pods '{ "veth6b86b273" . 10.244.2.2 }'
ip -n web link set eth0 up
ip -n web addr replace 10.244.2.2/32 dev eth0
ip -n web route replace 10.244.2.1/32 dev eth0 scope link
ip -n web route replace default via 10.244.2.1 dev eth0
ip -n web neigh replace 10.244.2.1 lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b strings.Builder
			for _, o := range diff(tc.site, vertices, tc.want, tc.have) {
				b.WriteString(o.String() + "\n")
			}
			if got, want := b.String(), strings.TrimPrefix(tc.plan, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func without(m map[string]*furniture, vertex string, change func(*furniture)) map[string]*furniture {
	change(m[vertex])
	return m
}
