package api

import (
	"context"
	"fmt"
	"net/http"
	_ "unsafe" // for go:linkname

	"github.com/podhop/podhop/internal/inproc"
	crdinformers "k8s.io/apiextensions-apiserver/pkg/client/informers/externalversions/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	restclient "k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/helper"
	"k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	"k8s.io/kube-aggregator/pkg/client/informers/externalversions"
	"k8s.io/kube-aggregator/pkg/controllers/autoregister"
	localavailability "k8s.io/kube-aggregator/pkg/controllers/status/local"
	availabilitymetrics "k8s.io/kube-aggregator/pkg/controllers/status/metrics"
	controlplaneapiserver "k8s.io/kubernetes/pkg/controlplane/apiserver"
	"k8s.io/kubernetes/pkg/controlplane/controller/crdregistration"
)

// apiVersionPriorities are upstream's, of the groups that it serves itself.
//
//go:linkname apiVersionPriorities k8s.io/kubernetes/cmd/kube-apiserver/app.apiVersionPriorities
var apiVersionPriorities map[schema.GroupVersion]controlplaneapiserver.APIServicePriority

// Priorities that upstream has no table for: of metrics-server's own manifest, and of
// custom resources (k8s.io/kubernetes/pkg/controlplane/controller/crdregistration).
var (
	metricsPriority = controlplaneapiserver.APIServicePriority{Group: 100, Version: 100}
	customPriority  = controlplaneapiserver.APIServicePriority{Group: 1000, Version: 100}
)

const (
	onStart = "onstart" // upstream registers built-in groups when it starts
	managed = "true"    // and those of custom resources as they come
)

// seedAPIServices registers what every session begins with, as upstream's
// autoregistration would have.
func (s *Server) seedAPIServices(ctx context.Context, gold *Session, custom []schema.GroupVersion) error {
	c, err := clientset.NewForConfig(gold.client)
	if err != nil {
		return err
	}
	create := func(gv schema.GroupVersion, p controlplaneapiserver.APIServicePriority, how string) error {
		one, err := c.ApiregistrationV1().APIServices().Create(ctx, &apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{Name: gv.Version + "." + gv.Group, Labels: map[string]string{autoregister.AutoRegisterManagedLabel: how}},
			Spec: apiregistrationv1.APIServiceSpec{
				Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: p.Group, VersionPriority: p.Version,
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("%s: %w", gv, err)
		}
		helper.SetAPIServiceCondition(one, helper.NewLocalAvailableAPIServiceCondition())
		_, err = c.ApiregistrationV1().APIServices().UpdateStatus(ctx, one, metav1.UpdateOptions{})
		return err
	}
	builtIn := append(s.groupVersions(), schema.GroupVersion{Group: "apiextensions.k8s.io", Version: "v1"})
	for _, gv := range builtIn {
		p, ok := apiVersionPriorities[gv]
		switch {
		case ok:
		case gv.Group == "metrics.k8s.io":
			p = metricsPriority
		default:
			continue // as upstream: apiregistration.k8s.io has none of itself
		}
		if err := create(gv, p, onStart); err != nil {
			return err
		}
	}
	for _, gv := range custom {
		if err := create(gv, customPriority, managed); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// register keeps the APIServices of a session's custom resources, and the condition of
// local ones, until ctx is over. The channel is closed when the first are registered;
// ctx must not end before.
func (s *Session) register(ctx context.Context, crds crdinformers.CustomResourceDefinitionInformer) (<-chan struct{}, error) {
	c, err := clientset.NewForConfig(s.registrar())
	if err != nil {
		return nil, err
	}
	factory := externalversions.NewSharedInformerFactory(c, 0)
	services := factory.Apiregistration().V1().APIServices()
	auto := autoregister.NewAutoRegisterController(services, c.ApiregistrationV1())
	// What is registered at the start stays as it is, though somebody may have led it to
	// a Service since: the controller removes what it is not told of.
	list, err := c.ApiregistrationV1().APIServices().List(ctx, metav1.ListOptions{LabelSelector: autoregister.AutoRegisterManagedLabel + "=" + onStart})
	if err != nil {
		return nil, err
	}
	for _, one := range list.Items {
		auto.AddAPIServiceToSyncOnStart(&apiregistrationv1.APIService{ObjectMeta: metav1.ObjectMeta{Name: one.Name}, Spec: one.Spec})
	}
	custom := crdregistration.NewCRDRegistrationController(crds, auto)
	local, err := localavailability.New(services, c.ApiregistrationV1(), availabilitymetrics.New())
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	go custom.Run(1, ctx.Done())
	go local.Run(1, ctx.Done())
	registered := make(chan struct{})
	go func() {
		custom.WaitForInitialSync()
		close(registered)
		auto.Run(1, ctx.Done())
	}()
	return registered, nil
}

type registrarKey struct{}

// registers tells whether a request comes from a session's own registration of what is
// local. It is no reason to have an aggregator.
func registers(ctx context.Context) bool { return ctx.Value(registrarKey{}) != nil }

func (s *Session) registrar() *restclient.Config {
	c := s.configFor(master)
	t := c.Transport.(*inproc.Transport)
	prepare := t.Prepare
	t.Prepare = func(r *http.Request) *http.Request {
		r = prepare(r)
		return r.WithContext(context.WithValue(r.Context(), registrarKey{}, true))
	}
	return c
}
