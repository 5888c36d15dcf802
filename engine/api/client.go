package api

import (
	"net/http"
	"strings"

	"github.com/podhop/podhop/internal/inproc"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	restclient "k8s.io/client-go/rest"
)

const inProcess = "http://in-process"

var inProtobuf = restclient.ContentConfig{
	ContentType:        runtime.ContentTypeProtobuf,
	AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON,
}

// ClientConfig is how this process itself uses the session's API: in the group
// system:masters, by a function call. It has no client-side rate limit.
func (s *Session) ClientConfig() *restclient.Config { return restclient.CopyConfig(s.client) }

// ConfigFor is ClientConfig under another name, which RBAC and the node
// authorizer judge as they would over the network: "system:node:node-1" with
// "system:nodes", or "system:kube-proxy".
func (s *Session) ConfigFor(name string, groups ...string) *restclient.Config {
	return s.configFor(&user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)})
}

func (s *Session) configFor(u user.Info) *restclient.Config {
	return s.configBy(func(w http.ResponseWriter, r *http.Request) {
		if acts(r) {
			s.own.seats.Act()
			s.own.seats.Pay(ownWrite)
		}
		s.serve(w, r)
	}, u)
}

func (s *Session) configBy(serve http.HandlerFunc, u user.Info) *restclient.Config {
	return &restclient.Config{Host: inProcess, QPS: -1, ContentConfig: inProtobuf, Transport: &inproc.Transport{
		Handler: serve, Streaming: streaming,
		Prepare: func(r *http.Request) *http.Request {
			return r.WithContext(withIdentity(withSession(r.Context(), s), u))
		},
	}}
}

// asMaster makes a request of upstream's own client, whose context has the
// session already, one of this process itself.
func asMaster(r *http.Request) *http.Request {
	return r.WithContext(withIdentity(r.Context(), master))
}

// streaming tells requests whose answer comes over time.
func streaming(r *http.Request) bool {
	q := r.URL.Query()
	return q.Has("watch") || q.Has("follow") || strings.Contains(r.URL.Path, "/proxy/") || strings.HasSuffix(r.URL.Path, "/log")
}
