package network

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/podhop/podhop/internal/nsexec"
)

// BenchmarkPodNetworks reports pod networks a second, and a bare loop's.
func BenchmarkPodNetworks(b *testing.B) {
	var last BenchResult
	for b.Loop() {
		r, err := Bench(b.Context(), 200)
		if err != nil {
			b.Fatal(err)
		}
		last = r
	}
	b.ReportMetric(last.Attach, "attach/s")
	b.ReportMetric(last.Bare, "bare/s")
	b.ReportMetric(last.Ratio, "ratio")
}

// BenchmarkSession is a session's three nodes, client and underlay.
func BenchmarkSession(b *testing.B) {
	for b.Loop() {
		n, err := Open(Config{})
		if err != nil {
			b.Fatal(err)
		}
		if err := n.Set(b.Context(), Desired{Nodes: nodes(3), ClientIP: ip("172.18.0.100")}); err != nil {
			b.Fatal(err)
		}
		n.Close()
	}
}

// BenchmarkAttach is one pod in a namespace that is already there, and its detachment.
func BenchmarkAttach(b *testing.B) {
	n, err := Open(Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	if err := n.Set(b.Context(), Desired{Nodes: []Node{{Name: "node-1", IP: ip("172.18.0.11"), PodCIDR: netip.MustParsePrefix("10.244.0.0/17")}}, ClientIP: ip("172.18.0.100")}); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		ns, err := nsexec.NewNetNS()
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := n.Attach(b.Context(), Pod{ID: fmt.Sprint(i), Name: "default/x", Node: "node-1", NS: ns}); err != nil {
			b.Fatal(err)
		}
		if err := n.Detach(b.Context(), fmt.Sprint(i)); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		ns.Close()
		b.StartTimer()
	}
}

// TestFlows is that a measurement comes about, not what it says.
func TestFlows(t *testing.T) {
	if _, err := BenchFlows(t.Context(), time.Millisecond); err != nil { // what is kept for all is there
		t.Fatal(err)
	}
	before := descriptors(t)
	flows, err := BenchFlows(t.Context(), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(flows) != 7 || flows[0].Path != barePath || flows[6].Path != "vxlan, other node" {
		t.Errorf("%+v", flows)
	}
	for _, f := range flows {
		if f.BytesPerSecond <= 0 || f.RoundTrip <= 0 || f.Throughput <= 0 {
			t.Errorf("%+v", f)
		}
		t.Logf("%+v", f)
	}
	until(t, "as few descriptors as there were", func() bool { return descriptors(t) <= before })
	if got := namespaces(t); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}
