package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/engine/capacity"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server/audit"
)

// An Operator is an engine as whoever runs the server sees it.
type Operator interface {
	// Overview is all sessions, those that are parked among them.
	Overview() []model.OperatorSession
	// Capacity is how many more there may be. It must be quick.
	Capacity() capacity.Plan
	// Ends are when sessions end at the latest.
	Ends() []time.Time
	// Breaches are the latest, oldest first.
	Breaches() []model.Breach
	// Park closes a session and keeps it, End ends it for good. They fail with
	// model.ErrNotFound, and with model.ErrConflict if it cannot be done now.
	Park(ctx context.Context, id string) error
	End(ctx context.Context, id string) error
}

func (s *Server) getOperator(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Operator == nil {
		s.notFound(w, r)
		return
	}
	o := model.Operator{Time: time.Now().UTC().Format(time.RFC3339), Capacity: capacityOf(s.cfg.Operator.Capacity()),
		Sessions: s.cfg.Operator.Overview(), Breaches: s.cfg.Operator.Breaches(), Queue: []model.OperatorQueued{}}
	if o.Breaches == nil {
		o.Breaches = []model.Breach{}
	}
	for i := range o.Sessions {
		o.Sessions[i].Owner = s.openers.of(o.Sessions[i].ID)
	}
	for _, at := range s.queue.List() {
		o.Queue = append(o.Queue, model.OperatorQueued{Ticket: audit.Short(at.Ticket), Member: at.Member, Turn: at.Turn})
	}
	answer(w, http.StatusOK, o)
}

func capacityOf(p capacity.Plan) model.OperatorCapacity {
	units := map[string]string{capacity.Memory: "bytes", capacity.Disk: "bytes", capacity.CPU: "percent"}
	c := model.OperatorCapacity{Room: p.Room, Binds: p.Binds, Parts: []model.OperatorPart{}}
	for _, part := range p.Parts {
		out := model.OperatorPart{Name: part.Name, Unit: units[part.Name], Used: part.Used, Of: part.Of, Each: part.Each, Room: part.Room}
		if part.Unbounded() {
			out.Room = -1
		}
		c.Parts = append(c.Parts, out)
	}
	return c
}

// operate does something with the session that is named by the beginning of its ID.
func (s *Server) operate(action string, do func(Operator, context.Context, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Operator == nil {
			s.notFound(w, r)
			return
		}
		id, err := s.whole(chi.URLParam(r, "session"))
		if err == nil {
			err = do(s.cfg.Operator, r.Context(), id)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.noteSession(r, action, id, "")
		w.WriteHeader(http.StatusNoContent)
	}
}

// whole finds the ID of which somebody has the beginning.
func (s *Server) whole(short string) (id string, err error) {
	if len(short) < 4 {
		return "", fmt.Errorf("%w: a session is named by 4 letters at least, as in the list", model.ErrInvalid)
	}
	for _, o := range s.cfg.Operator.Overview() {
		if !strings.HasPrefix(o.ID, short) {
			continue
		}
		if id != "" {
			return "", fmt.Errorf("%w: more than one session begins with %s", model.ErrConflict, short)
		}
		id = o.ID
	}
	if id == "" {
		return "", model.ErrNotFound
	}
	return id, nil
}

// Breach notes that a container broke a rule of the house.
func (s *Server) Breach(b model.Breach) {
	s.metrics.breaches.WithLabelValues(b.Rule).Inc()
	s.cfg.Audit.Record(context.Background(), audit.Event{Action: "container.stop", Session: b.Session, Detail: b.Rule + ": " + b.Text})
	if b.Ended {
		s.cfg.Audit.Record(context.Background(), audit.Event{Action: "session.end", Session: b.Session, Detail: "its containers broke rules too often"})
	}
}
