package network

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// Announce says by which nodes the client outside sends to each of the load
// balancers' addresses, and takes back all that was said before: the full resync.
// Of several nodes the kernel chooses by the connection's addresses and ports
// (ECMP), as routers do that such addresses are announced to by BGP. A node that is
// not there, or has no address of that family, counts when Set brings it. Empty or nil
// withdraws everything. On error Announce may be called again.
func (n *Network) Announce(ctx context.Context, addresses map[netip.Addr][]string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.ready(ctx); err != nil {
		return err
	}
	n.announced = make(map[netip.Addr][]string, len(addresses))
	for ip, nodes := range addresses {
		n.announced[ip.Unmap()] = slices.Clone(nodes)
	}
	if n.spaces[VertexClient] == nil {
		return nil // Set will do it
	}
	want := map[string]*furniture{VertexClient: furnish(n.site, n.layout(nil))[VertexClient]}
	have, err := n.observe([]string{VertexClient}, want, n.spaces)
	if err == nil {
		err = apply(diff(n.site, slices.Collect(maps.Keys(want)), want, have), n.spaces)
	}
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}
