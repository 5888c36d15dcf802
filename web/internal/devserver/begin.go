package devserver

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/podhop/podhop/engine/model"
)

// begin says what the learner's shell is to run, the first time that a step is begun.
func begin(c *Cluster, w http.ResponseWriter, r *http.Request) {
	var request model.StepRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	first := !c.begun[request]
	if c.begun == nil {
		c.begun = map[model.StepRequest]bool{}
	}
	c.begun[request] = true
	c.mu.Unlock()
	answer(w, http.StatusOK, model.StepBegun{Begun: first, Run: map[bool]string{true: fmt.Sprintf("echo step %d", request.Step)}[first]})
}

// graph is the map as it is now, sorted by ID.
func (c *Cluster) graph() model.Graph {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := model.Graph{Edges: []model.Edge{}}
	for _, id := range slices.Sorted(maps.Keys(c.vertices)) {
		g.Vertices = append(g.Vertices, c.vertices[id])
	}
	return g
}
