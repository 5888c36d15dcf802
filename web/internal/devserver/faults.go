package devserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// putFault tells of a fault; what it would do is the real server's.
func putFault(c *Cluster, w http.ResponseWriter, r *http.Request) {
	f := model.Fault{ID: r.PathValue("fault"), Text: "broken"}
	if !read(w, r, &f.Settings) {
		return
	}
	if f.Settings.Loss > 100 {
		problem(w, http.StatusUnprocessableEntity, "Invalid request", "loss must be between 0.1 and 100 percent, or 0.")
		return
	}
	kind, target, _ := strings.Cut(f.ID, ".")
	f.Kind, f.Target = kind, strings.ReplaceAll(target, ".", "/")
	switch {
	case kind == "dns":
		f.Target = "service/kube-system/kube-dns"
	case kind == "cut":
		f.Text = "cut off"
	case f.Settings.DelayMS > 0:
		f.Text = "200 ms"
	}
	c.setFaults(func(all []model.Fault) []model.Fault {
		return append(slices.DeleteFunc(all, func(o model.Fault) bool { return o.ID == f.ID }), f)
	})
	answer(w, http.StatusOK, f)
}

// deleteFault mends one, or all.
func deleteFault(c *Cluster, w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("fault")
	c.setFaults(func(all []model.Fault) []model.Fault {
		return slices.DeleteFunc(all, func(o model.Fault) bool { return id == "" || o.ID == id })
	})
	w.WriteHeader(http.StatusNoContent)
}

func (c *Cluster) setFaults(change func([]model.Fault) []model.Fault) {
	c.mu.Lock()
	c.faults = change(slices.Clone(c.faults))
	s := c.session()
	c.mu.Unlock()
	c.feed.push(model.Message{Type: "session", Session: &s})
}
