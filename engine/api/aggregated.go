package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/podhop/podhop/engine/api/store"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	genericapiserver "k8s.io/apiserver/pkg/server"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	listers "k8s.io/kube-aggregator/pkg/client/listers/apiregistration/v1"
	apiservicerest "k8s.io/kube-aggregator/pkg/registry/apiservice/rest"
)

// installAPIServices serves APIServices in the chain. Those that a session begins with
// are local; one that leads to a Service is served by the session's own aggregator.
func (s *Server) installAPIServices(srv *genericapiserver.GenericAPIServer) error {
	c := s.aggregator.GenericConfig
	info := apiservicerest.NewRESTStorage(c.MergedResourceConfig, optionsGetter{c.RESTOptionsGetter, resolve}, false)
	return srv.InstallAPIGroup(&info)
}

// newAggregator builds upstream's kube-aggregator for one session, with nothing behind
// it: the chain is before it, and keeps what is local.
func (s *Session) newAggregator() (*ownServer, error) {
	conf := *s.server.aggregator
	conf.GenericConfig = s.fit(s.server.aggregator.GenericConfig, store.Fixed(s.tenant))
	conf.GenericConfig.AggregatedDiscoveryGroupManager = aggregated.NewResourceManager("apis")
	conf.ExtraConfig.ServiceResolver = s.serviceResolver()
	conf.ExtraConfig.ProxyTransport = podTransport(s.dial)
	conf.ExtraConfig.ProxyClientCertFile, conf.ExtraConfig.ProxyClientKeyFile = s.server.frontProxy.files()
	srv, err := conf.Complete().NewWithDelegate(genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, fmt.Errorf("aggregator: %w", err)
	}
	if _, err := srv.PrepareRun(); err != nil {
		return nil, fmt.Errorf("aggregator: %w", err)
	}
	services := srv.APIRegistrationInformers.Apiregistration().V1().APIServices().Lister()
	served := s.run(srv.GenericAPIServer)
	served.serves = func(group, version string) bool { return remote(services, group, version) }
	return served, nil
}

// remote tells whether a Service serves a version of a group, or with no version any
// of them.
func remote(services listers.APIServiceLister, group, version string) bool {
	if version != "" {
		one, err := services.Get(version + "." + group)
		return err == nil && one.Spec.Service != nil
	}
	all, err := services.List(labels.Everything())
	for _, one := range all {
		if one.Spec.Group == group && one.Spec.Service != nil {
			return true
		}
	}
	return err != nil
}

// aggregate stands between the chain's filters, which have judged the request, and
// what it serves.
func (s *Server) aggregate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, "/apis/")
		ss, err := sessionFrom(r.Context())
		if !ok || err != nil {
			next.ServeHTTP(w, r)
			return
		}
		a := ss.aggregated.get()
		if a == nil && s.bare != nil && writes(r) && strings.HasPrefix(path, apiregistrationv1.GroupName+"/") && !registers(r.Context()) {
			if a, err = ss.aggregated.start(ss.newAggregator); err != nil {
				s.log.Error("aggregator", "session", ss.id, "error", err)
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			a.settle(r.Context())
		}
		parts := strings.SplitN(path, "/", 3)
		if a != nil && a.serves(parts[0], strings.Join(parts[1:min(2, len(parts))], "")) {
			a.handler.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
