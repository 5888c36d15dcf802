package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
)

// serve answers what is merged from the built-in and the session's custom
// groups, and leaves the rest to the chain.
func (s *Session) serve(w http.ResponseWriter, r *http.Request) {
	c := s.custom.get()
	if c == nil && s.server.bare != nil {
		c = s.server.bare.custom.get()
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	switch {
	case c == nil || r.Method != http.MethodGet:
	case path == "/apis":
		s.serveGroups(c, w, r)
		return
	case path == "/openapi/v3":
		s.serveMerged(c.handler, w, plain(r, "application/json"))
		return
	case strings.HasPrefix(path, "/openapi/v3/apis/") && !s.server.builtIn(strings.TrimPrefix(path, "/openapi/v3")):
		// The chain judges who asks, and has no document to give.
		a := httptest.NewRecorder()
		if s.server.serve(a, plain(r, r.Header.Get("Accept"))); a.Code == http.StatusOK || a.Code == http.StatusNotFound {
			c.handler.ServeHTTP(w, r)
			return
		}
	}
	s.server.serve(w, r)
}

// builtIn tells whether a group version's path is of a built-in API.
func (s *Server) builtIn(path string) bool {
	_, ok := s.paths[path]
	return ok
}

// serveGroups merges the root of discovery, in the form that was asked for.
func (s *Session) serveGroups(c *customServer, w http.ResponseWriter, r *http.Request) {
	accept := "application/json"
	for _, version := range []string{"v2", "v2beta1"} {
		if strings.Contains(r.Header.Get("Accept"), "v="+version+";as=APIGroupDiscoveryList") {
			accept = "application/json;g=apidiscovery.k8s.io;v=" + version + ";as=APIGroupDiscoveryList"
			break
		}
	}
	s.serveMerged(c.discovery, w, plain(r, accept))
}

// plain is r without conditions and compression, so that the answer can be merged.
func plain(r *http.Request, accept string) *http.Request {
	r = r.Clone(r.Context())
	for _, h := range []string{"Accept-Encoding", "If-None-Match", "If-Modified-Since"} {
		r.Header.Del(h)
	}
	r.Header.Set("Accept", accept)
	return r
}

// serveMerged answers with the chain's JSON document and another's added to it.
func (s *Session) serveMerged(other http.Handler, w http.ResponseWriter, r *http.Request) {
	a, b := httptest.NewRecorder(), httptest.NewRecorder()
	s.server.serve(a, r)
	if a.Code == http.StatusOK {
		other.ServeHTTP(b, r)
	}
	body := a.Body.Bytes()
	if a.Code == http.StatusOK && b.Code == http.StatusOK {
		if merged, err := merge(body, b.Body.Bytes()); err == nil {
			body = merged
		}
	}
	for k, v := range a.Header() {
		switch k {
		case "Content-Length", "Etag", "Last-Modified": // they were the first one's alone
		default:
			w.Header()[k] = v
		}
	}
	w.WriteHeader(a.Code)
	_, _ = w.Write(body)
}

// merge adds b's lists of groups, and its paths of groups, to a's.
func merge(a, b []byte) ([]byte, error) {
	var x, y map[string]json.RawMessage
	if err := json.Unmarshal(a, &x); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &y); err != nil {
		return nil, err
	}
	for _, key := range []string{"items", "groups"} {
		if y[key] == nil {
			continue
		}
		var l, m []json.RawMessage
		_ = json.Unmarshal(x[key], &l)
		if err := json.Unmarshal(y[key], &m); err != nil {
			return nil, err
		}
		x[key], _ = json.Marshal(append(l, m...))
	}
	if y["paths"] != nil {
		p, q := map[string]json.RawMessage{}, map[string]json.RawMessage{}
		_ = json.Unmarshal(x["paths"], &p)
		if err := json.Unmarshal(y["paths"], &q); err != nil {
			return nil, err
		}
		for path, v := range q {
			if _, taken := p[path]; !taken && strings.HasPrefix(path, "apis/") {
				p[path] = v
			}
		}
		x["paths"], _ = json.Marshal(p)
	}
	return json.Marshal(x)
}
