package recording

import (
	"cmp"
	"slices"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A Past is what a session remembers; see feed.Timeline.
type Past struct {
	Since    time.Time
	Session  model.Session
	Graph    model.Graph
	Changes  []model.Moment
	Journeys []model.Journey
	Events   []model.Event
	Left     model.LeftOut
}

// Of makes a recording of what happened from since on, at the earliest from where
// the past begins, up to now. What the past says of the session is left out but for its options.
func Of(p Past, since, now time.Time) *model.Recording {
	from, to := int64(0), now.UnixNano()
	if !since.IsZero() {
		from = since.UnixNano()
	}
	graph, session := p.Graph, p.Session
	var moments []model.Moment
	begin := p.Since.UnixNano()
	for _, m := range p.Changes {
		if m.Time < from { // happened before: the state begins with it
			begin = from
			if m.Message.Topology != nil {
				graph = graph.Patch(*m.Message.Topology)
			}
			if m.Message.Session != nil {
				session = *m.Message.Session
			}
			continue
		}
		moments = append(moments, m)
	}
	begin = max(begin, from)
	earliest := begin // packets may be older than what is known of the map
	for i := range p.Journeys {
		if j := &p.Journeys[i]; j.Start >= from {
			earliest = min(earliest, j.Start)
			moments = append(moments, model.Moment{Time: j.Start, Message: model.Message{Type: "journey", Journey: j}})
		}
	}
	for i := range p.Events { // whose times are what somebody wrote
		if e := &p.Events[i]; e.Time >= from/1e6 {
			moments = append(moments, model.Moment{Time: e.Time * 1e6, Message: model.Message{Type: "event", Event: e}})
		}
	}
	for i := range moments {
		moments[i].Time = min(max(moments[i].Time, earliest), to)
	}
	slices.SortStableFunc(moments, func(a, b model.Moment) int { return cmp.Compare(a.Time, b.Time) })
	r := &model.Recording{From: earliest, To: max(to, earliest), Options: session.Options, Stopped: session.Stopped, Graph: graph, Left: p.Left}
	r.Moments = make([]model.Moment, len(moments))
	for i, m := range moments {
		m.Message.Seq = uint64(i) + 1
		if s := m.Message.Session; s != nil { // its ID opens it to whoever knows it
			m.Message.Session = &model.Session{Options: s.Options, Stopped: s.Stopped}
		}
		r.Moments[i] = m
	}
	return r
}
