package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
)

// reachTimeout is how long one address is tried.
const reachTimeout = 5 * time.Second

// hosts are the names that scenarios of Killercoda have for their machines.
var hosts = regexp.MustCompile(`^host([1-9])$`)

// loopback is where the learner's own programs listen.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Reach connects to a TCP port of the session from the learner's machine, as a browser
// there would. host is client, which is that machine itself, the name of a node, an address, a
// name that an Ingress or a Gateway has an address for, or hostN, the Nth node: there is
// nobody at host1 where node 1 has nobody and the learner's machine neither.
//
// The connection ends with the session. Reach fails with model.ErrNotFound if there is no
// such host, else as net.Dialer does.
func (s *Session) Reach(ctx context.Context, host string, port uint16) (net.Conn, error) {
	addresses, err := s.hostOf(host)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, ip := range addresses {
		within, cancel := context.WithTimeout(ctx, reachTimeout)
		c, err := s.network.Client().DialContext(within, "tcp", netip.AddrPortFrom(ip, port).String())
		cancel()
		if err == nil {
			return &reached{Conn: c, forget: context.AfterFunc(s.ctx, func() { _ = c.Close() })}, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// hostOf are the addresses to try, in their order.
func (s *Session) hostOf(host string) ([]netip.Addr, error) {
	if host == network.VertexClient {
		return []netip.Addr{loopback}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
		return []netip.Addr{ip}, nil
	}
	if m := s.nodes.find(host); m != nil {
		if s.network.Node(host) == nil {
			return nil, fmt.Errorf("%w: node %s is switched off", model.ErrNotFound, host)
		}
		return []netip.Addr{m.IP}, nil
	}
	if n := hosts.FindStringSubmatch(host); n != nil {
		i, _ := strconv.Atoi(n[1])
		on := s.nodes.on()
		switch {
		case i == 1 && len(on) > 0:
			return []netip.Addr{on[0].IP, loopback}, nil
		case i <= len(on):
			return []netip.Addr{on[i-1].IP}, nil
		}
		return nil, fmt.Errorf("%w: %s would be node %d, and there are %s", model.ErrNotFound, host, i, s.nodes.names())
	}
	ip, _, err := s.lookupOutside(host)
	if err != nil {
		return nil, fmt.Errorf("%w: there is no host %s: it is neither client nor an address, nor one of %s, nor a name that an Ingress or Gateway has an address for", model.ErrNotFound, host, s.nodes.names())
	}
	return []netip.Addr{ip}, nil
}

// reached is a connection that the session ends if nobody else does.
type reached struct {
	net.Conn
	forget func() bool
}

func (c *reached) Close() error {
	c.forget()
	return c.Conn.Close()
}
