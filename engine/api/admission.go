package api

import (
	"context"

	"github.com/podhop/podhop/engine/api/informer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cacheddiscovery "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	basecompatibility "k8s.io/component-base/compatibility"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"
	"k8s.io/kubernetes/pkg/controlplane"
	cpadmission "k8s.io/kubernetes/pkg/controlplane/apiserver/admission"
	kubeapiserveradmission "k8s.io/kubernetes/pkg/kubeapiserver/admission"
)

// admissionOfSession is the chain's admission: it passes each request to its
// session's own plugins.
type admissionOfSession struct{}

func (admissionOfSession) Handles(admission.Operation) bool { return true }

func (admissionOfSession) Admit(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	s, err := sessionFrom(ctx)
	if err != nil {
		return err
	}
	// Plugins wait for their informers too, but look only every 100 ms.
	if s.judges != nil {
		if err := s.judges.Synced(ctx); err != nil {
			return err
		}
	}
	if m, ok := s.admission.(admission.MutationInterface); ok && m.Handles(a.GetOperation()) {
		return m.Admit(ctx, a, o)
	}
	return nil
}

func (admissionOfSession) Validate(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	s, err := sessionFrom(ctx)
	if err != nil {
		return err
	}
	if v, ok := s.admission.(admission.ValidationInterface); ok && v.Handles(a.GetOperation()) {
		return v.Validate(ctx, a, o)
	}
	return nil
}

// newAdmission builds upstream's default plugins for one session, and
// NodeRestriction. AdmissionOptions.ApplyTo, which would do it, ties the plugins
// to a stop channel of the whole process: the quota evaluator's workers would
// outlive the session.
func (s *Session) newAdmission(f *informer.Factory) (admission.Interface, error) {
	client, err := kubernetes.NewForConfig(s.client)
	if err != nil {
		return nil, err
	}
	dyn, err := dynamic.NewForConfig(s.client)
	if err != nil {
		return nil, err
	}
	generic := cpadmission.Config{
		ExternalInformers: f, LoopbackClientConfig: s.client, APIResourceConfig: controlplane.DefaultAPIResourceConfigSource(),
	}
	resolver := aggregatorapiserver.NewClusterIPServiceResolver(f.Core().V1().Services().Lister())
	genericInit, err := generic.New(nil, nil, resolver, s.server.generic.TracerProvider)
	if err != nil {
		return nil, err
	}
	kubeInit, err := (&kubeapiserveradmission.Config{}).New()
	if err != nil {
		return nil, err
	}
	o := s.server.options.Admission.GenericAdmission // only read
	off := o.DefaultOffPlugins.Union(sets.New(o.DisablePlugins...)).Delete("NodeRestriction")
	var names []string
	for _, name := range o.RecommendedPluginOrder {
		if !off.Has(name) {
			names = append(names, name)
		}
	}
	conf, err := admission.ReadAdmissionConfiguration(names, "", runtime.NewScheme())
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cacheddiscovery.NewMemCacheClient(client.Discovery()))
	inits := admission.PluginInitializers{
		initializer.NewAPIServerIDInitializer(s.id),
		initializer.New(client, dyn, f, s.server.authorizer, utilfeature.DefaultFeatureGate,
			compatibility.DefaultComponentGlobalsRegistry.EffectiveVersionFor(basecompatibility.DefaultKubeComponent), s.ctx.Done(), mapper),
	}
	inits = append(append(inits, genericInit...), kubeInit...)
	return o.Plugins.NewFromPlugins(names, conf, inits, nil)
}
