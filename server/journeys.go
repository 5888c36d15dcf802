package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/filter"
	"github.com/podhop/podhop/internal/problem"
)

// patience is how long somebody who follows packets may take to read what was sent.
const patience = time.Minute

// wanted reads a filter of journeys out of the query.
func wanted(r *http.Request, session Session) (*filter.Filter, error) {
	q := r.URL.Query()
	return filter.New(model.JourneyFilter{
		Journey: q.Get("journey"), Conversation: q.Get("conversation"), From: q.Get("from"), To: q.Get("to"),
		Pod: q.Get("pod"), Service: q.Get("service"), Policy: q.Get("policy"), Node: q.Get("node"),
		Verdict: q.Get("verdict"), Protocol: q.Get("protocol"), Since: q.Get("since"),
	}, session.Graph(), time.Now())
}

func (s *Server) getJourneys(w http.ResponseWriter, r *http.Request, session Session) {
	f, err := wanted(r, session)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	journeys := slices.DeleteFunc(session.Journeys(), func(j model.Journey) bool { return !f.Matches(&j) })
	if journeys == nil {
		journeys = []model.Journey{}
	}
	answer(w, http.StatusOK, journeys)
}

// getPackets answers a capture file, which may grow for as long as somebody reads it.
func (s *Server) getPackets(w http.ResponseWriter, r *http.Request, session Session) {
	q := r.URL.Query()
	follow, err := false, error(nil)
	if text := q.Get("follow"); text != "" {
		if follow, err = strconv.ParseBool(text); err != nil {
			s.fail(w, r, invalid("follow", fmt.Sprintf("must be true or false, not %q", text)))
			return
		}
	}
	f, err := wanted(r, session)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	packets := model.PacketFilter{Journeys: f.Matches, Vertex: q.Get("vertex"), Device: q.Get("device")}
	h := w.Header()
	h.Set("Content-Type", "application/x-pcapng")
	h.Set("Content-Disposition", `attachment; filename="podhop.pcapng"`)
	h.Set("Cache-Control", "no-store")
	if follow {
		if r.Method == http.MethodGet { // to know what would be answered, nobody need wait
			s.followPackets(w, r, session, packets)
		}
		return
	}
	if err := session.WritePackets(w, packets); errors.Is(err, model.ErrNotFound) {
		h.Del("Content-Disposition")
		s.fail(w, r, &problem.Problem{Type: typeNoJourney, Title: "No such packets", Status: http.StatusNotFound, Detail: detail(err, model.ErrNotFound)})
	}
}

func (s *Server) followPackets(w http.ResponseWriter, r *http.Request, session Session, f model.PacketFilter) {
	defer s.metrics.watching()()
	live := live{w, http.NewResponseController(w)}
	if err := live.flush(); err != nil { // the beginning may be long in coming
		return
	}
	err := session.FollowPackets(r.Context(), live, f)
	s.log.DebugContext(r.Context(), "who followed packets left", "err", err)
}

// live sends what is written at once, and waits for a slow reader only for so long.
type live struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (l live) Write(b []byte) (int, error) {
	_ = l.control.SetWriteDeadline(time.Now().Add(patience)) // test recorders know no deadlines
	n, err := l.ResponseWriter.Write(b)
	if err == nil {
		err = l.flush()
	}
	_ = l.control.SetWriteDeadline(time.Time{})
	return n, err
}

func (l live) flush() error {
	if err := l.control.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
