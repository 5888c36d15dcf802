package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/basepath"
)

// prefix is where sessions have their Kubernetes API, each under its ID.
const prefix = "/k8s/"

// kubernetes leads requests for a session's Kubernetes API there: by path
// (/k8s/ID/...), or else by name.
func (s *Server) kubernetes(next http.Handler) http.Handler {
	next = s.kubernetesByName(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, path, ok := byPath(r.URL); ok {
			session, _, err := s.find(r, id)
			if err != nil {
				gone(w, id, err)
				return
			}
			r, done := s.through(r, session)
			defer done()
			s.serveAPI(w, r, session, id, func(w http.ResponseWriter, r *http.Request) { serveStripped(w, r, session, path) })
			return
		}
		next.ServeHTTP(w, r)
	})
}

// kubernetesByName leads there by a name whose first label is the ID, either the one that
// the TLS handshake asked for or the Host header's. kubectl get --raw drops the
// path of the server's URL, and then the name alone says which session is meant.
func (s *Server) kubernetesByName(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{serverName(r), r.Host} {
			id, ok := byName(name)
			if !ok {
				continue
			}
			if session, _, err := s.find(r, id); err == nil {
				r, done := s.through(r, session)
				defer done()
				s.serveAPI(w, r, session, id, session.API().ServeHTTP)
				return
			} else if name != r.Host {
				gone(w, id, err) // nobody asks for such a name but a kubeconfig of ours
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// serveAPI serves a request for a session's Kubernetes API, in a span of its own if spans are wanted.
// The span is named by the prefix alone: what is behind it are names that learners give.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, session Session, id string, serve http.HandlerFunc) {
	attributed(r.Context(), session, id, func(ctx context.Context) {
		r = r.WithContext(ctx)
		if s.cfg.Traces == nil {
			serve(w, r)
			return
		}
		s.spansBy(func(*http.Request, int) string { return prefix + "{id}" }, serve).ServeHTTP(w, r)
	})
}

// byPath cuts the session's ID off, in both forms of the path.
func byPath(u *url.URL) (id string, rest url.URL, ok bool) {
	cut := func(path string) (string, string, bool) {
		path, ok := strings.CutPrefix(path, prefix)
		if !ok {
			return "", "", false
		}
		id, rest, _ := strings.Cut(path, "/")
		return id, "/" + rest, true
	}
	if id, rest.Path, ok = cut(u.Path); !ok {
		return "", rest, false
	}
	if u.RawPath != "" {
		if _, rest.RawPath, ok = cut(u.RawPath); !ok {
			return "", rest, false // an escaped prefix: not what any client of ours sends
		}
	}
	return id, rest, true
}

// serveStripped serves the API as if it were at the root. The request's context
// and body are passed as they are: watches, exec and port-forward live in them.
func serveStripped(w http.ResponseWriter, r *http.Request, session Session, path url.URL) {
	stripped := new(http.Request)
	*stripped = *r
	stripped.URL = new(url.URL)
	*stripped.URL = *r.URL
	stripped.URL.Path, stripped.URL.RawPath = path.Path, path.RawPath
	stripped.RequestURI = stripped.URL.RequestURI()
	if serverName(r) == "" && proxies.MatchString(path.Path) && r.Header.Get("Upgrade") == "" {
		w = redirects{w, basepath.At(r.Context(), strings.TrimSuffix(r.URL.EscapedPath(), path.EscapedPath()))}
	}
	api := session.API()
	if strings.HasPrefix(path.Path, schemas) {
		api = compressed(api)
	}
	api.ServeHTTP(w, stripped)
}

var proxies = regexp.MustCompile(`^/api/v1/(nodes|namespaces/[^/]+/(pods|services))/[^/]+/proxy$`)

// redirects keeps those who name a session by path alone below that path: the
// proxy subresources of pods, Services and nodes send whoever asks for .../proxy
// on to .../proxy/, by the path that the API knows. Who has the session's name
// by TLS needs no path, and kubectl proxy, which adds it, would have it twice.
type redirects struct {
	http.ResponseWriter
	below string
}

func (w redirects) WriteHeader(code int) {
	if to := w.Header().Get("Location"); code == http.StatusMovedPermanently && strings.HasPrefix(to, "/") {
		w.Header().Set("Location", w.below+to)
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w redirects) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is what upstream asks of every writer.
func (w redirects) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// byName takes the first label of a host name of more than one.
func byName(host string) (string, bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	label, _, ok := strings.Cut(host, ".")
	return strings.ToLower(label), ok && label != "" && net.ParseIP(host) == nil
}

// serverName is the session's name in the TLS handshake, empty if it asked for
// another.
func serverName(r *http.Request) string {
	if r.TLS == nil || !strings.HasSuffix(r.TLS.ServerName, "."+sessionDomain) {
		return ""
	}
	return r.TLS.ServerName
}

// gone answers as a Kubernetes API does. It is not 404, which kubectl takes for a
// server that lacks one kind.
func gone(w http.ResponseWriter, id string, err error) {
	switch {
	case errors.Is(err, model.ErrNotFound):
		status(w, http.StatusGone, metav1.StatusReasonGone, "there is no session "+id+": it was closed, or its time was up; open a new one and take its kubeconfig")
	case errors.Is(err, model.ErrLost):
		status(w, http.StatusGone, metav1.StatusReasonGone, "session "+id+": "+err.Error())
	default: // the server is stopping, or it could not be opened now
		w.Header().Set("Retry-After", "1")
		status(w, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "session "+id+" cannot be reached now: "+problemOf(err).Detail)
	}
}

func (s *Server) noSession(w http.ResponseWriter, r *http.Request) {
	status(w, http.StatusNotFound, metav1.StatusReasonNotFound, "no session is named: sessions are at "+s.path(r, prefix)+"ID, and /api/sessions is on the other port")
}

func status(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

// address fills in a session's addresses as whoever asks sees them: by a view, those of the view.
func (s *Server) address(r *http.Request, info model.Session) model.Session {
	if view, ok := viewOf(r); ok {
		info = readdressed(info, view)
	}
	return s.addressOwn(r, info)
}

// addressOwn is address of a session that is theirs.
func (s *Server) addressOwn(r *http.Request, info model.Session) model.Session {
	info.URL = s.path(r, "/s/"+url.PathEscape(info.ID))
	info.APIServer = s.apiServer(r) + s.path(r, prefix+url.PathEscape(info.ID))
	return info
}
