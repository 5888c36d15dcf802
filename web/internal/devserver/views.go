package devserver

import (
	"net/http"
	"strings"
	"sync"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/basepath"
)

// viewed is what there is of views of a cluster: ID demo is looked at by the key view-demo.
type viewed struct {
	mu         sync.Mutex
	links      []model.View
	presenting *model.Presenting
	watching   int
	puts       int // times that something was shown
}

const viewPrefix = "view-"

// looks reports whether a request is of somebody who looks on.
func looks(r *http.Request) bool { return strings.HasPrefix(r.PathValue("id"), viewPrefix) }

func (s *Server) viewRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/sessions/{id}/views", s.with(func(c *Cluster, w http.ResponseWriter, _ *http.Request) {
		c.viewed.mu.Lock()
		defer c.viewed.mu.Unlock()
		answer(w, http.StatusOK, append([]model.View{}, c.viewed.links...))
	}))
	mux.HandleFunc("POST /api/sessions/{id}/views", s.with(func(c *Cluster, w http.ResponseWriter, r *http.Request) {
		var want model.NewView
		if !read(w, r, &want) {
			return
		}
		v := model.View{Key: viewPrefix + c.id, URL: basepath.At(r.Context(), "/s/"+viewPrefix+c.id), Rights: want.Rights, Until: "2027-01-01T00:00:00Z"}
		c.viewed.mu.Lock()
		c.viewed.links = append(c.viewed.links, v)
		c.viewed.mu.Unlock()
		answer(w, http.StatusCreated, v)
	}))
	mux.HandleFunc("DELETE /api/sessions/{id}/views/{key}", s.with(func(c *Cluster, w http.ResponseWriter, _ *http.Request) {
		c.viewed.mu.Lock()
		c.viewed.links = nil
		c.viewed.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("GET /api/sessions/{id}/viewers", s.with(func(c *Cluster, w http.ResponseWriter, _ *http.Request) {
		c.viewed.mu.Lock()
		defer c.viewed.mu.Unlock()
		answer(w, http.StatusOK, model.Viewers{Count: c.viewed.watching})
	}))
	mux.HandleFunc("PUT /api/sessions/{id}/presenting", s.with(func(c *Cluster, w http.ResponseWriter, r *http.Request) {
		var p model.Presenting
		if read(w, r, &p) {
			c.Present(&p)
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	mux.HandleFunc("POST /api/sessions/{id}/fork", s.with(func(c *Cluster, w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusCreated, s.Cluster("demo-copy-of-"+c.id).Session())
	}))
}

// Present tells whoever follows what is shown, all of it.
func (c *Cluster) Present(p *model.Presenting) {
	c.viewed.mu.Lock()
	c.viewed.presenting = p
	c.viewed.puts++
	c.viewed.mu.Unlock()
	c.feed.push(model.Message{Type: "presenting", Presenting: p})
}

// Edit tells only what changed of what is shown.
func (c *Cluster) Edit(p *model.Presenting) {
	c.feed.push(model.Message{Type: "presenting", Presenting: p})
}

// Presented is what is shown now, and how often something was.
func (c *Cluster) Presented() (*model.Presenting, int) {
	c.viewed.mu.Lock()
	defer c.viewed.mu.Unlock()
	return c.viewed.presenting, c.viewed.puts
}

// Watch says how many look on.
func (c *Cluster) Watch(count int) {
	c.viewed.mu.Lock()
	c.viewed.watching = count
	c.viewed.mu.Unlock()
	c.feed.push(model.Message{Type: "watching", Watching: &model.Watching{Count: count}})
}

// End ends all streams, as a link that was revoked does.
func (c *Cluster) End() { c.feed.end(4403, "sharing has ended") }

// forbidden answers who looks on and wants to change something.
func forbidden(w http.ResponseWriter, r *http.Request) bool {
	if !looks(r) || r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "/fork") {
		return false
	}
	problem(w, http.StatusForbidden, "You look on", "Who has this link looks on, and changes nothing. Make a copy of the session, which is yours, and do it there.")
	return true
}

// readdressed is a session as it is told to who looks on.
func readdressed(r *http.Request, s model.Session) model.Session {
	if looks(r) {
		s.ID, s.Rights, s.URL = r.PathValue("id"), "look", basepath.At(r.Context(), "/s/"+r.PathValue("id"))
	}
	return s
}
