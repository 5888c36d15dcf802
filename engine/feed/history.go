package feed

import (
	"slices"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A Timeline is what a session keeps of its past. Who gets one shares its memory with
// the Feed, and must not change it.
type Timeline struct {
	// Session, Graph and Capture are as they were at Since.
	Since   time.Time
	Session model.Session
	Graph   model.Graph
	Capture model.Capture
	// Changes are the messages since, oldest first, but for journeys and events.
	Changes []model.Moment
	// Journeys and Events are the recent ones, oldest first. They may be older
	// than Since.
	Journeys []model.Journey
	Events   []model.Event
	// Left counts what was dropped, to stay within the bounds.
	Left model.LeftOut
}

// Timeline is what there is of the session's past.
func (f *Feed) Timeline() Timeline {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Timeline{
		Since: f.past.since, Session: f.past.session, Graph: orEmpty(f.past.graph), Capture: f.past.capture, Changes: f.past.list(),
		Journeys: f.journeys.list(), Events: slices.Clone(f.events),
		Left: model.LeftOut{Journeys: f.journeys.gone, Events: f.eventsGone, Changes: f.past.gone},
	}
}

// history is the way from an earlier state to now: what is dropped moves that state on.
type history struct {
	count, bytes int // the bounds

	since   time.Time
	session model.Session
	graph   model.Graph
	capture model.Capture
	changes []change
	size    int
	gone    uint64 // changes of the topology
}

type change struct {
	moment model.Moment
	size   int
}

// together is how long what is lost for one reason is counted in one change.
const together = time.Second

func (h *history) add(now time.Time, m model.Message, size int) {
	at := now.UnixNano()
	if n := len(h.changes); m.Lost != nil && n > 0 {
		if last := &h.changes[n-1].moment; last.Message.Lost != nil && last.Message.Lost.Reason == m.Lost.Reason && at-last.Time < int64(together) {
			last.Message.Lost = &model.Lost{Count: last.Message.Lost.Count + m.Lost.Count, Reason: m.Lost.Reason}
			return
		}
	}
	h.changes = append(h.changes, change{model.Moment{Time: at, Message: m}, size})
	h.size += size
	drop := 0
	for len(h.changes)-drop > 1 && (len(h.changes)-drop > h.count || h.size > h.bytes) {
		h.forget(h.changes[drop])
		drop++
	}
	h.changes = slices.Delete(h.changes, 0, drop)
}

// forget has the state begin with c.
func (h *history) forget(c change) {
	h.size -= c.size
	h.since = time.Unix(0, c.moment.Time)
	switch m := c.moment.Message; {
	case m.Topology != nil:
		h.graph = h.graph.Patch(*m.Topology)
		h.gone++
	case m.Session != nil:
		h.session = *m.Session
	case m.Capture != nil:
		h.capture = *m.Capture
	}
}

func (h *history) list() []model.Moment {
	moments := make([]model.Moment, len(h.changes))
	for i, c := range h.changes {
		moments[i] = c.moment
	}
	return moments
}
