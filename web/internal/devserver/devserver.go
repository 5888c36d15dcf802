// Package devserver is a stand-in for the whole server: it lets the pages be
// built and tested without an engine. Its clusters are told, not run.
//
// Nothing of the product may import it; web's tests and its own command do.
package devserver

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/basepath"
	"github.com/podhop/podhop/web"
)

// Config says what the pages are and how fast things happen.
type Config struct {
	Web *web.Web
	// Pace is how long a pod takes from one state to the next.
	Pace time.Duration
	// Base is what all addresses begin with; none by default.
	Base string
}

// Server is an http.Handler with the routes of the real one.
type Server struct {
	http.Handler
	cfg Config

	mu         sync.Mutex
	clusters   map[string]*Cluster
	recordings map[string][]byte
	rooms      map[string]*Room // by the class's key
	seats      map[string]*Seat // by the member's
	deeds      []string         // of the operator
	// Line is the queue of who waits.
	Line Line
}

// applyLimit is the real server's limit of a paste, in bytes.
const applyLimit = 1 << 20

// defaults are what a session is made with unless it is told otherwise.
var defaults = model.SessionOptions{Nodes: 3, CNI: "routed"}

// New returns a server. Sessions whose ID begins with demo, full, many or odd have content.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, clusters: map[string]*Cluster{}, recordings: map[string][]byte{}, rooms: map[string]*Room{}, seats: map[string]*Seat{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", cfg.Web.Index)
	mux.HandleFunc("GET /playground", func(w http.ResponseWriter, r *http.Request) { cfg.Web.Front(w, r, "") })
	mux.HandleFunc("GET /embed/playground", func(w http.ResponseWriter, r *http.Request) { cfg.Web.Embed(w, r, "") })
	mux.HandleFunc("GET /embed/lessons/{slug}", func(w http.ResponseWriter, r *http.Request) { cfg.Web.Embed(w, r, r.PathValue("slug")) })
	mux.HandleFunc("GET /lessons/{slug}", func(w http.ResponseWriter, r *http.Request) { cfg.Web.Front(w, r, r.PathValue("slug")) })
	mux.HandleFunc("POST /playground", s.open)
	mux.HandleFunc("GET /sign-in", signIn(cfg.Web))
	mux.HandleFunc("/gate", gated(cfg.Web))
	mux.Handle("GET /static/", cfg.Web.Static())
	mux.HandleFunc("GET /s/{id}", s.learn)
	mux.HandleFunc("GET /s/{id}/ports", s.with(func(c *Cluster, w http.ResponseWriter, r *http.Request) { cfg.Web.Ports(w, r, c.Session(), c.graph()) }))
	mux.HandleFunc("GET /api/sessions/{id}", s.with(func(c *Cluster, w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.Session()) }))
	mux.HandleFunc("GET /api/sessions/{id}/stream", s.with(func(c *Cluster, w http.ResponseWriter, r *http.Request) { stream(w, r, c.feed) }))
	mux.HandleFunc("GET /api/sessions/{id}/access", s.with(func(c *Cluster, w http.ResponseWriter, r *http.Request) { c.kube.access(w, r) }))
	mux.HandleFunc("/k8s/{id}/", s.with(func(c *Cluster, w http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/k8s/"+r.PathValue("id"), c.kube).ServeHTTP(w, r)
	}))
	mux.HandleFunc("POST /api/sessions/{id}/apply", s.with(apply))
	// Nothing is checked here: there is no API to ask.
	mux.HandleFunc("POST /api/sessions/{id}/checks", s.with(func(_ *Cluster, w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, []model.CheckResult{})
	}))
	mux.HandleFunc("POST /api/sessions/{id}/begin", s.with(begin))
	mux.HandleFunc("POST /api/sessions/{id}/what-if", s.with(whatIf))
	mux.HandleFunc("POST /api/sessions/{id}/requests", s.with(request))
	mux.HandleFunc("PATCH /api/sessions/{id}", s.with(changeSession))
	mux.HandleFunc("POST /api/sessions/{id}/extend", s.with(extend))
	mux.HandleFunc("POST /api/sessions/{id}/start-over", s.with(s.startOver))
	mux.HandleFunc("POST /api/sessions/{id}/nodes", s.with(addNode))
	mux.HandleFunc("DELETE /api/sessions/{id}/nodes/{name}", s.with(changeNode))
	mux.HandleFunc("POST /api/sessions/{id}/nodes/{name}/{verb}", s.with(changeNode))
	mux.HandleFunc("GET /api/sessions/{id}/nodes/{name}/look", s.with(look))
	s.recordingRoutes(mux)
	mux.HandleFunc("PUT /api/sessions/{id}/faults/{fault}", s.with(putFault))
	mux.HandleFunc("DELETE /api/sessions/{id}/faults/{fault}", s.with(deleteFault))
	mux.HandleFunc("DELETE /api/sessions/{id}/faults", s.with(deleteFault))
	mux.HandleFunc("POST /api/sessions/{id}/kill", s.with(func(_ *Cluster, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.terminalRoutes(mux)
	s.viewRoutes(mux)
	s.classRoutes(mux)
	s.operatorRoutes(mux)
	mux.HandleFunc("/", cfg.Web.NotFound)
	s.Handler = basepath.Mount(cfg.Base, mux, http.NotFoundHandler())
	return s
}

// Cluster returns the session's cluster, made on first use, or nil for "gone".
func (s *Server) Cluster(id string) *Cluster {
	id = strings.TrimPrefix(id, viewPrefix)
	if strings.HasPrefix(id, "gone") {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.clusters[id]
	if !ok {
		c = newCluster(s.cfg.Base, id, s.cfg.Pace, defaults)
		s.clusters[id] = c
	}
	return c
}

// make begins a session with options of its own.
func (s *Server) make(id string, o model.SessionOptions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clusters[id] = newCluster(s.cfg.Base, id, s.cfg.Pace, o)
}

func (s *Server) open(w http.ResponseWriter, r *http.Request) {
	to := "/s/new"
	nodes, _ := strconv.Atoi(r.FormValue("nodes"))
	o := model.SessionOptions{Nodes: nodes, CNI: r.FormValue("cni"), DualStack: r.FormValue("dualStack") == "true"}
	if o != (model.SessionOptions{}) && o != defaults {
		to = "/s/chosen" // the real server's session IDs say nothing
		s.make("chosen", o)
	}
	query := url.Values{}
	for _, name := range []string{"lesson", "embed"} {
		if value := r.FormValue(name); value != "" {
			query.Set(name, value)
		}
	}
	http.Redirect(w, r, basepath.At(r.Context(), to)+"?"+query.Encode(), http.StatusSeeOther)
}

func (s *Server) learn(w http.ResponseWriter, r *http.Request) {
	c := s.Cluster(r.PathValue("id"))
	if c == nil {
		s.cfg.Web.Gone(w, r)
		return
	}
	var whose model.Seat
	if seat := s.seatOf(c.id); seat != nil && !looks(r) {
		whose = model.Seat{Key: seat.key, Class: seat.room.Class().Title}
	}
	s.cfg.Web.Learn(w, r, readdressed(r, c.Session()), whose)
}

func (s *Server) with(f func(*Cluster, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := s.Cluster(r.PathValue("id"))
		if c == nil {
			problem(w, http.StatusNotFound, "No such session", "It was closed, or its time was up.")
			return
		}
		if c.feed.isAway() {
			problem(w, http.StatusServiceUnavailable, "Closing", "The session or the server is just closing.")
			return
		}
		if forbidden(w, r) {
			return
		}
		f(c, w, r)
	}
}

func apply(c *Cluster, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, applyLimit))
	if err != nil {
		problem(w, http.StatusRequestEntityTooLarge, "Too large", "A paste may have at most 1 MiB; this one has more.")
		return
	}
	results := c.apply(string(body), r.URL.Query().Get("dryRun") == "true")
	if r.URL.Query().Get("compare") != "true" {
		for i := range results {
			results[i].Before, results[i].After = "", ""
		}
	}
	answer(w, http.StatusOK, results)
}

func request(c *Cluster, w http.ResponseWriter, r *http.Request) {
	var req model.Request
	if !read(w, r, &req) {
		return
	}
	result, err := c.Request(req)
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, "Bad target", err.Error())
		return
	}
	answer(w, http.StatusOK, result)
}

// read decodes a body, or answers why it cannot.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.NewDecoder(r.Body).Decode(into)
	if err != nil {
		problem(w, http.StatusBadRequest, "Bad request", err.Error())
	}
	return err == nil
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func problem(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": title, "status": status, "detail": detail})
}
