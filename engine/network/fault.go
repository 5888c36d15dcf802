package network

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Fault is what is wrong with one link, on purpose: that of a machine to the
// underlay, or of a pod to its node. Zero fields leave that much as it is.
type Fault struct {
	// Target is the vertex at the link's far end: a node, VertexClient, or a pod, which
	// has it again when it comes back by its name.
	Target string
	// In is for what goes to the target, Out for what comes from it.
	In, Out bool
	// Loss is how many of a thousand packets are lost.
	Loss int
	// Delay is how long each packet is held, give or take Jitter; packets may overtake
	// each other within that.
	Delay, Jitter time.Duration
	// Rate is how much passes in bits a second. What would wait longer than HoldMost for
	// its turn is lost.
	Rate int64
}

// HoldMost is how long packets wait at most for a narrow link's rate.
const HoldMost = 500 * time.Millisecond

// A flaw is a Fault as one end of the link has it: device's, in its namespace. Names and
// numbers of it are all in the label of its table, so that it can be read back.
type flaw struct {
	device string
	index  int
	// lossOut and lossIn are of a thousand packets that leave and that come.
	lossOut, lossIn int
	// What leaves is held.
	delay, jitter time.Duration
	rate          int64
}

// holds reports whether packets are held, and not only lost.
func (f flaw) holds() bool { return f.delay > 0 || f.jitter > 0 || f.rate > 0 }

func (f flaw) empty() bool { return f.lossIn == 0 && f.lossOut == 0 && !f.holds() }

// label is what the flaw is, as the name of a chain without rules.
func (f flaw) label() string {
	return fmt.Sprintf("flaw_%d_%d_%d_%d_%d", f.lossOut, f.lossIn, f.delay.Microseconds(), f.jitter.Microseconds(), f.rate)
}

// parseLabel is label's reverse.
func parseLabel(s string) (f flaw, ok bool) {
	var delay, jitter int64
	n, err := fmt.Sscanf(s, "flaw_%d_%d_%d_%d_%d", &f.lossOut, &f.lossIn, &delay, &jitter, &f.rate)
	f.delay, f.jitter = time.Duration(delay)*time.Microsecond, time.Duration(jitter)*time.Microsecond
	return f, err == nil && n == 5
}

// checkFaults says what is wrong with them, whether or not their targets are there.
func (d Desired) checkFaults(fail func(format string, args ...any)) {
	for i, f := range d.Faults {
		_, node := strings.CutPrefix(f.Target, "node/")
		_, pod := strings.CutPrefix(f.Target, "pod/")
		if !node && !pod && f.Target != VertexClient {
			fail("fault of %q: %w: only nodes, pods and the client have a link", f.Target, ErrInvalid)
		}
		if f.Loss < 0 || f.Loss > 1000 || f.Delay < 0 || f.Jitter < 0 || f.Jitter > f.Delay || f.Rate < 0 {
			fail("fault of %s: %w: loss is 0 to 1000, and jitter no more than delay", f.Target, ErrInvalid)
		}
		if slices.ContainsFunc(d.Faults[:i], func(o Fault) bool { return o.Target == f.Target }) {
			fail("fault of %s: %w: there is one already", f.Target, ErrInvalid)
		}
	}
}

// ends are a fault's two: near is the device next to the target, far the target's own.
// Losses are all in the namespace of nodes and client, where the rules that lose can be
// seen; packets are held where they leave.
func (f Fault) ends(target, other flaw) (flaw, flaw) {
	if f.Out {
		target.delay, target.jitter, target.rate = f.Delay, f.Jitter, f.Rate
	}
	if f.In {
		other.delay, other.jitter, other.rate = f.Delay, f.Jitter, f.Rate
	}
	return target, other
}

func (f Fault) loss(is bool) int {
	if is {
		return f.Loss
	}
	return 0
}

// spoilMachine adds a machine's faults to both ends of its link.
func spoilMachine(s site, l layout, v, port string, index int, machine, under *furniture) {
	for _, f := range l.Faults {
		if f.Target != v {
			continue
		}
		own, other := f.ends(flaw{device: "eth0", index: s.eth0}, flaw{device: port, index: index})
		own.lossOut, own.lossIn = f.loss(f.Out), f.loss(f.In)
		machine.spoil(own)
		under.spoil(other)
	}
}

// spoilPod is the same for a pod.
func spoilPod(s site, l layout, p placed, node, pod *furniture) {
	for _, f := range l.Faults {
		if f.Target != PodVertex(p.Name) {
			continue
		}
		own, other := f.ends(flaw{device: "eth0", index: s.eth0}, flaw{device: vethName(p.ID), index: p.host})
		other.lossOut, other.lossIn = f.loss(f.In), f.loss(f.Out)
		pod.spoil(own)
		node.spoil(other)
	}
}

func (f *furniture) spoil(w flaw) {
	if !w.empty() {
		f.flaws = append(f.flaws, w)
	}
}

// takeFlaws ends those that are not wanted, and forgets those whose device has gone.
func (d *differ) takeFlaws() {
	var left []flaw
	for _, f := range d.have.flaws {
		there := slices.ContainsFunc(d.have.links, func(l link) bool { return l.index == f.index })
		wanted := slices.ContainsFunc(d.want.flaws, func(w flaw) bool { return w.index == f.index })
		switch {
		case !wanted:
			d.plan(op{action: deleteFlaw, flaw: f})
		case there:
			left = append(left, f)
		}
	}
	d.have.flaws = left
}

func (d *differ) giveFlaws() {
	for _, f := range d.want.flaws {
		if !slices.Contains(d.have.flaws, f) {
			d.plan(op{action: addFlaw, flaw: f})
		}
	}
}

// words are tc's, for netem, which does the same.
func (f flaw) words(netns string) string {
	s := fmt.Sprintf("tc -n %s qdisc replace dev %s root netem", netns, f.device)
	if f.lossOut > 0 {
		s += fmt.Sprintf(" loss %g%%", float64(f.lossOut)/10)
	}
	if f.delay > 0 || f.jitter > 0 {
		s += " delay " + f.delay.String()
	}
	if f.jitter > 0 {
		s += " " + f.jitter.String()
	}
	if f.rate > 0 {
		s += fmt.Sprintf(" rate %dbit", f.rate)
	}
	if f.lossOut == 0 && !f.holds() {
		s = ""
	}
	if f.lossIn > 0 {
		if s != "" {
			s += " && "
		}
		s += fmt.Sprintf(`ip netns exec %s nft 'table netdev %s { chain in { type filter hook ingress device "%s" priority 0; %s; }; }'`, netns, f.table(), f.device, draw(f.lossIn, "drop"))
	}
	return s
}
