package devserver

import (
	"net/http"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// most is how long a session lasts here, extended.
const most = 4 * time.Hour

// extend gives an hour more.
func extend(c *Cluster, w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	longer := time.Until(c.expires)+time.Hour <= most
	if longer {
		c.expires = c.expires.Add(time.Hour)
	}
	c.mu.Unlock()
	if !longer {
		problem(w, http.StatusConflict, "Not now", "A session lasts 4h at most on this server, and this one has all of it.")
		return
	}
	s := c.Session()
	c.feed.push(model.Message{Type: "session", Session: &s})
	answer(w, http.StatusOK, s)
}

// startOver leads to a session of a name that no other has.
func (s *Server) startOver(c *Cluster, w http.ResponseWriter, _ *http.Request) {
	id := c.id + "-again"
	s.make(id, c.Session().Options)
	next := s.Cluster(id).Session()
	c.feed.push(model.Message{Type: "closed", Session: &next})
	answer(w, http.StatusCreated, next)
}
