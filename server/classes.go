package server

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/podhop/podhop/internal/problem"
)

// classRoutes are those of classes, their members, and what a member's page tells.
func (s *Server) classRoutes(r chi.Router) {
	const class, member, own = "/api/classes/{key}", "/api/classes/{key}/members/{mid}", "/api/members/{key}"
	r.Post("/api/classes", s.noClass)
	r.Get(class, s.noClass)
	r.Patch(class, s.noClass)
	r.Delete(class, s.noClass)
	r.Get(class+"/stream", s.noClass)
	r.Post(class+"/push", s.noClass)
	r.Get(class+"/results.json", s.noClass)
	r.Get(class+"/results.csv", s.noClass)
	r.Delete(member, s.noClass)
	r.Post(member+"/look", s.noClass)
	r.Delete(member+"/look", s.noClass)
	r.Post(member+"/control", s.noClass)
	r.Delete(member+"/control", s.noClass)
	r.Post("/api/join", s.noClass)
	r.Get("/api/join/{code}", s.noClass)
	r.Get(own, s.noClass)
	r.Get(own+"/stream", s.noClass)
	r.Post(own+"/help", s.noClass)
	r.Post(own+"/sessions", s.noClass)
	r.Post(own+"/consent", s.noClass)
	r.Delete(own+"/control", s.noClass)
	r.Post("/api/sessions/{id}/progress", s.noClass)
}

// noClass answers where there is no such class, as on a server that keeps none.
func (s *Server) noClass(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, &problem.Problem{Type: typeNoClass, Title: "No such class", Status: http.StatusNotFound,
		Detail: "It was closed, its time was up, or it never was."})
}
