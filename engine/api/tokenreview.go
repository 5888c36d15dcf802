package api

import (
	"context"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	controlplaneapiserver "k8s.io/kubernetes/pkg/controlplane/apiserver"
	"k8s.io/kubernetes/pkg/registry/authentication/tokenreview"
)

// authenticationProvider is the group of token reviews.
type authenticationProvider struct {
	controlplaneapiserver.RESTStorageProvider
	how genericapiserver.AuthenticationInfo
}

func (p authenticationProvider) NewRESTStorage(rc serverstorage.APIResourceConfigSource, g generic.RESTOptionsGetter) (genericapiserver.APIGroupInfo, error) {
	info, err := p.RESTStorageProvider.NewRESTStorage(rc, g)
	if err != nil {
		return info, err
	}
	v1 := info.VersionedResourcesStorageMap["v1"]
	v1["tokenreviews"] = reviewsOfSession{v1["tokenreviews"].(*tokenreview.REST), p.how}
	return info, nil
}

// reviewsOfSession judge a token in the session that asks: upstream makes a request of
// it that has no context.
type reviewsOfSession struct {
	*tokenreview.REST
	how genericapiserver.AuthenticationInfo
}

func (r reviewsOfSession) Create(ctx context.Context, obj runtime.Object, v rest.ValidateObjectFunc, o *metav1.CreateOptions) (runtime.Object, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	within := authenticator.RequestFunc(func(req *http.Request) (*authenticator.Response, bool, error) {
		return r.how.Authenticator.AuthenticateRequest(req.WithContext(withSession(req.Context(), s)))
	})
	return tokenreview.NewREST(within, r.how.APIAudiences).Create(ctx, obj, v, o)
}
