package api

import (
	"context"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/client-go/kubernetes"
	policyclient "k8s.io/client-go/kubernetes/typed/policy/v1"
	"k8s.io/kubernetes/pkg/apis/authentication"
	"k8s.io/kubernetes/pkg/controlplane"
	controlplaneapiserver "k8s.io/kubernetes/pkg/controlplane/apiserver"
	"k8s.io/kubernetes/pkg/registry/core/componentstatus"
	noderest "k8s.io/kubernetes/pkg/registry/core/node/rest"
	podrest "k8s.io/kubernetes/pkg/registry/core/pod/rest"
	podstore "k8s.io/kubernetes/pkg/registry/core/pod/storage"
	"k8s.io/kubernetes/pkg/registry/core/service"
	servicestore "k8s.io/kubernetes/pkg/registry/core/service/storage"
)

// providers are upstream's API groups without their post-start hooks (which
// would act on no session), the core group fitted to sessions.
func (s *Server) providers(cc controlplane.CompletedConfig) ([]controlplaneapiserver.RESTStorageProvider, error) {
	client, err := kubernetes.NewForConfig(s.generic.LoopbackClientConfig)
	if err != nil {
		return nil, err
	}
	out, err := cc.StorageProviders(client)
	if err != nil {
		return nil, err
	}
	for i, p := range out {
		switch p.GroupName() {
		case "":
			out[i] = coreProvider{p}
		case authentication.GroupName:
			out[i] = authenticationProvider{p, s.generic.Authentication}
		default:
			out[i] = hookless{p}
		}
	}
	return out, nil
}

// hookless hides that a provider has a post-start hook.
type hookless struct {
	controlplaneapiserver.RESTStorageProvider
}

// coreProvider is the core group, going by session where upstream has one of a thing.
type coreProvider struct {
	controlplaneapiserver.RESTStorageProvider
}

func (p coreProvider) NewRESTStorage(rc serverstorage.APIResourceConfigSource, g generic.RESTOptionsGetter) (genericapiserver.APIGroupInfo, error) {
	info, err := p.RESTStorageProvider.NewRESTStorage(rc, g)
	if err != nil {
		return info, err
	}
	v1 := info.VersionedResourcesStorageMap["v1"]
	v1["services"] = servicesOfSession{v1["services"].(*servicestore.REST)}
	v1["services/status"] = serviceStatusOfSession{v1["services/status"].(*servicestore.StatusREST)}
	v1["services/proxy"] = serviceProxyOfSession{v1["services/proxy"].(*service.ProxyREST)}
	v1["pods/eviction"] = evictionOfSession{v1["pods/eviction"].(*podstore.EvictionREST), g}
	v1["pods/log"].(*podrest.LogREST).KubeletConn = kubeletsOfSession{}
	v1["pods/exec"].(*podrest.ExecREST).KubeletConn = kubeletsOfSession{}
	v1["pods/attach"].(*podrest.AttachREST).KubeletConn = kubeletsOfSession{}
	v1["pods/portforward"].(*podrest.PortForwardREST).KubeletConn = kubeletsOfSession{}
	// Upstream's would dial a scheduler, a controller manager and an etcd.
	v1["componentstatuses"] = componentstatus.NewStorage(func() map[string]componentstatus.Server { return nil })
	v1["nodes/proxy"].(*noderest.ProxyREST).Connection = kubeletsOfSession{}
	return info, nil
}

// evictionOfSession evicts through a client bound to the session, because
// upstream's asks for disruption budgets with context.TODO.
type evictionOfSession struct {
	*podstore.EvictionREST
	storage generic.RESTOptionsGetter
}

func (e evictionOfSession) Create(ctx context.Context, name string, obj runtime.Object, v rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	eviction, err := s.eviction(e.storage)
	if err != nil {
		return nil, err
	}
	return eviction.Create(ctx, name, obj, v, o)
}

// lazyEviction is built at a session's first eviction.
type lazyEviction struct {
	once sync.Once
	rest *podstore.EvictionREST
	err  error
}

func (s *Session) eviction(o generic.RESTOptionsGetter) (*podstore.EvictionREST, error) {
	l := &s.evict
	l.once.Do(func() {
		budgets, err := policyclient.NewForConfig(s.client)
		if err != nil {
			l.err = err
			return
		}
		pods, err := podstore.NewStorage(o, kubeletsOfSession{}, nil, budgets, nil)
		if err != nil {
			l.err = err
			return
		}
		l.rest = pods.Eviction
	})
	return l.rest, l.err
}
