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
	Capture  model.Capture
	Changes  []model.Moment
	Journeys []model.Journey
	Events   []model.Event
	Left     model.LeftOut
}

// opened counts the changes by which a session came to be: those until it had a node. A
// map that is empty is nothing to look at.
func opened(p Past) int {
	has := func(all []model.Vertex) bool {
		return slices.ContainsFunc(all, func(v model.Vertex) bool { return v.Kind == "Node" })
	}
	if has(p.Graph.Vertices) {
		return 0
	}
	return 1 + slices.IndexFunc(p.Changes, func(m model.Moment) bool { return m.Message.Topology != nil && has(m.Message.Topology.Put) })
}

// Of makes a recording of what happened from since on, at the earliest from where
// the past begins, up to now. It does not name the session.
func Of(p Past, since, now time.Time) *model.Recording {
	from, to := int64(0), now.UnixNano()
	if !since.IsZero() {
		from = since.UnixNano()
	}
	graph, session, capture := p.Graph, p.Session, p.Capture
	var moments []model.Moment
	begin := p.Since.UnixNano()
	opening := opened(p)
	for i, m := range p.Changes {
		if m.Time < from || i < opening { // happened before: the state begins with it
			begin = max(begin, m.Time)
			if m.Message.Topology != nil {
				graph = graph.Patch(*m.Message.Topology)
			}
			if m.Message.Session != nil {
				session = *m.Message.Session
			}
			if m.Message.Capture != nil {
				capture = *m.Message.Capture
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
	r := &model.Recording{From: earliest, To: max(to, earliest), Session: nameless(session), Graph: graph, Capture: capture, Left: p.Left}
	r.Moments = make([]model.Moment, len(moments))
	for i, m := range moments {
		m.Message.Seq = uint64(i) + 1
		if s := m.Message.Session; s != nil {
			own := nameless(*s)
			m.Message.Session = &own
		}
		r.Moments[i] = m
	}
	return r
}

// nameless is a session without what leads to it: its ID opens it to whoever knows it.
func nameless(s model.Session) model.Session {
	s.ID, s.URL, s.APIServer, s.ExpiresAt = "", "", "", ""
	return s
}
