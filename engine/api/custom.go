package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/api/store"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

// custom is the server of a session's custom resources: upstream's
// apiextensions server, which a session gets when it first writes a CRD.
type custom struct {
	mu     sync.Mutex
	served *customServer
}

type customServer struct {
	handler   http.Handler
	discovery aggregated.ResourceManager
	signals   map[string]<-chan struct{}
	cancel    context.CancelFunc
}

func (c *custom) get() *customServer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served
}

// close stops the server. Upstream ends the process when a post-start hook of
// it is interrupted, so the hooks are let through first: some 100 ms at most.
func (c *custom) close() {
	served := c.get()
	if served == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if served.settle(ctx); ctx.Err() != nil {
		return // better a few goroutines too many than no process
	}
	served.cancel()
}

// settle waits until the server's controllers are at work, so that who writes a
// CRD and waits for it at once finds it as quickly established as elsewhere.
func (c *customServer) settle(ctx context.Context) {
	for _, started := range c.signals {
		select {
		case <-started:
		case <-ctx.Done():
			return
		}
	}
}

// customServer returns the session's server of custom resources, built if need be.
func (s *Session) customServer() (*customServer, error) {
	s.custom.mu.Lock()
	defer s.custom.mu.Unlock()
	if s.custom.served != nil {
		return s.custom.served, nil
	}
	tmpl := s.server.extensions
	conf, generic := *tmpl, *tmpl.GenericConfig
	// Its controllers (finalizer, establishing) use contexts of their own, so
	// its registries are bound to the session instead of the context. The one that
	// serves sessions without CRDs of their own goes by the context: it has the
	// definitions that all begin with, and finds each session's objects.
	var of store.Resolver = store.Fixed(s.tenant)
	if s.server.bare == s {
		of = resolve
	}
	generic.Config.RESTOptionsGetter = optionsGetter{tmpl.GenericConfig.RESTOptionsGetter, of}
	conf.ExtraConfig.CRDRESTOptionsGetter = optionsGetter{tmpl.ExtraConfig.CRDRESTOptionsGetter, of}
	generic.LoopbackClientConfig = s.client
	generic.AdmissionControl = admissionOfSession{}
	generic.Authorization.Authorizer = s.server.authorizer
	generic.StorageObjectCountTracker = nil
	generic.PostStartHooks = map[string]genericapiserver.PostStartHookConfigEntry{}
	generic.DisabledPostStartHooks = sets.NewString("generic-apiserver-start-informers", "max-in-flight-filter", "priority-and-fairness-filter")
	generic.AggregatedDiscoveryGroupManager = aggregated.NewResourceManager("apis")
	generic.SharedInformerFactory = s.informers
	conf.GenericConfig = &generic
	srv, err := conf.Complete().New(genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, fmt.Errorf("custom resources: %w", err)
	}
	srv.GenericAPIServer.PrepareRun()
	ctx, cancel := context.WithCancel(withSession(context.Background(), s))
	srv.GenericAPIServer.RunPostStartHooks(ctx)
	s.custom.served = &customServer{srv.GenericAPIServer.UnprotectedHandler(), generic.AggregatedDiscoveryGroupManager,
		srv.GenericAPIServer.MuxAndDiscoveryCompleteSignals(), cancel}
	return s.custom.served, nil
}

// serveCustom is the chain's last delegate: requests, judged already, that no
// built-in group took.
func (s *Server) serveCustom(w http.ResponseWriter, r *http.Request) {
	ss, err := sessionFrom(r.Context())
	if err != nil || !strings.HasPrefix(r.URL.Path, "/apis/") {
		http.NotFound(w, r)
		return
	}
	c := ss.custom.get()
	if c == nil {
		c = s.bare.custom.get()
		if r.Method != http.MethodGet && r.Method != http.MethodHead && strings.HasPrefix(r.URL.Path, "/apis/apiextensions.k8s.io/") {
			if c, err = ss.customServer(); err != nil {
				s.log.Error("custom resources", "session", ss.id, "error", err)
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			c.settle(r.Context())
		}
	}
	c.handler.ServeHTTP(w, r)
}
