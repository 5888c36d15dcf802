package engine

import (
	"context"
	"net/netip"

	"github.com/podhop/podhop/engine/loadbalancer"
	"github.com/podhop/podhop/engine/network"
)

// loadBalancers are the addresses that Services of type LoadBalancer get (RFC 5737's
// documentation addresses: nobody has them).
var loadBalancers = netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, 0}), 24)

// openLoadBalancers gives Services of type LoadBalancer addresses that the client
// reaches. Nodes are asked for their health from the network between them.
func (s *Session) openLoadBalancers(context.Context, []network.Node) error {
	c, err := loadbalancer.Start(s.ctx, loadbalancer.Config{
		ClientConfig: s.api.ClientConfig(), Informers: s.api.Informers(), Log: s.log,
		Pools:    []netip.Prefix{loadBalancers},
		Announce: s.network.Announce, Dial: s.network.Underlay().DialContext,
	})
	if err == nil {
		s.onClose(c.Close)
	}
	return err
}
