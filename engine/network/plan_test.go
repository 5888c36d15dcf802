package network

import (
	"slices"
	"strings"
	"testing"
)

// What is planned for every way of joining pods, and from one to another.
func TestPlanWays(t *testing.T) {
	pods := func(w way) (out []placed) {
		for i, last := range []string{"2", "3"} {
			p := placed{Pod{ID: string(rune('1' + i)), Name: "default/" + []string{"web", "db"}[i], Node: "node-1", IP: ip("10.244.1." + last)}, podIndexes + i}
			if w.dual {
				p.IP6 = ip("fd00:10:244:1::" + last)
			}
			out = append(out, p)
		}
		return out
	}
	at := func(w way, nodes, pod int) (site, layout) {
		cfg := Config{}.withDefaults()
		s := site{cluster: clusters{cfg.ClusterCIDR, cfg.ClusterCIDR6}, underlay: cfg.Underlay, underlay6: cfg.Underlay6, eth0: 2, noFilter: w.noFilter}
		return s, layout{Desired: desired(nodes, w.cni, w.dual), pods: pods(w)[:pod]}
	}
	plan := func(name string, from, to layout, s site) {
		t.Helper()
		var have map[string]*furniture
		if from.Nodes != nil {
			have = furnish(s, from)
		}
		want := furnish(s, to)
		var vertices []string
		for v := range want {
			vertices = append(vertices, v)
		}
		order := []string{VertexUnderlay, VertexClient, "node/", "pod/"}
		slices.SortFunc(vertices, func(a, b string) int {
			at := func(v string) int {
				return slices.IndexFunc(order, func(p string) bool { return strings.HasPrefix(v, p) })
			}
			if d := at(a) - at(b); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		golden(t, "ways/"+strings.ReplaceAll(name, " ", "-"), strings.Join(commands(diff(s, vertices, want, have)), "\n")+"\n")
	}
	for _, w := range ways {
		s, one := at(w, 2, 1)
		_, two := at(w, 2, 2)
		_, empty := at(w, 2, 0)
		plan(w.String()+" a new session", layout{}, empty, s)
		plan(w.String()+" a second pod comes", one, two, s)
		if w.noFilter {
			continue
		}
		_, more := at(w, 3, 1)
		plan(w.String()+" a node comes", one, more, s)
		plan(w.String()+" a node goes", more, one, s)
		_, down := at(w, 2, 1)
		down.Nodes[1].Down = true
		plan(w.String()+" a node is switched off", one, down, s)
		for _, cni := range []CNI{Routed, Bridge, VXLAN} {
			if cni != w.cni {
				_, other := at(way{cni: cni, dual: w.dual}, 2, 1)
				plan(w.String()+" becomes "+string(cni), one, other, s)
			}
		}
		if ops := diff(s, []string{VertexUnderlay, VertexClient, "node/node-1", two.pods[0].vertex()}, furnish(s, two), furnish(s, two)); len(ops) > 0 {
			t.Errorf("%s: nothing to do: %v", w, ops)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Desired)
		want   string
	}{
		{"well", func(*Desired) {}, ""},
		{"a CNI that nobody knows", func(d *Desired) { d.CNI = "calico" }, `cni "calico": invalid: there are [routed bridge vxlan]`},
		{"two nodes of one name", func(d *Desired) { d.Nodes[1].Name = "node-1" }, `node "node-1": invalid: names must be there, and differ`},
		{"two machines of one address", func(d *Desired) { d.Nodes[1].IP = d.ClientIP }, `client and node node-2: invalid: both have 172.18.0.100`},
		{"overlapping pod CIDRs", func(d *Desired) { d.Nodes[1].PodCIDR = d.Nodes[0].PodCIDR }, `nodes node-1 and node-2: invalid: pod CIDRs 10.244.1.0/24 and 10.244.1.0/24 overlap`},
		{"no pod CIDR", func(d *Desired) { d.Nodes[0].PodCIDR6 = d.Nodes[0].PodCIDR }, `node node-1: invalid: pod CIDR 10.244.1.0/24`},
		{"half a dual stack", func(d *Desired) { d.Nodes[0].IP6 = ip("::1").Next().Prev().Prev().Prev() }, `node node-1: invalid: address invalid IP in a session where dual stack is true`},
		{"none at all", func(d *Desired) { d.ClientIP6 = ip("::").Prev() }, `control plane: invalid: address fd00:172:18::10 in a session where dual stack is false`},
	} {
		d := desired(2, Routed, true)
		tc.change(&d)
		err := d.check(site{})
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
		}
	}
	// What is wrong is told before anything is done.
	l := newLab(t, 1)
	before := run(t, l.Node("node-1"), "ip -o -4 addr; ip route")
	d := desired(2, "calico", false)
	if err := l.Set(t.Context(), d); err == nil {
		t.Error("no error")
	}
	if err := l.Set(t.Context(), desired(1, Routed, true)); err == nil {
		t.Error("a live session became dual stack")
	}
	if after := run(t, l.Node("node-1"), "ip -o -4 addr; ip route"); after != before || l.Node("node-2") != nil {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}
