package loadbalancer

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	cloudprovider "k8s.io/cloud-provider"
	cloudapi "k8s.io/cloud-provider/api"
)

// A cloud is upstream's cloudprovider.Interface with load balancers and nothing else.
type cloud struct {
	cloudprovider.Interface // nil: never asked for what is not below
	changed                 func()

	mu        sync.Mutex
	pools     []*pool
	balancers map[types.UID]*balancer
}

// A balancer is one Service's load balancer.
type balancer struct {
	service   string // namespace/name
	addresses []netip.Addr
	nodes     []string // those that it may send to, whatever their health
	// healthPort is the Service's own health check on every node, 0 if it has none.
	healthPort int32
}

func newCloud(prefixes []netip.Prefix, changed func()) *cloud {
	c := &cloud{changed: changed, balancers: map[types.UID]*balancer{}}
	for _, p := range prefixes {
		c.pools = append(c.pools, newPool(p))
	}
	return c
}

func (c *cloud) LoadBalancer() (cloudprovider.LoadBalancer, bool) { return c, true }

// ProviderName is in upstream's log messages only.
func (c *cloud) ProviderName() string { return "podhop" }

// GetLoadBalancerName implements cloudprovider.LoadBalancer.
func (c *cloud) GetLoadBalancerName(_ context.Context, _ string, s *corev1.Service) string {
	return cloudprovider.DefaultLoadBalancerName(s)
}

// GetLoadBalancer implements cloudprovider.LoadBalancer.
func (c *cloud) GetLoadBalancer(_ context.Context, _ string, s *corev1.Service) (*corev1.LoadBalancerStatus, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.balancers[s.UID]
	if b == nil {
		return nil, false, nil
	}
	return b.status(), true, nil
}

// EnsureLoadBalancer implements cloudprovider.LoadBalancer. A Service keeps its
// address as long as it asks for no other one.
func (c *cloud) EnsureLoadBalancer(_ context.Context, _ string, s *corev1.Service, nodes []*corev1.Node) (*corev1.LoadBalancerStatus, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	addresses, err := c.allocate(s)
	if err != nil {
		return nil, refused{err}
	}
	b := &balancer{service: s.Namespace + "/" + s.Name, addresses: addresses, nodes: names(nodes), healthPort: s.Spec.HealthCheckNodePort}
	c.balancers[s.UID] = b
	c.changed()
	return b.status(), nil
}

// allocate finds an address for each of a Service's families. Without all of them
// it has none that it had not before.
func (c *cloud) allocate(s *corev1.Service) ([]netip.Addr, error) {
	var wanted netip.Addr
	if s.Spec.LoadBalancerIP != "" {
		var err error
		if wanted, err = netip.ParseAddr(s.Spec.LoadBalancerIP); err != nil {
			return nil, fmt.Errorf("spec.loadBalancerIP: %w", err)
		}
	}
	var had, got []netip.Addr
	if b := c.balancers[s.UID]; b != nil {
		had = b.addresses
	}
	got, err := c.take(s, wanted)
	for _, p := range c.pools {
		if err == nil {
			p.keep(s.UID, got)
		} else {
			p.keep(s.UID, had)
		}
	}
	return got, err
}

// take has the pools give an address for each family; on error some may have.
func (c *cloud) take(s *corev1.Service, wanted netip.Addr) (got []netip.Addr, err error) {
	for _, family := range s.Spec.IPFamilies {
		i := slices.IndexFunc(c.pools, func(p *pool) bool {
			return p.prefix.Addr().Is4() == (family == corev1.IPv4Protocol)
		})
		if i < 0 {
			return nil, fmt.Errorf("%w: there are no load balancers for %s", ErrExhausted, family)
		}
		mine := wanted
		if wanted.Is4() != c.pools[i].prefix.Addr().Is4() {
			mine = netip.Addr{}
		}
		a, err := c.pools[i].take(s.UID, mine)
		if err != nil {
			return nil, err
		}
		got = append(got, a)
	}
	if wanted.IsValid() && !slices.Contains(got, wanted) {
		return nil, fmt.Errorf("%s: %w of the Service's families", wanted, ErrNoSuchAddress)
	}
	return got, nil
}

// UpdateLoadBalancer implements cloudprovider.LoadBalancer: the nodes are others.
func (c *cloud) UpdateLoadBalancer(_ context.Context, _ string, s *corev1.Service, nodes []*corev1.Node) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.balancers[s.UID]; b != nil {
		b.nodes = names(nodes)
		c.changed()
	}
	return nil
}

// EnsureLoadBalancerDeleted implements cloudprovider.LoadBalancer.
func (c *cloud) EnsureLoadBalancerDeleted(_ context.Context, _ string, s *corev1.Service) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pools {
		p.keep(s.UID, nil)
	}
	delete(c.balancers, s.UID)
	c.changed()
	return nil
}

// all are copies of the balancers as they are, by service.
func (c *cloud) all() []balancer {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []balancer
	for _, b := range c.balancers {
		all = append(all, *b)
	}
	slices.SortFunc(all, func(a, b balancer) int { return strings.Compare(a.service, b.service) })
	return all
}

// status is what a Service says of its load balancer.
func (b *balancer) status() *corev1.LoadBalancerStatus {
	s := &corev1.LoadBalancerStatus{}
	for _, a := range b.addresses {
		s.Ingress = append(s.Ingress, corev1.LoadBalancerIngress{IP: a.String(), IPMode: new(corev1.LoadBalancerIPModeVIP)})
	}
	return s
}

func names(nodes []*corev1.Node) (all []string) {
	for _, n := range nodes {
		all = append(all, n.Name)
	}
	slices.Sort(all)
	return all
}

// patience is how long upstream leaves a Service alone that could not be given an
// address: not longer each time, for one may come free at any moment.
const patience = 5 * time.Second

// refused is why a Service has no address; upstream finds the RetryError in it.
type refused struct{ error }

func (r refused) Unwrap() []error {
	return []error{r.error, cloudapi.NewRetryError(r.Error(), patience)}
}
