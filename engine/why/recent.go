package why

import (
	"slices"
	"time"

	"github.com/podhop/podhop/engine/model"
)

const (
	// fresh is how long an answer is given again: objects change, and floods do not wait.
	fresh = time.Second
	// maxRecent bounds how many are kept: a scan asks for many ports.
	maxRecent = 1024
)

// Recent answers as Objects do, and does not look again for packets that met the same end
// within a second. It is not safe for concurrent use.
type Recent struct {
	of    *Objects
	now   func() time.Time
	since time.Time
	known map[end]*model.Why
}

// An end is how a packet ended, as far as answers depend on it.
type end struct {
	from, source, to, destination, protocol, verdict, summary, decision string

	hops int
}

// NewRecent makes a Recent. now is time.Now but in tests.
func NewRecent(of *Objects, now func() time.Time) *Recent { return &Recent{of: of, now: now} }

// Packet is Objects.Packet.
func (r *Recent) Packet(j *model.Journey) *model.Why {
	if len(j.Hops) == 0 || j.Verdict == "delivered" && !j.Reply {
		return nil
	}
	if now := r.now(); now.Sub(r.since) > fresh || len(r.known) >= maxRecent {
		r.known, r.since = map[end]*model.Why{}, now
	}
	k := end{from: j.From, source: hostOf(j.Source), to: j.To, destination: j.Destination, protocol: j.Protocol, verdict: j.Verdict, hops: len(j.Hops)}
	if d := j.Hops[len(j.Hops)-1].Decision; d != nil {
		k.decision = d.Sentence
	}
	if j.Reply {
		k.summary, k.destination = j.Summary, "" // of a DNS answer, whoever's port it is for
	}
	w, ok := r.known[k]
	if !ok {
		w = r.of.Packet(j)
		r.known[k] = w
		return w
	}
	if w == nil {
		return nil
	}
	again := *w
	again.Seen = slices.Clone(w.Seen)
	for i := range again.Seen {
		if again.Seen[i].Journey != "" {
			again.Seen[i].Journey = j.ID
		}
	}
	return &again
}
