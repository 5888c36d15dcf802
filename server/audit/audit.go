// Package audit keeps what people did that others may have to answer for: a line of JSON
// each. It must not know where requests come from, nor decide anything.
package audit

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// An Event is one thing that somebody did, or was refused.
type Event struct {
	Time time.Time `json:"time"` // set by Record, in UTC
	// Action is a noun and a verb, as session.open, class.freeze, operator.end, person.refused.
	Action  string `json:"action"`
	Person  string `json:"person,omitempty"`  // people.Person.ID, or operator
	Address string `json:"address,omitempty"` // theirs
	Session string `json:"session,omitempty"` // shortened: the whole ID would be a key to it
	Class   string `json:"class,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// A Log writes events. A nil Log writes none. It is safe for concurrent use.
type Log struct {
	mu sync.Mutex
	w  io.Writer
}

// New returns a Log that writes a line an event to w.
func New(w io.Writer) *Log { return &Log{w: w} }

// Record writes an event. What cannot be written is lost: nobody waits for it.
func (l *Log) Record(_ context.Context, e Event) {
	if l == nil {
		return
	}
	e.Time = time.Now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.w.Write(append(line, '\n'))
}

// Short is as much of a key or an ID as tells it from others and opens nothing.
func Short(id string) string {
	if len(id) <= 8 {
		return id
	}
	return id[:8]
}
