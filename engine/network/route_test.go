package network

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What Route says is a line of what `ip route` lists, and empty where the kernel would
// do otherwise.
func TestRoute(t *testing.T) {
	for _, cni := range []CNI{Routed, Bridge, VXLAN} {
		t.Run(string(cni), func(t *testing.T) {
			l := newLab(t, 2)
			l.desired.CNI = cni
			if err := l.Set(t.Context(), l.desired); err != nil {
				t.Fatal(err)
			}
			here := l.pod("a", "node-1")
			there := l.pod("b", "node-2")
			var lines []string
			if err := l.Node("node-1").Do(func() error {
				out, err := exec.Command("ip", "route").Output()
				for line := range strings.Lines(string(out)) {
					lines = append(lines, strings.Join(strings.Fields(line), " "))
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				to   netip.Addr
				want string // begins so
			}{
				{here.IP, map[CNI]string{Routed: here.IP.String() + " dev veth"}[cni]},
				{there.IP, map[CNI]string{VXLAN: "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink"}[cni]},
				{netip.MustParseAddr("8.8.8.8"), ""},
			} {
				var devices []string
				for _, d := range l.Devices() {
					if d.Vertex == "node/node-1" {
						devices = append(devices, d.Name)
					}
				}
				found := 0
				for _, device := range devices {
					got := l.Route("node/node-1", c.to, device)
					if got == "" {
						continue
					}
					found++
					if !strings.HasPrefix(got, c.want) || !slices.ContainsFunc(lines, func(line string) bool { return like(line, got) }) {
						t.Errorf("%s by %s: %q is none of\n%s", c.to, device, got, strings.Join(lines, "\n"))
					}
				}
				if found > 1 || found == 0 && c.to.IsPrivate() {
					t.Errorf("%s: %d routes by %q", c.to, found, devices)
				}
			}
			if got := l.Route("node/node-9", here.IP, "eth0"); got != "" {
				t.Errorf("of no node: %q", got)
			}
		})
	}
}

// like reports whether a line of `ip route` has all words of a route, in their order.
func like(line, route string) bool {
	words := strings.Fields(line)
	for _, w := range strings.Fields(route) {
		i := slices.Index(words, w)
		if i < 0 {
			return false
		}
		words = words[i+1:]
	}
	return true
}
