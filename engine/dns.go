package engine

import (
	"context"
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/dns"
	"github.com/podhop/podhop/engine/ingress"
	"github.com/podhop/podhop/engine/ingress/plan"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/provisioner"
	"github.com/podhop/podhop/internal/nsexec"
)

// seed creates the add-ons that every session begins with.
func (e *Engine) seed(ctx context.Context, c kubernetes.Interface) error {
	return errors.Join(dns.Install(ctx, c, clusterDNS.String(), e.cfg.DNSUpstream), ingress.Seed(ctx, c), provisioner.Seed(ctx, c))
}

// custom are the objects of custom resources that every session begins with.
func custom() []api.Custom {
	return []api.Custom{{Path: "/apis/gateway.networking.k8s.io/v1/gatewayclasses", Name: plan.Class, Body: ingress.GatewayClass()}}
}

// openDNS has DNS servers in the pods that run the catalogue's CoreDNS, whoever
// made them: those of the Deployment coredns, and a learner's own.
func (s *Session) openDNS(context.Context, []network.Node) error {
	core := s.api.Informers().Core().V1()
	names := dns.Config{
		Zone: "cluster.local", Services: core.Services().Lister(), Namespaces: core.Namespaces().Lister(),
		EndpointSlices: s.api.Informers().Discovery().V1().EndpointSlices().Lister(),
	}
	if outside := s.engine.cfg.DNSUpstream; outside != "" {
		names.Forward = dns.Forward(nsexec.DialOutside(ForNames), outside)
	}
	s.dns = dns.NewServers(dns.ServersConfig{Resolver: dns.NewResolver(names), Desired: s.dnsPods, Spoiled: s.spoiled, Log: s.log})
	s.onClose(s.dns.Close)
	s.pods.onLeaving(s.dns.Stop)
	_, err := core.Pods().Informer().AddEventHandler(cache.FilteringResourceEventHandler{
		FilterFunc: func(obj any) bool {
			pod, ok := obj.(*corev1.Pod)
			return ok && s.runsDNS(pod)
		},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { s.dns.Sync() },
			UpdateFunc: func(any, any) { s.dns.Sync() },
			DeleteFunc: func(any) { s.dns.Sync() },
		},
	})
	if err != nil {
		return err
	}
	s.api.Informers().StartWithContext(s.ctx)
	return nil
}

// dnsPods are the namespaces of the pods that answer DNS, by sandbox.
func (s *Session) dnsPods() map[string]dns.Namespace {
	desired := map[string]dns.Namespace{}
	pods := s.api.Informers().Core().V1().Pods().Lister()
	for id, sb := range s.pods.all() {
		namespace, name, _ := strings.Cut(sb.name, "/")
		pod, err := pods.Pods(namespace).Get(name)
		if err == nil && sb.joined() && s.runsDNS(pod) {
			desired[id] = sb.ns.Net
		}
	}
	return desired
}

// runsDNS tells whether the pod runs the catalogue's CoreDNS; a real one from a
// registry answers for itself.
func (s *Session) runsDNS(pod *corev1.Pod) bool { return s.runs(pod, s.engine.dnsImage) }

// runs tells whether a container of the pod runs, whose image is one of the
// catalogue's, by ID.
func (s *Session) runs(pod *corev1.Pod, image string) bool {
	for _, c := range pod.Status.ContainerStatuses {
		if c.State.Running == nil {
			continue
		}
		for _, spec := range pod.Spec.Containers {
			img, err := s.engine.images.Resolve(spec.Image)
			if spec.Name == c.Name && err == nil && img.ID == image {
				return true
			}
		}
	}
	return false
}
