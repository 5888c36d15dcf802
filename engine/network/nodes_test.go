package network

import (
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// Machines come and go; those that stay notice nothing, and a name that comes again
// is a new machine.
func TestNodesComeAndGo(t *testing.T) {
	l := newLab(t, 3)
	a, c := l.pod("a", "node-1"), l.pod("c", "node-3")
	answers := func(when string) {
		t.Helper()
		if got, want := ask(t, a.NS, c.IP.String(), 2*time.Second), "c sees "+a.IP.String(); got != want {
			t.Fatalf("%s: %q, want %q", when, got, want)
		}
		// What is said of the devices is true.
		for _, d := range l.Devices() {
			space := l.space(d.Vertex)
			if space == nil {
				continue // a pod's
			}
			if err := space.Do(func() error {
				real, err := netlink.LinkByIndex(d.Index)
				if err == nil && real.Attrs().Name != d.Name {
					t.Errorf("%s: %s's device %d is %s, not %s", when, d.Vertex, d.Index, real.Attrs().Name, d.Name)
				}
				return err
			}); err != nil {
				t.Errorf("%s: %s's %s: %v", when, d.Vertex, d.Name, err)
			}
		}
	}
	answers("at first")
	all := l.desired.Nodes
	without := slices.Delete(slices.Clone(all), 1, 2)
	set := func(nodes []Node) {
		t.Helper()
		l.desired.Nodes = nodes
		if err := l.Set(t.Context(), l.desired); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		// At once: the kernel has not ended the old namespace when the new one comes.
		old := l.Node("node-2")
		set(without)
		if l.Node("node-2") != nil {
			t.Fatal("node-2 is still there")
		}
		if err := old.Do(func() error { return nil }); err == nil {
			t.Fatal("its namespace can still be entered")
		}
		answers("without node-2")
		set(all)
		if l.Node("node-2") == old {
			t.Fatal("node-2 is the same")
		}
		answers("with a new node-2")
	}
	b := l.pod("b", "node-2")
	if got, want := ask(t, c.NS, b.IP.String(), 2*time.Second), "b sees "+c.IP.String(); got != want {
		t.Fatalf("a pod of the new node-2: %q, want %q", got, want)
	}
	set(append(slices.Clone(all), nodes(4)[3]))
	d := l.pod("d", "node-4")
	if got, want := ask(t, d.NS, b.IP.String(), 2*time.Second), "b sees "+d.IP.String(); got != want {
		t.Fatalf("from a fourth node: %q, want %q", got, want)
	}
	answers("with four")
}
