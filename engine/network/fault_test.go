package network

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/nsexec"
)

func (l *lab) fault(faults ...Fault) {
	l.t.Helper()
	l.desired.Faults = faults
	if err := l.Set(l.t.Context(), l.desired); err != nil {
		l.t.Fatal(err)
	}
	if ops, err := l.set(l.t.Context(), l.desired); err != nil || len(ops) > 0 {
		l.t.Fatalf("Set plans %v, %v", ops, err)
	}
}

func TestFaults(t *testing.T) {
	for _, w := range []way{{cni: Routed}, {cni: Bridge, dual: true}, {cni: VXLAN}} {
		t.Run(w.String(), func(t *testing.T) {
			l := w.lab(t, 2)
			a, b, c := l.pod("a", "node-1"), l.pod("b", "node-1"), l.pod("c", "node-2")
			reach := func(when string, from Pod, to Pod, want bool) {
				t.Helper()
				patience := never
				if want {
					patience = 30 * time.Second
				}
				if got := ask(t, from.NS, to.IP.String(), patience); (got == to.Name[len("default/"):]+" sees "+from.IP.String()) != want {
					t.Errorf("%s: %s asks %s: %q", when, from.Name, to.Name, got)
				}
			}
			reach("at first", a, c, true)
			for _, of := range []string{"node/node-2", "node/node-1", "pod/default/a", "pod/default/c"} {
				for _, f := range []Fault{{Target: of, In: true, Loss: 1000}, {Target: of, Out: true, Loss: 1000}} {
					l.fault(f)
					reach("all lost at "+of, a, c, false)
					reach("all lost at "+of, a, b, of != "pod/default/a")
				}
			}
			l.fault()
			reach("mended", a, c, true)

			delay := 30 * time.Millisecond
			l.fault(Fault{Target: "node/node-2", In: true, Out: true, Delay: delay}, Fault{Target: "pod/default/a", Out: true, Delay: delay})
			start := time.Now()
			reach("slow", a, c, true)
			// A handshake and an answer: there, back, there with the end of it.
			if took := time.Since(start); took < 5*delay {
				t.Errorf("slow: took %v", took)
			}
			l.fault(Fault{Target: "pod/default/a", In: true, Rate: 8_000_000})
			if n, took := l.stream(c, a, 1<<20); n != 1<<20 || took < 500*time.Millisecond {
				t.Errorf("1 MiB by 8 Mbit/s: %d bytes took %v", n, took)
			}
			l.fault(Fault{Target: "node/node-2", In: true, Out: true, Delay: time.Millisecond})
			if n, _ := l.stream(c, a, 8<<20); n != 8<<20 {
				t.Errorf("of 8 MiB came %d bytes", n)
			}
			l.fault()
			if n, _ := l.stream(c, a, 8<<20); n != 8<<20 {
				t.Errorf("mended: of 8 MiB came %d bytes", n)
			}
			for _, v := range []*nsexec.NetNS{l.Node("node-1"), l.Node("node-2"), l.Underlay(), l.Client(), a.NS} {
				if left := run(t, v, "nft list tables netdev; ip -br link show type bridge | grep -e held -e lost"); left != "" {
					t.Errorf("left: %s", left)
				}
			}
			if len(l.holders) > 0 {
				t.Errorf("left: %v", l.holders)
			}
		})
	}
}

// stream sends so many bytes from one pod to another, and says how many came, and how
// long that took.
func (l *lab) stream(from, to Pod, size int) (int, time.Duration) {
	ln, err := to.NS.Listen("tcp", "[::]:81")
	if err != nil {
		l.t.Fatal(err)
	}
	defer ln.Close()
	start := time.Now()
	sent := make(chan error, 1)
	go func() {
		c, err := from.NS.DialContext(l.t.Context(), "tcp", net.JoinHostPort(to.IP.String(), "81"))
		if err == nil {
			_, err = c.Write(make([]byte, size))
			err = errors.Join(err, c.Close())
		}
		sent <- err
	}()
	c, err := ln.Accept()
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(60 * time.Second))
	n, _ := io.Copy(io.Discard, c)
	if err := <-sent; err != nil {
		l.t.Error(err)
	}
	return int(n), time.Since(start)
}

// A fault waits for who has its name, and outlasts it.
func TestFaultOfWhoComesLater(t *testing.T) {
	l := newLab(t, 2)
	a := l.pod("a", "node-1")
	l.fault(Fault{Target: "pod/default/late", In: true, Out: true, Loss: 1000, Delay: time.Millisecond}, Fault{Target: "node/node-3", In: true, Loss: 1000})
	late := l.pod("late", "node-2")
	if got := ask(t, a.NS, late.IP.String(), never); strings.Contains(got, "sees") {
		t.Errorf("got %q", got)
	}
	if ops, err := l.set(t.Context(), l.desired); err != nil || len(ops) > 0 {
		t.Errorf("Set plans %v, %v", ops, err)
	}
	if err := l.Detach(t.Context(), late.ID); err != nil {
		t.Fatal(err)
	}
	if left := run(t, l.Node("node-2"), "nft list tables netdev"); left != "" || len(l.holders) > 0 {
		t.Errorf("left when the pod has gone: %s%v", left, l.holders)
	}
	l.desired.Pods = l.desired.Pods[:1]
	before := l.desired.Nodes
	l.desired.Nodes = slices.Clone(nodes(3))
	l.fault(l.desired.Faults...)
	c := l.pod("c", "node-3")
	if got := ask(t, a.NS, c.IP.String(), never); strings.Contains(got, "sees") {
		t.Errorf("got %q", got)
	}
	l.desired.Nodes, l.desired.Pods = before, l.desired.Pods[:1]
	l.fault(l.desired.Faults...)
}

func TestFaultErrors(t *testing.T) {
	l := newLab(t, 1)
	for _, f := range []Fault{
		{Target: "underlay", Loss: 1}, {Target: "node/node-1", Loss: 1001}, {Target: "node/node-1", Jitter: 1}, {Target: "client", Rate: -1},
	} {
		l.desired.Faults = []Fault{f}
		if err := l.Set(t.Context(), l.desired); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestFaultCommands(t *testing.T) {
	for _, c := range []struct {
		flaw flaw
		want string
	}{
		{flaw{device: "eth0", lossOut: 300, delay: 100 * time.Millisecond, jitter: 20 * time.Millisecond, rate: 1e6}, "tc -n node-2 qdisc replace dev eth0 root netem loss 30% delay 100ms 20ms rate 1000000bit"},
		{flaw{device: "eth0", index: 2, lossIn: 5}, `ip netns exec node-2 nft 'table netdev podhop-fault-2 { chain in { type filter hook ingress device "eth0" priority 0; numgen random mod 1000 < 5 drop; }; }'`},
	} {
		if got := (op{vertex: "node/node-2", action: addFlaw, flaw: c.flaw}).String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if got := (op{vertex: "node/node-2", action: deleteFlaw, flaw: flaw{device: "eth0"}}).String(); !strings.HasSuffix(got, "qdisc delete dev eth0 root") {
		t.Error(got)
	}
}

func TestCloseLeavesNoFault(t *testing.T) {
	before := descriptors(t)
	t.Run("session", func(t *testing.T) {
		l := newLab(t, 2)
		l.pod("a", "node-1")
		l.fault(Fault{Target: "pod/default/a", In: true, Out: true, Delay: time.Second}, Fault{Target: "node/node-2", In: true, Out: true, Delay: time.Second})
		if len(l.holders) != 4 {
			t.Errorf("held by %v", l.holders)
		}
	})
	until(t, "as few descriptors as there were", func() bool { return descriptors(t) <= before })
	if got := namespaces(t); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}
