package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/podhop/podhop/engine/api/store"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

// customServer returns the session's server of custom resources, built if need be:
// upstream's apiextensions server.
func (s *Session) customServer() (*ownServer, error) { return s.custom.start(s.newCustomServer) }

func (s *Session) newCustomServer() (*ownServer, error) {
	conf := *s.server.extensions
	// The one that serves sessions without CRDs of their own goes by the context: it
	// has the definitions that all begin with, and finds each session's objects.
	of := store.Fixed(s.tenant)
	if s.server.bare == s {
		of = resolve
	}
	conf.GenericConfig = s.fit(s.server.extensions.GenericConfig, of)
	conf.GenericConfig.AggregatedDiscoveryGroupManager = aggregated.NewResourceManager("apis")
	conf.ExtraConfig.CRDRESTOptionsGetter = optionsGetter{conf.ExtraConfig.CRDRESTOptionsGetter, of}
	// Conversion webhooks are called without the request's context, too.
	conf.ExtraConfig.ServiceResolver, conf.ExtraConfig.AuthResolverWrapper = s.serviceResolver(), s.webhookAuth()
	srv, err := conf.Complete().New(genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, fmt.Errorf("custom resources: %w", err)
	}
	srv.GenericAPIServer.PrepareRun()
	served := s.run(srv.GenericAPIServer)
	if s.server.bare != nil && s.server.bare != s {
		ctx, cancel := context.WithCancel(context.Background()) // it ends with the server, not before
		registered, err := s.register(ctx, srv.Informers.Apiextensions().V1().CustomResourceDefinitions())
		if err != nil {
			cancel()
			served.cancel()
			return nil, fmt.Errorf("registering custom resources: %w", err)
		}
		served.signals["custom resources are registered"] = registered
		context.AfterFunc(ctx, served.cancel)
		served.cancel = cancel
	}
	return served, nil
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
		if writes(r) && strings.HasPrefix(r.URL.Path, "/apis/apiextensions.k8s.io/") {
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

func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead
}
