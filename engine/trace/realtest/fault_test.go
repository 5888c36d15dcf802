package realtest

import (
	"strings"
	"testing"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/trace"
	"github.com/podhop/podhop/engine/trace/internal/tracetest"
)

func (l *lab) fault(t *trace.Tracer, faults ...network.Fault) {
	l.t.Helper()
	if err := l.net.Update(l.t.Context(), func(d *network.Desired) { d.Faults = faults }); err != nil {
		l.t.Fatal(err)
	}
	hold := time.Duration(0)
	for _, f := range faults {
		hold = max(hold, f.Delay+f.Jitter)
	}
	t.SetHold(hold)
}

// ask sends until the conversation's journeys have one that is wanted.
func (l *lab) ask(t *trace.Tracer, from, to string, wanted func(*model.Journey) bool) {
	l.t.Helper()
	var all []model.Journey
	for range 5 { // a rule's event may be lost to a busy machine
		l.get(t, from, to)
		l.mu.Lock()
		all = l.all
		l.mu.Unlock()
		for i := range all {
			if wanted(&all[i]) {
				return
			}
		}
	}
	l.t.Errorf("not among:\n%s", tracetest.Render(all...))
}

// What faults do to packets is told by what the kernel did.
func TestFaults(t *testing.T) {
	for _, cni := range []network.CNI{network.Routed, network.Bridge, network.VXLAN} {
		t.Run(string(cni), func(t *testing.T) { testFaults(t, cni) })
	}
}

func testFaults(t *testing.T, cni network.CNI) {
	l := newLab(t, cni)
	tracer := l.watch()
	const all = " a fault you set loses 100% of its packets."
	for _, test := range []struct {
		name, from, to string
		fault          network.Fault
		summary        string
		want           string
	}{
		{"into a node", "pod/default/shop", "10.96.0.22:80", network.Fault{Target: "node/node-2", In: true}, "SYN", "Lost on the link of node-2:"},
		{"out of a node", "pod/default/shop", "10.96.0.22:80", network.Fault{Target: "node/node-1", Out: true}, "SYN", "Lost on the link of node-1:"},
		{"the answer", "pod/default/shop", "10.96.0.22:80", network.Fault{Target: "node/node-2", Out: true}, "SYN ACK", "Lost on the link of node-2:"},
		{"out of a pod", "pod/default/shop", "10.96.0.22:80", network.Fault{Target: "pod/default/shop", Out: true}, "SYN", "Lost on the link of shop:"},
		{"into a pod", "pod/default/shop", "10.96.0.22:80", network.Fault{Target: "pod/default/web-1", In: true}, "SYN", "Lost on the link of web-1:"},
		{"out of the client", "client", "172.18.0.12:30082", network.Fault{Target: "client", Out: true}, "SYN", "Lost on the link of the client:"},
		{"into the client", "client", "172.18.0.12:30082", network.Fault{Target: "client", In: true}, "SYN ACK", "Lost on the link of the client:"},
	} {
		l.t = t
		t.Run("loss "+test.name, func(t *testing.T) {
			l.t = t
			test.fault.Loss = 1000
			l.fault(tracer, test.fault)
			l.ask(tracer, test.from, test.to, func(j *model.Journey) bool {
				if len(j.Hops) == 0 || j.Summary != test.summary {
					return false
				}
				d := j.Hops[len(j.Hops)-1].Decision
				return j.Verdict == "dropped" && d != nil && d.Kind == "fault" && d.Sentence == test.want+all
			})
		})
	}
	for _, test := range []struct {
		name, from, to string
		fault          network.Fault
		want           string
	}{
		{"out of a node", "pod/default/shop", "10.96.0.22:80", network.Fault{Target: "node/node-1", Out: true}, " ms on its way out of eth0: a fault you set slows the link of node-1."},
		{"into a node", "pod/default/shop", "10.96.0.22:80", network.Fault{Target: "node/node-2", In: true}, " ms on its way out of node-2: a fault you set slows the link of node-2."},
		{"into a pod", "pod/default/shop", "10.96.0.22:80", network.Fault{Target: "pod/default/web-1", In: true}, ": a fault you set slows the link of web-1."},
		{"out of the client", "client", "172.18.0.12:30082", network.Fault{Target: "client", Out: true}, " ms on its way out of eth0: a fault you set slows the link of the client."},
	} {
		t.Run("delay "+test.name, func(t *testing.T) {
			l.t = t
			test.fault.Delay = 120 * time.Millisecond
			l.fault(tracer, test.fault)
			l.ask(tracer, test.from, test.to, func(j *model.Journey) bool {
				if j.Summary != "SYN" || j.Verdict != "delivered" || j.To != "pod/default/web-1" {
					return false
				}
				for i, h := range j.Hops {
					if h.Decision != nil && h.Decision.Kind == "fault" && strings.HasPrefix(h.Sentence, "Held for ") && strings.HasSuffix(h.Sentence, test.want) {
						return i+1 < len(j.Hops) && j.Duration >= test.fault.Delay.Nanoseconds()
					}
				}
				return false
			})
		})
	}
	l.t = t
	l.fault(tracer)
	if who, _ := l.get(tracer, "pod/default/shop", "10.96.0.22:80"); who != "pod/default/web-1" {
		t.Errorf("mended: answered by %q", who)
	}
}
