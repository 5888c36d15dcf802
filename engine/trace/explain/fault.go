package explain

import (
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network/note"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// detour is a hop where a packet was sent to another device than that by which it came or
// was to leave: to be lost, or to be held. Step i of the visit's.
func (b *builder) detour(v *visit, i int) {
	s := v.steps[i].Seen
	b.see(s)
	b.translated(v, &s.Packet, s.Packet.Tuple())
	d := &model.Decision{Kind: kindFault}
	place := model.Place{Vertex: v.namespace, Device: s.Device.Name, Direction: record.Out}
	if l, ok := note.ParseLost(s.Device.Name); ok {
		b.end = Dropped
		whose := ""
		place.Peer, whose = b.lostOn(v, l, &s.Packet)
		if l.In {
			place.Direction = record.In
		}
		d.Sentence = sentence("Lost on the link of %s: a fault you set loses %s of its packets.", whose, l.Percent())
	} else if out := left(v, i); out == nil {
		b.end = Dropped
		d.Sentence = sentence("Lost where %s was to hold it: a fault you set lets less through than came.", v.where)
	} else {
		place.Peer = out.Device.Peer
		d.Sentence = sentence("Held for %s on its way out of %s: a fault you set slows the link of %s.", wait(out.Time-s.Time), out.Device.Name, linkOf(v, out))
	}
	b.hop(model.Hop{Place: place, Header: header(&s.Packet), Decision: d, Sentence: d.Sentence})
}

// lostOn is the vertex at the other end of the link that a packet was lost on, and whose
// link that is: the host's own to the underlay, or that of the pod which sent it, or was
// to get it.
func (b *builder) lostOn(v *visit, l note.Lost, p *packet.Packet) (peer, whose string) {
	if l.Index < note.Pods {
		return join.Underlay, v.where
	}
	at := p.Destination.Addr()
	if l.In {
		at = p.Source.Addr()
	}
	if pod := b.x.names(at); isPod(pod) {
		return pod, short(pod)
	}
	return "", "a pod on " + v.where
}

// left is the device by which a packet that was held at step i left, nil if none saw it.
func left(v *visit, i int) *join.Seen {
	for k := i + 1; k < len(v.steps); k++ {
		if s := v.steps[k].Seen; s != nil && s.Direction == record.Out && !note.IsDetour(s.Device.Name) {
			return s
		}
	}
	return nil
}

// linkOf is whose link a device is of: that of the pod or node at its other end, or of
// its own host.
func linkOf(v *visit, s *join.Seen) string {
	if v.namespace == join.Underlay || isPod(s.Device.Peer) {
		return short(s.Device.Peer)
	}
	return v.where
}

// wait is how a sentence says how long: in milliseconds, tenths below ten.
func wait(nanoseconds int64) string {
	ms := float64(nanoseconds) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}
