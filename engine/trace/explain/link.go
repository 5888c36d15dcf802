package explain

import (
	"slices"
	"strings"

	"github.com/podhop/podhop/engine/trace/record"
)

// gather puts together what one namespace saw of a packet for everybody: it is in
// several at once, and the captures' order is none of its way.
func gather(all []visit) []visit {
	var some []visit
	at := map[string]int{}
	for _, v := range all {
		if i, ok := at[v.namespace]; ok {
			some[i].steps = append(some[i].steps, v.steps...)
			continue
		}
		at[v.namespace] = len(some)
		some = append(some, v)
	}
	return some
}

// flooded says whom the underlay sent a packet for everybody to.
func flooded(v *visit) string {
	var to []string
	for i := range v.steps {
		if s := v.steps[i].Seen; s != nil && s.Direction == record.Out && s.Device.Peer != "" {
			to = append(to, short(s.Device.Peer))
		}
	}
	slices.Sort(to) // a flood has no order
	switch n := len(to); n {
	case 0:
		return ""
	case 1:
		return to[0]
	default:
		return strings.Join(to[:n-1], ", ") + " and " + to[n-1]
	}
}

// neighbor ends a question for a neighbour's link address: it reaches all of the link,
// and what counts is who answers. If nobody does, it ends at the bridge that spread it.
func (b *builder) neighbor(visits []visit) {
	n, a := b.way.Steps[0].Packet().Neighbor, b.way.Answer
	b.end = Delivered
	if !n.Answer {
		for i := range visits {
			if v := &visits[i]; !v.local && !b.endsHere(v) {
				b.at = v.namespace
			}
		}
	}
	switch {
	case n.Answer || n.Announcement():
		b.add("Delivered.")
	case a != nil && n.Probe():
		b.at = a.By
		b.add("%s answered: it has that address already.", short(a.By))
	case a != nil:
		b.at = a.By
		b.add("%s answered.", short(a.By))
	case n.Probe():
		b.add("Nobody answered: the address is free.")
	default:
		b.add("Nobody answered: nobody on this link has %s.", n.Target)
	}
}
