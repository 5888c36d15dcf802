package devserver

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// Recording is a told one of the cluster: at first without its Pods, which come a
// second later; then its packets; and half a minute later one that is dropped, after
// which my-pod goes.
func (c *Cluster) Recording() *model.Recording {
	s := c.snapshot()
	begin := time.Now().Add(-time.Minute).UnixNano()
	r := &model.Recording{
		Podhop: "recording", Version: model.RecordingVersion, Server: "dev", Kubernetes: "v1.36.0", From: begin, To: begin + 40e9, Session: model.Session{Options: s.Session.Options}, Capture: model.Capture{Mode: model.CaptureAll},
		Manifests: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: my-pod\n", Left: model.LeftOut{Secrets: 2, Journeys: 30},
		Graph: model.Graph{Vertices: []model.Vertex{}, Edges: s.Graph.Edges},
	}
	pods := &model.Diff{}
	for _, v := range s.Graph.Vertices {
		if v.Kind == "Pod" {
			pods.Put = append(pods.Put, v)
		} else {
			r.Graph.Vertices = append(r.Graph.Vertices, v)
		}
	}
	tell := func(after time.Duration, m model.Message) {
		r.Moments = append(r.Moments, model.Moment{Time: begin + int64(after), Message: m})
	}
	tell(time.Second, model.Message{Type: "topology", Topology: pods})
	for _, e := range s.Events {
		e.Time = (begin + 15e8) / 1e6
		tell(1500*time.Millisecond, model.Message{Type: "event", Event: &e})
	}
	var last model.Journey
	for i, j := range s.Journeys {
		after := 3*time.Second + time.Duration(i)*300*time.Microsecond
		j.Start = begin + int64(after)
		tell(after, model.Message{Type: "journey", Journey: &j})
		last = j
	}
	first := s.Journeys[0]
	first.ID, first.Conversation, first.Verdict, first.Start = last.ID+"-dropped", "dropped", "dropped", begin+30e9
	first.Hops = first.Hops[:len(first.Hops)-1]
	tell(30*time.Second, model.Message{Type: "journey", Journey: &first})
	tell(32*time.Second, model.Message{Type: "topology", Topology: &model.Diff{Remove: []string{"pod/default/my-pod"}}})
	for i := range r.Moments {
		r.Moments[i].Message.Seq = uint64(i) + 1
	}
	return r
}

// File is a recording as a file.
func File(r any) []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_ = json.NewEncoder(zw).Encode(r) // to memory
	_ = zw.Close()
	return b.Bytes()
}

// Keep has the server keep a file.
func (s *Server) Keep(id string, file []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recordings[id] = file
}

func (s *Server) recordingRoutes(mux *http.ServeMux) {
	page := func(w http.ResponseWriter, r *http.Request) { s.cfg.Web.Recording(w, r, r.PathValue("id")) }
	mux.HandleFunc("GET /recordings", page)
	mux.HandleFunc("GET /recordings/{id}", page)
	mux.HandleFunc("GET /api/recordings/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		file, ok := s.recordings[r.PathValue("id")]
		s.mu.Unlock()
		if !ok {
			problem(w, http.StatusNotFound, "No such recording", "It was removed.")
			return
		}
		send(w, file)
	})
	mux.HandleFunc("POST /api/recordings", func(w http.ResponseWriter, r *http.Request) {
		file, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.Keep("own", file)
		answer(w, http.StatusCreated, s.kept("own", file))
	})
	mux.HandleFunc("DELETE /api/recordings/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer key" {
			problem(w, http.StatusNotFound, "No such recording", "It was removed.")
			return
		}
		s.mu.Lock()
		delete(s.recordings, r.PathValue("id"))
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /api/sessions/{id}/recording", s.with(func(c *Cluster, w http.ResponseWriter, _ *http.Request) { send(w, File(c.Recording())) }))
	mux.HandleFunc("POST /api/sessions/{id}/recording", s.with(func(c *Cluster, w http.ResponseWriter, _ *http.Request) {
		file := File(c.Recording())
		s.Keep("of-"+c.id, file)
		answer(w, http.StatusCreated, s.kept("of-"+c.id, file))
	}))
	mux.HandleFunc("POST /api/sessions", func(w http.ResponseWriter, r *http.Request) {
		var o model.SessionOptions
		if read(w, r, &o) {
			s.make("forked", o)
			answer(w, http.StatusCreated, s.Cluster("forked").Session())
		}
	})
}

func (s *Server) kept(id string, file []byte) model.KeptRecording {
	return model.KeptRecording{ID: id, URL: s.cfg.Base + "/recordings/" + id, Bytes: len(file), Key: "key", Until: time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
}

func send(w http.ResponseWriter, file []byte) {
	w.Header().Set("Content-Type", "application/gzip")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "podhop.podhop.json.gz"))
	_, _ = w.Write(file)
}
