package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/podhop/podhop/internal/nsexec"
)

// Config is what a session's network is made from; the zero value is a session's own.
type Config struct {
	// Users, if set, owns the namespaces of nodes and client: root of a container that
	// is let into one may change it. The underlay is the server's own.
	Users *nsexec.UserNS
	// ClusterCIDR and ClusterCIDR6 hold every node's pod CIDRs; 10.244.0.0/16 and
	// fd00:10:244::/48 if zero.
	ClusterCIDR, ClusterCIDR6 netip.Prefix
	// Underlay and Underlay6 are the bridge's addresses and the lengths of their
	// prefixes; 172.18.0.1/24 and fd00:172:18::1/64 if zero.
	Underlay, Underlay6 netip.Prefix
	// NoSysctl says that /proc/sys is read-only: forwarding is then set through
	// netlink, one device at a time.
	NoSysctl bool
	// NoBridgeFilter has pods of one bridge reach each other by way of their node,
	// as where the kernel has no br_netfilter.
	NoBridgeFilter bool
	Log            *slog.Logger // slog.Default() if nil
}

func (cfg Config) withDefaults() Config {
	for p, standard := range map[*netip.Prefix]string{
		&cfg.ClusterCIDR: "10.244.0.0/16", &cfg.ClusterCIDR6: "fd00:10:244::/48", &cfg.Underlay: "172.18.0.1/24", &cfg.Underlay6: "fd00:172:18::1/64",
	} {
		if !p.IsValid() {
			*p = netip.MustParsePrefix(standard)
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return cfg
}

// A Network is one session's. All methods are safe for concurrent use.
type Network struct {
	site  site
	users *nsexec.UserNS
	log   *slog.Logger

	mu     sync.Mutex // held while changing, so that changes come one after another
	closed bool
	// desired is what Set was last told, but for pods; announced what Announce was.
	desired   Desired
	announced map[netip.Addr][]string
	spaces    map[string]*space   // underlay, client and nodes, by vertex
	ipams     map[string][2]*ipam // by node; of IPv4 and, in a dual-stack session, IPv6
	next      map[string]int      // the next host index, by node
	pods      map[string]*pod     // by id
	holders   map[holderKey]*holder
	faulty    bool // there were faults when last looked
}

type pod struct{ placed }

// Open makes the namespaces of the underlay and the client; Set does the rest.
func Open(cfg Config) (*Network, error) {
	cfg = cfg.withDefaults()
	n := &Network{
		log: cfg.Log, users: cfg.Users,
		site:   site{cluster: clusters{cfg.ClusterCIDR, cfg.ClusterCIDR6}, underlay: cfg.Underlay, underlay6: cfg.Underlay6, noSysctl: cfg.NoSysctl, noFilter: cfg.NoBridgeFilter},
		spaces: map[string]*space{}, ipams: map[string][2]*ipam{}, next: map[string]int{}, pods: map[string]*pod{}, holders: map[holderKey]*holder{},
	}
	under, err := n.newSpace(nsexec.NewNetNS, false, false)
	if err != nil {
		return nil, fmt.Errorf("underlay: %w", err)
	}
	n.spaces[VertexUnderlay] = under
	// All new namespaces are alike; some kernels put tunnel devices into each.
	if err := under.ns.Do(func() error {
		devs, err := net.Interfaces()
		for _, d := range devs {
			n.site.eth0 = max(n.site.eth0, d.Index+1)
		}
		if _, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables"); err != nil {
			n.site.noFilter = true
		}
		return err
	}); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// newNS makes a namespace for a node or the client.
func (n *Network) newNS() (*nsexec.NetNS, error) {
	if n.users == nil {
		return nsexec.NewNetNS()
	}
	return nsexec.NewNetNSOf(n.users)
}

func (n *Network) newSpace(newNS func() (*nsexec.NetNS, error), node, dual bool) (*space, error) {
	ns, err := newNS()
	if err != nil {
		return nil, err
	}
	s := &space{ns: ns}
	err = ns.Do(func() error {
		if err := s.open(node); err != nil || !node {
			return err
		}
		of := n.site.cluster
		if !dual {
			of[v6] = netip.Prefix{}
		}
		return nodeRules(of)
	})
	if err != nil {
		s.close()
		return nil, errors.Join(err, ns.Close())
	}
	return s, nil
}

func (n *Network) ready(ctx context.Context) error {
	if n.closed {
		return ErrClosed
	}
	return ctx.Err()
}

// Close gives up every namespace of the network's own; the kernel takes them apart.
// Pods' namespaces stay their owners'.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	n.closed = true
	for _, h := range n.holders {
		h.close()
	}
	clear(n.holders)
	var errs []error
	for _, s := range n.spaces {
		s.close()
		errs = append(errs, s.ns.Close())
	}
	clear(n.spaces)
	clear(n.pods)
	return errors.Join(errs...)
}
