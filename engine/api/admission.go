package api

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/engine/api/informer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	webhookinit "k8s.io/apiserver/pkg/admission/plugin/webhook/initializer"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cacheddiscovery "k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/kubernetes/pkg/controlplane"
	cpadmission "k8s.io/kubernetes/pkg/controlplane/apiserver/admission"
	kubeapiserveradmission "k8s.io/kubernetes/pkg/kubeapiserver/admission"
	"k8s.io/kubernetes/pkg/kubeapiserver/admission/exclusion"
	quotainstall "k8s.io/kubernetes/pkg/quota/v1/install"
)

// admissionOfSession is the chain's admission: it passes each request to its
// session's own plugins.
type admissionOfSession struct{}

func (admissionOfSession) Handles(admission.Operation) bool { return true }

func (admissionOfSession) Admit(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	p, err := plugins(ctx, a)
	if p == nil || err != nil {
		return err
	}
	if a.GetOperation() == admission.Create {
		if err := p.view.CaughtUp(ctx, settings); err != nil {
			return err
		}
	}
	if m, ok := p.Interface.(admission.MutationInterface); ok && m.Handles(a.GetOperation()) {
		return m.Admit(ctx, a, o)
	}
	return nil
}

func (admissionOfSession) Validate(ctx context.Context, a admission.Attributes, o admission.ObjectInterfaces) error {
	p, err := plugins(ctx, a)
	if p == nil || err != nil {
		return err
	}
	if err := p.quotas.wait(ctx, a); err != nil {
		return err
	}
	if v, ok := p.Interface.(admission.ValidationInterface); ok && v.Handles(a.GetOperation()) {
		return v.Validate(ctx, a, o)
	}
	return nil
}

// plugins returns the plugins of the context's session, in sync for the request;
// nil if it has none.
func plugins(ctx context.Context, a admission.Attributes) (*pluginSet, error) {
	s, err := sessionFrom(ctx)
	if err != nil {
		return nil, err
	}
	if a.GetResource().GroupResource() == volumeClaims {
		s.informers.Wake(storageClasses) // a claim that names no class gets the default one
	}
	return s.plugins.get(ctx)
}

// settings are kinds that plugins look up, by informers, to judge others. A
// paste writes one and what needs it within a millisecond; by kubectl, and from
// another machine, it takes longer than a watch.
var settings = []schema.GroupResource{
	{Resource: "limitranges"}, {Resource: "resourcequotas"}, {Group: "networking.k8s.io", Resource: "ingressclasses"}, {Group: "node.k8s.io", Resource: "runtimeclasses"},
	{Group: "scheduling.k8s.io", Resource: "priorityclasses"}, storageClasses,
}

// A session begins with a StorageClass, which concerns nobody before there is a claim.
var (
	storageClasses = schema.GroupResource{Group: "storage.k8s.io", Resource: "storageclasses"}
	volumeClaims   = schema.GroupResource{Resource: "persistentvolumeclaims"}
)

// configurable plugins are worth 1 MB a session, and do nothing until somebody
// writes an object of these kinds.
var configurable = map[string]schema.GroupResource{
	"MutatingAdmissionPolicy":    {Group: "admissionregistration.k8s.io", Resource: "mutatingadmissionpolicies"},
	"MutatingAdmissionWebhook":   {Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations"},
	"ValidatingAdmissionPolicy":  {Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies"},
	"ValidatingAdmissionWebhook": {Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"},
}

// admissionPlugins are one session's: without the configurable ones at first,
// and with all of them from the first object on that configures one.
type admissionPlugins struct {
	mu    sync.Mutex
	now   atomic.Pointer[pluginSet]
	build func(all bool) (*pluginSet, error) // nil: no admission
	has   func(schema.GroupResource) bool
}

type pluginSet struct {
	admission.Interface
	all    bool
	view   *informer.Factory // of what the plugins look at
	quotas quotas
}

func (p *admissionPlugins) get(ctx context.Context) (*pluginSet, error) {
	if p.build == nil {
		return nil, nil
	}
	set := p.now.Load()
	if set == nil || !set.all && p.needsAll() {
		var err error
		if set, err = p.make(); err != nil {
			return nil, err
		}
	}
	// Plugins wait for their informers too, but look only every 100 ms.
	if err := set.view.Synced(ctx); err != nil {
		return nil, err
	}
	return set, nil
}

func (p *admissionPlugins) needsAll() bool {
	for _, kind := range configurable {
		if p.has(kind) {
			return true
		}
	}
	return false
}

func (p *admissionPlugins) make() (*pluginSet, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.needsAll()
	if set := p.now.Load(); set != nil && (set.all || !all) {
		return set, nil
	}
	set, err := p.build(all)
	if err == nil {
		p.now.Store(set)
	}
	return set, err
}

// newPlugins builds a set of plugins and starts their informers.
func (s *Session) newPlugins(all bool) (*pluginSet, error) {
	as := rest.CopyConfig(s.client)
	as.UserAgent = "kube-apiserver" // who manages a quota's status
	client, err := kubernetes.NewForConfig(as)
	if err != nil {
		return nil, err
	}
	view, release := s.informers.View()
	p, err := s.newAdmission(client, view, all)
	if err != nil {
		return nil, err
	}
	q := quotas{view.Core().V1().ResourceQuotas().Lister()}
	release()
	s.informers.StartWithContext(s.ctx)
	return &pluginSet{p, all, view, q}, nil
}

// newAdmission builds upstream's default plugins for one session, and
// NodeRestriction. AdmissionOptions.ApplyTo, which would do it, ties the plugins
// to a stop channel of the whole process: the quota evaluator's workers would
// outlive the session.
func (s *Session) newAdmission(client kubernetes.Interface, f *informer.Factory, all bool) (admission.Interface, error) {
	dyn, err := dynamic.NewForConfig(s.client)
	if err != nil {
		return nil, err
	}
	quotas, err := quotainstall.NewQuotaConfigurationForAdmission(f, controlplane.DefaultAPIResourceConfigSource())
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
		if _, later := configurable[name]; !off.Has(name) && (all || !later) {
			names = append(names, name)
		}
	}
	conf, err := admission.ReadAdmissionConfiguration(names, "", runtime.NewScheme())
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cacheddiscovery.NewMemCacheClient(client.Discovery()))
	if all {
		// As k8s.io/kubernetes/pkg/kubeapiserver/admission does: policies' parameters may be
		// of kinds that come later.
		go wait.UntilWithContext(s.ctx, func(context.Context) { mapper.Reset() }, 30*time.Second)
	}
	inits := admission.PluginInitializers{
		initializer.NewAPIServerIDInitializer(s.id),
		initializer.New(client, dyn, f, s.server.authorizer, utilfeature.DefaultFeatureGate,
			compatibility.DefaultComponentGlobalsRegistry.EffectiveVersionFor(basecompatibility.DefaultKubeComponent), s.ctx.Done(), mapper),
		webhookinit.NewPluginInitializer(s.webhookAuth(), s.serviceResolver()),
		cpadmission.NewPluginInitializer(quotas, exclusion.Excluded()),
	}
	inits = append(inits, kubeInit...)
	return o.Plugins.NewFromPlugins(names, conf, inits, nil)
}
