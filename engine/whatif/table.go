package whatif

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/policy"
)

// A table is a Reachability that is being made.
type table struct {
	Input
	now, after *policy.Plan // the same plan if nothing is tried
	tried      bool
	served     map[netip.Addr][]port
	out        model.Reachability
	index      map[string]int // of verdicts, by what they say
	asked      map[question]answer
}

// A question is what makes two cells' verdicts the same.
type question struct {
	from, to string // classes
	port     policy.Port
	six      bool
}

// An answer is a cell: indices of verdicts.
type answer struct{ before, after int }

// A column is a target with its cells, from the first row to the last.
type column struct {
	model.ReachTarget
	cells []answer
}

func (t *table) fill(opened []opening) model.Reachability {
	t.asked = map[question]answer{}
	t.serve(opened)
	rows := t.groups()
	free := unnamed(t.now, t.after)
	var columns []column
	for i, g := range rows {
		if g.members[0].pod == nil {
			continue
		}
		ports := t.ports(g)
		if len(ports) == 0 {
			ports = []port{{Port: policy.Port{Protocol: v1.ProtocolTCP, Number: free}}}
		}
		columns = append(columns, t.columns(rows, g, ports, func(p port) model.ReachTarget {
			target := model.ReachTarget{Group: i, Protocol: string(p.Protocol), Port: int(p.Number), Known: p.known}
			if p.known == "" {
				target.Port = 0
			}
			return target
		})...)
	}
	columns = t.bound(columns, len(rows))
	t.out.Groups = make([]model.ReachGroup, len(rows))
	t.out.Targets = make([]model.ReachTarget, len(columns))
	t.out.Before = make([][]int, len(rows))
	if t.tried {
		t.out.After = make([][]int, len(rows))
	}
	for i, g := range rows {
		t.out.Groups[i] = g.ReachGroup
		t.out.Before[i] = make([]int, len(columns))
		if t.tried {
			t.out.After[i] = make([]int, len(columns))
		}
		for k, c := range columns {
			t.out.Targets[k] = c.ReachTarget
			t.out.Before[i][k] = c.cells[i].before
			if t.tried {
				t.out.After[i][k] = c.cells[i].after
			}
		}
	}
	t.compact()
	return t.out
}

// unnamed is a port of TCP that no rule of either plan names.
func unnamed(plans ...*policy.Plan) uint16 {
	free := uint16(65535)
	for _, p := range plans {
		free = min(free, p.Unnamed(v1.ProtocolTCP))
	}
	return free
}

// columns are those of a group's ports: one each, or another of IPv6 where that is not
// the same.
func (t *table) columns(rows []*group, g *group, ports []port, target func(port) model.ReachTarget) []column {
	var met [2][]meeting // of IPv4, of IPv6
	for n, six := range []bool{false, true} {
		if slices.ContainsFunc(g.members, func(m *member) bool { return m.ip(six).IsValid() }) {
			for _, from := range rows {
				met[n] = append(met[n], t.meet(from, g, six))
			}
		}
	}
	var out []column
	for _, p := range ports {
		c := column{ReachTarget: target(p), cells: t.cells(met[0], p.Port)}
		six := column{ReachTarget: c.ReachTarget, cells: t.cells(met[1], p.Port)}
		six.Family = "IPv6"
		if len(c.cells) > 0 {
			out = append(out, c)
		}
		if len(six.cells) > 0 && !slices.Equal(c.cells, six.cells) {
			out = append(out, six)
		}
	}
	return out
}

func (m *member) ip(six bool) netip.Addr {
	for _, a := range m.ips {
		if a.Is6() == six {
			return a
		}
	}
	return netip.Addr{}
}

// A meeting is who opens connections to whom in a cell.
type meeting struct {
	six bool
	// from and to are a pair that policies have a say about, if there is one: to them
	// all such pairs are alike. surely always reaches surelyTo.
	from, to         *member
	surely, surelyTo *member
	but              string // what holds of such pairs, where there are both
}

func (t *table) meet(from, to *group, six bool) (m meeting) {
	m.six = six
	sure := 0
	for _, b := range to.members {
		for _, a := range from.members {
			switch {
			case !a.ip(six).IsValid() || !b.ip(six).IsValid():
			case a == b || t.home(a, b):
				sure++
				m.surely, m.surelyTo = a, b
			case m.from == nil:
				m.from, m.to = a, b
			}
			if m.from != nil && from != to && a.pod != nil {
				return m
			}
		}
	}
	switch {
	case sure == 0 || m.from == nil:
	case from == to:
		m.but = "Each of these pods always reaches itself."
	default:
		m.but = fmt.Sprintf("%s always reaches those that run on it, %d of %d.", from.Name, sure, len(to.members))
	}
	return m
}

// cells are what both plans say of each meeting.
func (t *table) cells(met []meeting, p policy.Port) []answer {
	out := make([]answer, len(met))
	for i, m := range met {
		switch {
		case m.from != nil:
			q := question{m.from.class, m.to.class, p, m.six}
			a, known := t.asked[q]
			if !known {
				a = t.ask(m.from, m.to, p, m.six)
				t.asked[q] = a
			}
			out[i] = t.but(a, m.but)
		case m.surely != nil:
			out[i] = t.ask(m.surely, m.surelyTo, p, m.six)
		default:
			n := t.keep(model.PolicyVerdict{Sentence: "Not reached: one end has no address of this family."})
			out[i] = answer{n, n}
		}
	}
	return out
}

func (t *table) ask(from, to *member, p policy.Port, six bool) answer {
	o := t.open(from, to, p, six)
	return answer{t.keep(verdict(t.now.Way(o, o))), t.keep(verdict(t.after.Way(o, o)))}
}

// home tells whether a place is the node of a pod.
func (t *table) home(a, b *member) bool {
	node, ok := strings.CutPrefix(a.id, "node/")
	return ok && a.pod == nil && b.pod.Spec.NodeName == node
}

// open is the first packet. A node is seen by its own pods with the address that their
// status names, whatever others see.
func (t *table) open(from, to *member, p policy.Port, six bool) policy.Opening {
	source := from.ip(six)
	if t.home(from, to) {
		for _, h := range to.hosts {
			if a, err := netip.ParseAddr(h); err == nil && a.Is6() == six {
				source = a
			}
		}
	}
	return policy.Opening{From: source, To: to.ip(six), Protocol: p.Protocol, Port: p.Number}
}

// but adds what holds besides.
func (t *table) but(a answer, text string) answer {
	if text == "" {
		return a
	}
	add := func(n int) int {
		v := t.out.Verdicts[n]
		if v.Allowed {
			return n // no exception from that
		}
		v.Except = text
		return t.keep(v)
	}
	return answer{add(a.before), add(a.after)}
}

// keep returns the index of a verdict.
func (t *table) keep(v model.PolicyVerdict) int {
	key := v.Sentence + "\x00" + v.Except
	n, ok := t.index[key]
	if !ok {
		n = len(t.out.Verdicts)
		t.index[key] = n
		t.out.Verdicts = append(t.out.Verdicts, v)
	}
	return n
}

// bound leaves out columns of a table that is too large: those where nothing changes,
// from the last on, and then others.
func (t *table) bound(all []column, rows int) []column {
	fit := maxCells / max(rows, 1)
	if len(all) <= fit {
		return all
	}
	t.out.Omitted = len(all) - fit
	changes := func(c column) bool {
		return slices.ContainsFunc(c.cells, func(a answer) bool {
			return t.out.Verdicts[a.before].Allowed != t.out.Verdicts[a.after].Allowed
		})
	}
	keep := make([]bool, len(all))
	left := fit
	for _, wanted := range []bool{true, false} {
		for i, c := range all {
			if left > 0 && !keep[i] && changes(c) == wanted {
				keep[i] = true
				left--
			}
		}
	}
	out := make([]column, 0, fit)
	for i, c := range all {
		if keep[i] {
			out = append(out, c)
		}
	}
	return out
}

// compact leaves out verdicts that no cell has.
func (t *table) compact() {
	number := make([]int, len(t.out.Verdicts))
	for i := range number {
		number[i] = -1
	}
	kept := []model.PolicyVerdict{}
	for _, rows := range [][][]int{t.out.Before, t.out.After} {
		for _, row := range rows {
			for k, n := range row {
				if number[n] < 0 {
					number[n] = len(kept)
					kept = append(kept, t.out.Verdicts[n])
				}
				row[k] = number[n]
			}
		}
	}
	t.out.Verdicts = kept
}
