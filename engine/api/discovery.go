package api

import (
	"net/http"
	"net/http/httptest"
	"strings"

	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
)

// A source is a server of a session's own beside the chain: of custom resources, or
// the one that leads to aggregated API servers. It judges nobody: the chain has.
type source struct {
	handler   http.Handler
	discovery aggregated.ResourceManager
	serves    func(group, version string) bool // instead of the chain, too
}

// sources are those that the session has.
func (s *Session) sources() (all []source) {
	if a := s.aggregated.get(); a != nil {
		all = append(all, a.source)
	}
	c := s.custom.get()
	if c == nil && s.server.bare != nil {
		c = s.server.bare.custom.get()
	}
	if c != nil {
		all = append(all, c.source)
	}
	return all
}

// serve answers what is merged from the chain and the session's sources, and leaves
// the rest to the chain.
func (s *Session) serve(w http.ResponseWriter, r *http.Request) {
	sources := s.sources()
	path := strings.TrimSuffix(r.URL.Path, "/")
	switch {
	case len(sources) == 0 || r.Method != http.MethodGet:
	case path == "/apis":
		s.serveGroups(sources, w, r)
		return
	case path == "/openapi/v2":
		s.serveSchema(sources, w, r)
		return
	case path == "/openapi/v3":
		s.answer(w, r, "application/json", func(body []byte, r *http.Request) ([]byte, error) {
			for _, o := range sources {
				if code, more := ask(o.handler, r); code == http.StatusOK {
					var err error
					if body, err = mergePaths(body, more); err != nil {
						return nil, err
					}
				}
			}
			return body, nil
		})
		return
	case strings.HasPrefix(path, "/openapi/v3/apis/"):
		if o := s.server.owner(sources, strings.TrimPrefix(path, "/openapi/v3")); o != nil {
			// The chain judges who asks, and has no document to give.
			a := httptest.NewRecorder()
			if s.server.serve(a, plain(r, r.Header.Get("Accept"))); a.Code == http.StatusOK || a.Code == http.StatusNotFound {
				o.ServeHTTP(w, r)
				return
			}
		}
	}
	s.server.serve(w, r)
}

// owner is who serves a group version's path, nil if the chain does.
func (s *Server) owner(sources []source, path string) http.Handler {
	group, version, _ := strings.Cut(strings.TrimPrefix(path, "/apis/"), "/")
	_, builtIn := s.paths[path]
	for _, o := range sources {
		if !builtIn && o.serves == nil || o.serves != nil && o.serves(group, version) {
			return o.handler
		}
	}
	return nil
}

// serveGroups merges the root of discovery, in the form that was asked for.
func (s *Session) serveGroups(sources []source, w http.ResponseWriter, r *http.Request) {
	form := func(version string) string {
		return "application/json;g=apidiscovery.k8s.io;v=" + version + ";as=APIGroupDiscoveryList"
	}
	accept, add := "application/json", addGroups
	for _, version := range []string{"v2", "v2beta1"} {
		if strings.Contains(r.Header.Get("Accept"), "v="+version+";as=APIGroupDiscoveryList") {
			accept, add = form(version), addDiscovery
			break
		}
	}
	s.answer(w, r, accept, func(body []byte, r *http.Request) ([]byte, error) {
		if accept == "application/json" {
			r = plain(r, form("v2"))
		}
		var all [][]byte
		for _, o := range sources {
			if code, more := ask(o.discovery, r); code == http.StatusOK {
				all = append(all, more)
			}
		}
		return add(body, all)
	})
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

func ask(h http.Handler, r *http.Request) (code int, body []byte) {
	a := httptest.NewRecorder()
	h.ServeHTTP(a, r)
	return a.Code, a.Body.Bytes()
}

// answer answers with the chain's document, if it gives one to who asks, changed by merge.
func (s *Session) answer(w http.ResponseWriter, r *http.Request, accept string, merge func([]byte, *http.Request) ([]byte, error)) {
	r = plain(r, accept)
	a := httptest.NewRecorder()
	s.server.serve(a, r)
	body := a.Body.Bytes()
	if a.Code == http.StatusOK {
		merged, err := merge(body, r)
		if err != nil {
			s.server.log.Error("merging", "path", r.URL.Path, "session", s.id, "error", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body = merged
	}
	for k, v := range a.Header() {
		switch k {
		case "Content-Length", "Etag", "Last-Modified": // they were the chain's alone
		default:
			w.Header()[k] = v
		}
	}
	w.WriteHeader(a.Code)
	_, _ = w.Write(body)
}
