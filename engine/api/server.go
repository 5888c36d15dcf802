package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/podhop/podhop/engine/api/seats"
	"github.com/podhop/podhop/engine/api/store"
	"github.com/podhop/podhop/internal/inproc"
	apiextensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericregistry "k8s.io/apiserver/pkg/registry/generic"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
	"k8s.io/component-base/metrics/prometheus/slis"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controlplaneapiserver "k8s.io/kubernetes/pkg/controlplane/apiserver"
)

// Config is what New needs.
type Config struct {
	// Dir keeps the files that upstream's options insist on. Made if missing;
	// empty means a temporary one, removed by Close.
	Dir string
	// Logger gets upstream's log (klog), at debug level where upstream says info. Nil: discard.
	Logger *slog.Logger
	// RootCA is the PEM certificate that clients inside the cluster find in the
	// config map kube-root-ca.crt.
	RootCA []byte
	// Seed, if set, creates what every session begins with beside that which every
	// cluster has. The client is the golden tenant's; there is no admission.
	Seed func(context.Context, kubernetes.Interface) error
	// Definitions are custom resources that every session begins with, each a
	// CustomResourceDefinition in YAML. Sessions share the server of these until they
	// write a definition of their own. Custom are objects of them, in JSON.
	Definitions [][]byte
	Custom      []Custom
	// APIServer is where the caller serves a session's API to its own pods: the
	// endpoint of the Service `kubernetes`. Zero: nowhere, and there is no endpoint.
	APIServer netip.AddrPort
	// Refused, if set, is told what the API refused to the kubectl of a session's learner: in the API's own
	// words, which are bounded. The context is the request's. It must be quick, and may be called at once by several.
	Refused func(ctx context.Context, session, message string)
}

// Server is the shared part of all sessions' APIs. It is safe for concurrent use.
type Server struct {
	config   Config
	log      *slog.Logger
	tempDir  string
	stopEtcd func()

	handler    http.Handler
	options    *options.ServerRunOptions
	generic    *genericapiserver.Config
	extensions *apiextensionsapiserver.Config
	aggregator *aggregatorapiserver.Config
	frontProxy *frontProxy
	storage    genericregistry.RESTOptionsGetter
	authorizer authorizer.Authorizer
	getters    *getters
	paths      map[string]struct{} // of what is built in
	bare       *Session            // serves what is the same in all sessions that have no CRD
	laps       []Lap
	hall       *seats.Hall

	mu     sync.Mutex
	golden map[string]*store.Tenant // by their seeded nodes
}

// Lap is the time that one step of New took.
type Lap struct {
	Step string
	Took time.Duration
}

// New builds the chain and the golden tenant that sessions are cloned from. It
// takes about a second. ctx bounds the building only.
func New(ctx context.Context, c Config) (s *Server, err error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := SetVersion(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	routeKlog(c.Logger)
	s = &Server{config: c, log: c.Logger, golden: map[string]*store.Tenant{}, paths: map[string]struct{}{}, hall: seats.NewHall()}
	defer func() {
		if err != nil {
			s.Close()
			s, err = nil, fmt.Errorf("api: %w", err)
		}
	}()
	if c.Dir == "" {
		if s.tempDir, err = os.MkdirTemp("", "podhop-api-"); err != nil {
			return nil, err
		}
		s.config.Dir = s.tempDir
	} else if err = os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if s.frontProxy, err = newFrontProxy(s.config.Dir); err != nil {
		return nil, err
	}
	if err = s.build(ctx); err != nil {
		return nil, err
	}
	return s, s.bootstrap(ctx)
}

// Laps tells what New spent its time on.
func (s *Server) Laps() []Lap { return s.laps }

func (s *Server) lap(step string, since *time.Time) {
	now := time.Now()
	s.laps = append(s.laps, Lap{step, now.Sub(*since)})
	*since = now
}

// Close releases what the server holds. Its sessions must be closed before.
func (s *Server) Close() {
	if s.bare != nil {
		s.bare.Close()
	}
	if s.stopEtcd != nil {
		s.stopEtcd()
	}
	if s.tempDir != "" {
		_ = os.RemoveAll(s.tempDir)
	}
}

// build makes the upstream chain.
func (s *Server) build(ctx context.Context) error {
	start := time.Now()
	config, err := s.upstreamConfig(ctx)
	if err != nil {
		return err
	}
	s.lap("config", &start)
	g := config.KubeAPIs.ControlPlane.Generic
	s.generic, s.extensions, s.aggregator = g, config.ApiExtensions, config.Aggregator
	s.storage = optionsGetter{g.RESTOptionsGetter, resolve}
	g.RESTOptionsGetter = s.storage
	// Upstream's own client: the session travels in its requests' contexts.
	g.LoopbackClientConfig = &restclient.Config{Host: inProcess, QPS: -1, ContentConfig: inProtobuf,
		Transport: &inproc.Transport{Handler: http.HandlerFunc(s.serve), Prepare: asMaster, Streaming: streaming}}
	if s.getters, err = newGetters(s.storage); err != nil {
		return err
	}
	rules, err := s.authorize()
	if err != nil {
		return err
	}
	g.Authorization.Authorizer, g.RuleResolver = s.authorizer, rules
	g.Authentication.Authenticator = s.authenticator(g.Authentication.APIAudiences)
	g.AdmissionControl = admissionOfSession{}
	g.ExternalAddress = kubernetesIP + ":443" // where pods have it; upstream would tell its listener
	g.StorageObjectCountTracker = nil
	g.MaxRequestsInFlight, g.MaxMutatingRequestsInFlight = 0, 0 // they would count all sessions together
	g.EnableMetrics = false                                     // so would they: see ownmetrics.go
	g.PostStartHooks = map[string]genericapiserver.PostStartHookConfigEntry{}
	// The health checks would wait for hooks that are not run.
	g.DisabledPostStartHooks.Insert("generic-apiserver-start-informers", "max-in-flight-filter", "start-system-namespaces-controller",
		"peer-endpoint-reconciler-controller", "start-cluster-authentication-info-controller", "start-kube-apiserver-identity-lease-controller",
		"start-kube-apiserver-identity-lease-garbage-collector", "storage-readiness", "start-legacy-token-tracking-controller")
	g.BuildHandlerChainFunc = func(h http.Handler, c *genericapiserver.Config) http.Handler {
		return genericapiserver.DefaultBuildHandlerChain(s.aggregate(h), c)
	}
	for gv, p := range apiVersionPriorities {
		g.AggregatedDiscoveryGroupManager.SetGroupVersionPriority(metav1.GroupVersion(gv), int(p.Group), int(p.Version))
	}
	extra := &config.KubeAPIs.ControlPlane.Extra
	extra.ProxyTransport = podTransport(dialOfSession)
	extra.ServiceAccountIssuer = issuerOfSession{}
	extra.ServiceAccountIssuerURL = "" // the key set differs by session: see keys.go
	g.OpenAPIConfig.GetDefinitionName = nameMetrics(g.OpenAPIConfig.GetDefinitionName)
	g.OpenAPIV3Config.GetDefinitionName = nameMetrics(g.OpenAPIV3Config.GetDefinitionName)
	cc := config.KubeAPIs.Complete()
	srv, err := cc.ControlPlane.New(controlplaneapiserver.KubeAPIServer,
		genericapiserver.NewEmptyDelegateWithCustomHandler(http.HandlerFunc(s.serveCustom)))
	if err != nil {
		return err
	}
	s.lap("chain", &start)
	providers, err := s.providers(cc)
	if err != nil {
		return err
	}
	if err := srv.InstallAPIs(providers...); err != nil {
		return err
	}
	if err := srv.GenericAPIServer.InstallAPIGroup(s.metricsGroup()); err != nil {
		return err
	}
	srv.GenericAPIServer.Handler.NonGoRestfulMux.HandleFunc("/metrics", serveOwnMetrics)
	slis.SLIMetrics{}.Install(srv.GenericAPIServer.Handler.NonGoRestfulMux) // of health checks, which tell of nobody
	if err := s.installAPIServices(srv.GenericAPIServer); err != nil {
		return err
	}
	s.installKeySet(srv.GenericAPIServer)
	s.lap("install APIs", &start)
	srv.GenericAPIServer.PrepareRun() // OpenAPI; Run and its hooks are left out
	s.handler = srv.GenericAPIServer.Handler
	for _, p := range srv.GenericAPIServer.ListedPaths() {
		s.paths[p] = struct{}{}
	}
	s.lap("OpenAPI", &start)
	return nil
}

// groupVersions are those that the chain serves.
func (s *Server) groupVersions() (all []schema.GroupVersion) {
	for p := range s.paths {
		if parts := strings.Split(strings.TrimPrefix(p, "/"), "/"); len(parts) == 3 && parts[0] == "apis" {
			all = append(all, schema.GroupVersion{Group: parts[1], Version: parts[2]})
		} else if p == "/api/v1" {
			all = append(all, schema.GroupVersion{Version: "v1"})
		}
	}
	return all
}

// serve passes a request that has its session to the chain.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if _, err := sessionFrom(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.handler.ServeHTTP(w, r)
}
