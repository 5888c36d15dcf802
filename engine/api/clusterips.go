package api

import (
	"context"
	"errors"
	"net"
	"sync"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	networkinginformers "k8s.io/client-go/informers/networking/v1"
	"k8s.io/client-go/kubernetes"
	networkingclient "k8s.io/client-go/kubernetes/typed/networking/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
	netutils "k8s.io/utils/net"

	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/controller/servicecidrs"
	"k8s.io/kubernetes/pkg/controlplane/controller/defaultservicecidr"
	"k8s.io/kubernetes/pkg/registry/core/service/ipallocator"
)

var serviceCIDRs = schema.GroupResource{Group: "networking.k8s.io", Resource: "servicecidrs"}

// clusterIPs allocates one session's cluster IPs of one family, each an IPAddress
// object. Most sessions have the one ServiceCIDR that they began with, and then this
// is upstream's allocator of one range. When ServiceCIDRs are written it is
// upstream's allocator of many, which takes two informers and five goroutines.
type clusterIPs struct {
	*ipallocator.Allocator // of the range that the session began with
	session                *Session

	mu   sync.Mutex // the Allocator's random numbers want one
	many *ipallocator.MetaAllocator
}

func (s *Session) newClusterIPs(cidr string) (*clusterIPs, error) {
	client, err := kubernetes.NewForConfig(s.client)
	if err != nil {
		return nil, err
	}
	_, r, err := netutils.ParseCIDRSloppy(cidr)
	if err != nil {
		return nil, err
	}
	one, err := ipallocator.NewIPAllocator(r, client.NetworkingV1(), ipAddresses{client: client.NetworkingV1()})
	return &clusterIPs{Allocator: one, session: s}, err
}

// AllocateService implements ipallocator.ForService.
func (c *clusterIPs) AllocateService(service *api.Service, ip net.IP) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if many, err := c.meta(); err != nil {
		return err
	} else if many != nil {
		// It does not know at once what was written just now, nor what was there before.
		if err := many.AllocateService(service, ip); !errors.Is(err, ipallocator.ErrMismatchedNetwork) && !errors.Is(err, ipallocator.ErrNotReady) {
			return err
		}
	}
	if r := c.CIDR(); !r.Contains(ip) {
		return ipallocator.ErrMismatchedNetwork // as upstream's of many says it
	}
	return c.Allocator.AllocateService(service, ip)
}

// AllocateNextService implements ipallocator.ForService.
func (c *clusterIPs) AllocateNextService(service *api.Service) (net.IP, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if many, err := c.meta(); err != nil {
		return nil, err
	} else if many != nil {
		if ip, err := many.AllocateNextService(service); !errors.Is(err, ipallocator.ErrFull) {
			return ip, err
		}
	}
	return c.Allocator.AllocateNextService(service)
}

// meta is upstream's allocator of many ranges, made when it is first needed; nil
// while it is not. c.mu must be held.
func (c *clusterIPs) meta() (*ipallocator.MetaAllocator, error) {
	if c.many != nil || !c.session.tenant.Written(serviceCIDRs) {
		return c.many, nil
	}
	client, err := kubernetes.NewForConfig(c.session.client)
	if err != nil {
		return nil, err
	}
	informers := c.session.informers.Networking().V1()
	c.many, err = ipallocator.NewMetaAllocator(client.NetworkingV1(), informers.ServiceCIDRs(), informers.IPAddresses(),
		c.IPFamily() == api.IPv6Protocol, nil)
	if err == nil {
		c.session.informers.StartWithContext(c.session.ctx)
	}
	return c.many, err
}

// close ends upstream's goroutines.
func (c *clusterIPs) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.many != nil {
		c.many.Destroy()
	}
}

// ipAddresses looks IPAddress objects up in the API itself, in this process, in
// the form that upstream's allocator asks for: it waits for no informer.
type ipAddresses struct {
	cache.SharedIndexInformer         // nil: of it HasSynced alone is asked
	networkinglisters.IPAddressLister // nil: of it List and Get are asked
	client                            networkingclient.NetworkingV1Interface
}

var _ networkinginformers.IPAddressInformer = ipAddresses{}

func (a ipAddresses) Informer() cache.SharedIndexInformer       { return a }
func (a ipAddresses) Lister() networkinglisters.IPAddressLister { return a }
func (ipAddresses) HasSynced() bool                             { return true }
func (a ipAddresses) Get(name string) (*networkingv1.IPAddress, error) {
	return a.client.IPAddresses().Get(context.Background(), name, metav1.GetOptions{})
}

// List is asked for metrics, at each allocation, and those are off.
func (ipAddresses) List(labels.Selector) ([]*networkingv1.IPAddress, error) { return nil, nil }

// seedServiceCIDR makes the default ServiceCIDR, in the state that upstream's
// controllers bring it to.
func seedServiceCIDR(ctx context.Context, c kubernetes.Interface, cidrs ...string) error {
	r := &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: defaultservicecidr.DefaultServiceCIDRName, Finalizers: []string{servicecidrs.ServiceCIDRProtectionFinalizer}},
		Spec:       networkingv1.ServiceCIDRSpec{CIDRs: cidrs},
	}
	r, err := c.NetworkingV1().ServiceCIDRs().Create(ctx, r, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	r.Status.Conditions = []metav1.Condition{{Type: networkingv1.ServiceCIDRConditionReady, Status: metav1.ConditionTrue,
		Message: "Kubernetes default Service CIDR is ready", LastTransitionTime: metav1.Now()}}
	_, err = c.NetworkingV1().ServiceCIDRs().UpdateStatus(ctx, r, metav1.UpdateOptions{})
	return err
}

// extendServiceCIDR gives the default ServiceCIDR its second family.
func extendServiceCIDR(ctx context.Context, c kubernetes.Interface, cidr string) error {
	r, err := c.NetworkingV1().ServiceCIDRs().Get(ctx, defaultservicecidr.DefaultServiceCIDRName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	r.Spec.CIDRs = append(r.Spec.CIDRs, cidr)
	_, err = c.NetworkingV1().ServiceCIDRs().Update(ctx, r, metav1.UpdateOptions{})
	return err
}
