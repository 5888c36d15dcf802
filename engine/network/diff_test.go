package network

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestPlan(t *testing.T) {
	s := site{underlay: Config{}.withDefaults().Underlay, eth0: 2}
	d := Desired{Nodes: nodes(2), ClientIP: ip("172.18.0.100"), ControlPlane: ip("172.18.0.10")}
	web := placed{Pod{ID: "1", Name: "default/web", Node: "node-2", IP: ip("10.244.2.2")}, 100}
	vertices := []string{"underlay", "client", "node/node-1", "node/node-2", "pod/default/web@1"}
	empty := func() map[string]*furniture { return furnish(s, layout{Desired: d}) }
	announced := func(what string) map[string]*furniture {
		l := layout{Desired: d, announced: map[netip.Addr][]string{}}
		for _, one := range strings.Split(what, ", ") {
			words := strings.Fields(one)
			l.announced[ip(words[0])] = words[1:]
		}
		return furnish(s, l)
	}
	full := func() map[string]*furniture { return furnish(s, layout{Desired: d, pods: []placed{web}}) }
	for _, tc := range []struct {
		name       string
		want, have map[string]*furniture
		site       site
	}{
		{"nothing to do", full(), full(), s},
		{"addresses are announced", announced("203.0.113.1 node-1 node-2 node-9, 203.0.113.2 node-2, 203.0.113.3 node-9"), announced("203.0.113.4 node-1, 203.0.113.2 node-1"), s},
		{"a new session", empty(), nil, s},
		{"a pod comes", full(), empty(), s},
		{"a pod goes", empty(), full(), s},
		{"a link went by itself", empty(), without(full(), "node/node-2", func(f *furniture) {
			f.links, f.guards = f.links[:1], nil
		}), s},
		{"somebody removed a route and set a link down", full(), without(full(), "node/node-1", func(f *furniture) {
			f.routes, f.links[0].up = f.routes[1:], false
		}), s},
		{"a pod comes where sysctls are read-only", full(), empty(), site{underlay: s.underlay, eth0: 2, noSysctl: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b strings.Builder
			for _, o := range diff(tc.site, vertices, tc.want, tc.have) {
				b.WriteString(o.String() + "\n")
			}
			golden(t, "plan/"+strings.ReplaceAll(tc.name, " ", "-"), b.String())
		})
	}
}

// golden compares a text with testdata's, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func without(m map[string]*furniture, vertex string, change func(*furniture)) map[string]*furniture {
	change(m[vertex])
	return m
}
