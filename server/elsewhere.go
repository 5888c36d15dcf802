package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/podhop/podhop/server/queue"
)

// What follows has those who wait at this server go to others that have room.

const (
	// queueListener is of what servers ask of each other's queues; nobody else comes that way.
	queueListener = "queue"
	// mostMoved is how many are moved when one of them asks.
	mostMoved = 8
	// seekEvery is between two times that the others are asked, when they had no room.
	seekEvery = time.Second
)

// A seeker asks for places elsewhere, one at a time. The zero value is ready.
type seeker struct {
	mu   sync.Mutex
	last time.Time // when there was none
}

// A mover is somebody who waits, as another server is told of them.
type mover struct {
	Person string `json:"person,omitempty"`
	Member bool   `json:"member,omitempty"`
	Then   string `json:"then,omitempty"`
}

// seek has those who wait here, in their order, get places that others hold for them. It is called
// when somebody asks where they are, and does nothing while it is under way.
func (s *Server) seek(ctx context.Context) {
	if s.forward == nil || s.queue == nil || !s.seeker.mu.TryLock() {
		return
	}
	defer s.seeker.mu.Unlock()
	if time.Since(s.seeker.last) < seekEvery {
		return
	}
	for range mostMoved {
		c, then, ok := s.queue.Next()
		if !ok {
			return
		}
		text, err := json.Marshal(mover{c.Person, c.Member, then})
		if err != nil {
			return
		}
		ticket, ok := s.forward.Elsewhere(ctx, queueListener, text)
		if !ok {
			s.seeker.last = time.Now()
			return
		}
		if s.queue.Move(c.Ticket, string(ticket)) {
			s.log.DebugContext(ctx, "who waited goes to another server")
		}
	}
}

// take answers another server: with a ticket whose turn it is, if there is room.
func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	var m mover
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMover))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil || s.queue == nil {
		http.Error(w, "it is nobody who waits", http.StatusBadRequest)
		return
	}
	ticket, ok := s.queue.Take(queue.Claim{Person: m.Person, Member: m.Member}, m.Then)
	if !ok {
		http.Error(w, "there is no room", http.StatusConflict)
		return
	}
	_, _ = io.WriteString(w, ticket)
}

// maxMover bounds what somebody who waits may want, in bytes: a form.
const maxMover = 4 << 20
