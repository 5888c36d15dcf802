package api

import (
	"context"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	kubeletclient "k8s.io/kubernetes/pkg/kubelet/client"
	mutatingstore "k8s.io/kubernetes/pkg/registry/admissionregistration/mutatingwebhookconfiguration/storage"
	validatingstore "k8s.io/kubernetes/pkg/registry/admissionregistration/validatingwebhookconfiguration/storage"
	nodestore "k8s.io/kubernetes/pkg/registry/core/node/storage"
	podstore "k8s.io/kubernetes/pkg/registry/core/pod/storage"
	secretstore "k8s.io/kubernetes/pkg/registry/core/secret/storage"
	serviceaccountstore "k8s.io/kubernetes/pkg/registry/core/serviceaccount/storage"
)

// getters read what a service account token is bound to from the registries,
// for the session of the context: a serviceaccount.ServiceAccountTokenGetter
// that is never behind, without a cache per session.
type getters struct {
	accounts, pods, secrets, nodes, validating, mutating rest.Getter
	podStorage                                           *podstore.REST
	nodeLister                                           rest.Lister
}

func newGetters(o generic.RESTOptionsGetter) (*getters, error) {
	accounts, err := serviceaccountstore.NewREST(o, nil, nil, nil, 0, nil, nil, nil, nil, nil, false, 0)
	if err != nil {
		return nil, err
	}
	nodes, err := nodestore.NewStorage(o, kubeletclient.KubeletClientConfig{}, nil)
	if err != nil {
		return nil, err
	}
	pods, err := podstore.NewStorage(o, nodes.KubeletConnectionInfo, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	secrets, err := secretstore.NewREST(o)
	if err != nil {
		return nil, err
	}
	validating, err := validatingstore.NewREST(o)
	if err != nil {
		return nil, err
	}
	mutating, err := mutatingstore.NewREST(o)
	if err != nil {
		return nil, err
	}
	return &getters{accounts.Store, pods.Pod.Store, secrets, nodes.Node.Store, validating, mutating, pods.Pod, nodes.Node}, nil
}

// get reads an object as the external type of out.
func get[T any](ctx context.Context, g rest.Getter, namespace, name string, out *T) (*T, error) {
	obj, err := g.Get(genericapirequest.WithNamespace(ctx, namespace), name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return out, legacyscheme.Scheme.Convert(obj, out, nil)
}

func (g *getters) GetServiceAccount(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
	return get(ctx, g.accounts, namespace, name, &corev1.ServiceAccount{})
}

func (g *getters) GetPod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	return get(ctx, g.pods, namespace, name, &corev1.Pod{})
}

func (g *getters) GetSecret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return get(ctx, g.secrets, namespace, name, &corev1.Secret{})
}

func (g *getters) GetNode(ctx context.Context, name string) (*corev1.Node, error) {
	return get(ctx, g.nodes, "", name, &corev1.Node{})
}

func (g *getters) GetValidatingWebhookConfiguration(ctx context.Context, name string) (*admissionregistrationv1.ValidatingWebhookConfiguration, error) {
	return get(ctx, g.validating, "", name, &admissionregistrationv1.ValidatingWebhookConfiguration{})
}

func (g *getters) GetMutatingWebhookConfiguration(ctx context.Context, name string) (*admissionregistrationv1.MutatingWebhookConfiguration, error) {
	return get(ctx, g.mutating, "", name, &admissionregistrationv1.MutatingWebhookConfiguration{})
}
