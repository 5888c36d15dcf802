package trace

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/record"
)

// A Note is what a program of the session's own did about a packet, where no packet
// tells.
type Note struct {
	// Protocol is tcp or udp.
	Protocol string
	// Source and Destination are the packet's as the program had them.
	Source, Destination netip.AddrPort
	// Got says that the program got the packet: the decision is at the journey's end.
	// Else it sent it, and decided before.
	Got bool
	// Time is when it got the packet or sent it.
	Time     time.Time
	Decision model.Decision
}

// maxNotes bounds what is remembered: the latest. noteTime is how far the program's time
// and the packet's may be apart.
const (
	maxNotes = 256
	noteTime = time.Second
)

// Note adds to the journey of one packet. Tell it at once: what is emitted stays as it
// is. It never waits, and may be called whether somebody watches or not.
func (t *Tracer) Note(n Note) { t.loop.notes.put(n) }

// SetHold says how long links may hold a packet now, by a fault: a journey is told that
// much later, because until then it may go on. It is bounded to 10 s.
func (t *Tracer) SetHold(d time.Duration) {
	t.loop.hold.Store(int64(min(max(d, 0), 10*time.Second)))
}

// notes are those that no journey has had yet. Programs write them, the loop reads them.
type notes struct {
	mu  sync.Mutex
	all []Note
}

func (x *notes) put(n Note) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.all) == maxNotes {
		x.all = slices.Delete(x.all, 0, 1)
	}
	x.all = append(x.all, n)
}

// add gives a journey the note that is about it.
func (x *notes) add(w *join.Way, j *model.Journey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := slices.IndexFunc(x.all, func(n Note) bool { return n.about(w) })
	if i < 0 || len(j.Hops) == 0 {
		return
	}
	n := x.all[i]
	x.all = slices.Delete(x.all, i, i+1)
	if !n.Got {
		j.Hops = slices.Insert(j.Hops, 0, decided(j, n.Decision))
		return
	}
	last := j.Hops[len(j.Hops)-1]
	j.Hops = append(j.Hops, model.Hop{Time: last.Time, Place: model.Place{Vertex: j.To}, Header: last.Header, Decision: &n.Decision, Sentence: n.Decision.Sentence})
}

func (n *Note) about(w *join.Way) bool {
	t := record.Tuple{Source: n.Source, Destination: n.Destination}
	return slices.ContainsFunc(w.Steps, func(s join.Step) bool {
		p := s.Packet()
		if s.Seen == nil || p.IsError() || p.Protocol != protocolNumber(n.Protocol) || p.Tuple() != t {
			return false
		}
		d := time.Unix(0, s.Seen.Time).Sub(n.Time)
		return d > -noteTime && d < noteTime
	})
}
