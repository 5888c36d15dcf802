package engine

import (
	"context"
	"net/netip"

	"github.com/podhop/podhop/engine/loadbalancer"
	"github.com/podhop/podhop/engine/network"
)

// loadBalancers are the addresses that Services of type LoadBalancer get; those of
// IPv6 in a dual-stack session only. They are documentation's (RFC 5737, RFC 3849):
// nobody has them.
var (
	loadBalancers  = netip.MustParsePrefix("203.0.113.0/24")
	loadBalancers6 = netip.MustParsePrefix("2001:db8:cb00:7100::/64")
)

// openLoadBalancers gives Services of type LoadBalancer addresses that the client
// reaches. Nodes are asked for their health from the network between them.
func (s *Session) openLoadBalancers(context.Context, []network.Node) error {
	pools := []netip.Prefix{loadBalancers}
	if s.options.DualStack {
		pools = append(pools, loadBalancers6)
	}
	c, err := loadbalancer.Start(s.ctx, loadbalancer.Config{
		ClientConfig: s.api.ClientConfig(), Informers: s.api.Informers(), Log: s.log,
		Pools: pools, Announce: s.network.Announce, Dial: s.network.Underlay().DialContext,
	})
	if err == nil {
		s.onClose(c.Close)
	}
	return err
}
