package hostport

import (
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/podhop/podhop/engine/network"
)

// What kernels do that pick by themselves, those do, too, that only list: UDP to the port is
// forgotten, to another it is not.
func TestForgetListed(t *testing.T) {
	l := newLab(t, network.Routed)
	l.set(l.mapping("web", "udp", "", 8080), l.mapping("other", "udp", "", 8081))
	for to, want := range map[string]string{"172.18.0.11:8080": "web", "172.18.0.11:8081": "other"} {
		if got := l.ask("client", "udp", to); got != want {
			t.Fatalf("%s: %q", to, got)
		}
	}
	if err := l.places["node-1"].Do(func() error {
		c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		known := func(port uint16) int {
			t.Helper()
			filter, err := udpTo(port)
			if err != nil {
				t.Fatal(err)
			}
			all, err := c.Execute(message(ctGet, netlink.Dump, unix.AF_INET, filter))
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		if known(8080) == 0 || known(8081) == 0 {
			t.Fatalf("known before are %d and %d", known(8080), known(8081))
		}
		filter, err := udpTo(8080)
		if err != nil {
			return err
		}
		if err := forgetListed(c, unix.AF_INET, filter); err != nil {
			return err
		}
		if known(8080) != 0 || known(8081) == 0 {
			t.Errorf("of 8080 are known %d, of 8081 %d", known(8080), known(8081))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
