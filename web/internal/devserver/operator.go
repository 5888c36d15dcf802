package devserver

import (
	"net/http"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// A Line is the queue as it is told: whoever asks is at Place, until that is 0.
type Line struct {
	mu   sync.Mutex
	at   model.Queued
	gone bool
	full bool
}

// Fill has members of classes wait who open sessions.
func (l *Line) Fill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full = true
}

// waits answers who is to wait, as the server does, and reports whether they are.
func (l *Line) waits(w http.ResponseWriter, r *http.Request) bool {
	l.mu.Lock()
	at, full := l.at, l.full
	l.mu.Unlock()
	if !full || at.Turn && r.URL.Query().Get("ticket") == at.Ticket {
		return false
	}
	answer(w, http.StatusServiceUnavailable, map[string]any{"title": "No room", "status": http.StatusServiceUnavailable, "queued": at})
	return true
}

// Move says where whoever waits is from now on.
func (l *Line) Move(at model.Queued) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at.Ticket = "ticket"
	l.at = at
}

// GiveUp has there be no such ticket.
func (l *Line) GiveUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
}

// GivenUp reports whether there is no such ticket.
func (l *Line) GivenUp() bool {
	_, there := l.now()
	return !there
}

// Return has there be the ticket again.
func (l *Line) Return() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = false
}

func (l *Line) now() (model.Queued, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at, !l.gone
}

func (s *Server) operatorRoutes(mux *http.ServeMux) {
	s.Line.Move(model.Queued{Place: 3, Of: 12, Wait: 700})
	mux.HandleFunc("GET /queue/ticket", func(w http.ResponseWriter, r *http.Request) {
		at, _ := s.Line.now()
		s.cfg.Web.Wait(w, r, at, model.Wanted{Path: "/playground", Query: "ticket=ticket", Fields: map[string]string{"nodes": "2"}})
	})
	mux.HandleFunc("GET /api/queue/ticket", func(w http.ResponseWriter, r *http.Request) {
		at, ok := s.Line.now()
		if !ok {
			http.NotFound(w, r)
			return
		}
		answer(w, http.StatusOK, at)
	})
	mux.HandleFunc("DELETE /api/queue/ticket", func(w http.ResponseWriter, _ *http.Request) {
		s.Line.GiveUp()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /operator", s.cfg.Web.Operator)
	mux.HandleFunc("GET /api/operator", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.operator()) })
	mux.HandleFunc("POST /api/operator/sessions/{session}/{deed}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.deeds = append(s.deeds, r.PathValue("deed")+" "+r.PathValue("session"))
		w.WriteHeader(http.StatusNoContent)
	})
}

// Deeds are what the operator has asked for.
func (s *Server) Deeds() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deeds
}

func (s *Server) operator() model.Operator {
	now := time.Now().UTC()
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	return model.Operator{
		Time: at(0),
		Capacity: model.OperatorCapacity{Room: 0, Binds: "memory", Parts: []model.OperatorPart{
			{Name: "places", Used: 3, Of: 300, Each: 1, Room: 297}, {Name: "memory", Unit: "bytes", Used: 15 << 30, Of: 16 << 30, Each: 512 << 20, Room: 0},
			{Name: "processes", Used: 900, Of: 127000, Each: 64, Room: 1970}, {Name: "disk", Unit: "bytes", Used: 60 << 30, Of: 200 << 30, Each: 64 << 20, Room: 2239},
			{Name: "cpu", Unit: "percent", Used: 34, Of: 100, Room: -1}}},
		Sessions: []model.OperatorSession{
			{Session: "abcdefgh", State: "open", Born: at(-time.Hour), Until: at(time.Hour), Owner: "k3v9x2aa", Nodes: 3, Containers: 9, Objects: 210, Memory: 180 << 20, CPU: 0.12, Processes: 31, Viewers: 2, Journal: 900 << 10, Asked: 12.5},
			{Session: "ijklmnop", State: "open", Born: at(-10 * time.Minute), Until: at(110 * time.Minute), Nodes: 2, Containers: 4, Objects: 140, Memory: 2 << 30, CPU: 0.99, Processes: 998, Viewers: 1, Journal: 4 << 20, Asked: 301, Refused: 4100, Breaches: 3},
			{Session: "qrstuvwx", State: "parked", Born: at(-2 * time.Hour), Until: at(20 * time.Minute)},
		},
		Queue: []model.OperatorQueued{{Ticket: "aaaabbbb", Member: true, Turn: true}, {Ticket: "ccccdddd"}},
		Breaches: []model.Breach{{Time: at(-2 * time.Minute), Session: "ijklmnop", Pod: "default/bomb", Container: "c", Rule: "forks",
			Text: "Container c tried to start more processes than it may have, 2317 times in 5s, and was stopped."}},
	}
}
