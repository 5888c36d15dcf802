package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/podhop/podhop/internal/nsexec"
)

// Config is what a session's network is made from; the zero value is a session's own.
type Config struct {
	// ClusterCIDR holds every node's pod CIDR; 10.244.0.0/16 if zero.
	ClusterCIDR netip.Prefix
	// Underlay is the bridge's address and the length of its prefix; 172.18.0.1/24 if zero.
	Underlay netip.Prefix
	// NoSysctl says that /proc/sys is read-only: forwarding is then set through
	// netlink, one device at a time.
	NoSysctl bool
	Log      *slog.Logger // slog.Default() if nil
}

func (cfg Config) withDefaults() Config {
	if !cfg.ClusterCIDR.IsValid() {
		cfg.ClusterCIDR = netip.MustParsePrefix("10.244.0.0/16")
	}
	if !cfg.Underlay.IsValid() {
		cfg.Underlay = netip.MustParsePrefix("172.18.0.1/24")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return cfg
}

// A Network is one session's. All methods are safe for concurrent use.
type Network struct {
	cluster netip.Prefix
	site    site
	log     *slog.Logger

	mu     sync.Mutex // held while changing, so that changes come one after another
	closed bool
	// desired is what Set was last told, but for pods; announced what Announce was.
	desired   Desired
	announced map[netip.Addr][]string
	spaces    map[string]*space // underlay, client and nodes, by vertex
	ipams     map[string]*ipam  // by node
	next      map[string]int    // the next host index, by node
	pods      map[string]*pod   // by id
}

type pod struct {
	placed
	attachment Attachment
	wiring     []string
}

// Open makes the namespaces of the underlay and the client; Set does the rest.
func Open(cfg Config) (*Network, error) {
	cfg = cfg.withDefaults()
	n := &Network{
		cluster: cfg.ClusterCIDR, log: cfg.Log,
		site:   site{underlay: cfg.Underlay, noSysctl: cfg.NoSysctl},
		spaces: map[string]*space{}, ipams: map[string]*ipam{}, next: map[string]int{}, pods: map[string]*pod{},
	}
	under, err := n.newSpace(false)
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
		return err
	}); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Network) newSpace(node bool) (*space, error) {
	ns, err := nsexec.NewNetNS()
	if err != nil {
		return nil, err
	}
	s := &space{ns: ns}
	err = ns.Do(func() error {
		if err := s.open(node); err != nil || !node {
			return err
		}
		return nodeRules(n.cluster)
	})
	if err != nil {
		s.close()
		return nil, errors.Join(err, ns.Close())
	}
	return s, nil
}

// Set makes the network what d says, whatever it was: the full resync. Pods that
// d does not name are detached, nodes that it does not name are closed with all
// that is on them. On error what could be done has been done, and Set may be called again.
func (n *Network) Set(ctx context.Context, d Desired) error {
	_, err := n.set(ctx, d)
	return err
}

func (n *Network) set(ctx context.Context, d Desired) ([]op, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.ready(ctx); err != nil {
		return nil, err
	}
	fresh, err := n.setNodes(d)
	if err != nil {
		return nil, err
	}
	if err := n.setPods(d); err != nil {
		return nil, err
	}
	spaces := map[string]*space{}
	for v, s := range n.spaces {
		spaces[v] = s
	}
	vertices := []string{VertexUnderlay, VertexClient}
	for _, node := range d.Nodes {
		vertices = append(vertices, NodeVertex(node.Name))
	}
	var pods []placed
	for _, p := range d.Pods {
		pods = append(pods, n.pods[p.ID].placed)
		v := PodVertex(p.Name)
		if spaces[v] != nil {
			return nil, fmt.Errorf("two pods are named %s", p.Name)
		}
		s := &space{ns: p.NS}
		defer s.close()
		spaces[v] = s
		vertices = append(vertices, v)
	}
	want := furnish(n.site, n.layout(pods))
	have, err := n.observe(slices.DeleteFunc(slices.Clone(vertices), func(v string) bool { return fresh[v] }), want, spaces)
	if err != nil {
		return nil, err
	}
	ops := diff(n.site, vertices, want, have)
	if err := apply(ops, spaces); err != nil {
		return ops, err
	}
	for _, p := range d.Pods {
		n.noteWiring(n.pods[p.ID], ops)
	}
	return ops, nil
}

func (n *Network) layout(pods []placed) layout {
	return layout{Desired: n.desired, pods: pods, announced: n.announced}
}

// observe looks at what is in some of the namespaces.
func (n *Network) observe(vertices []string, want map[string]*furniture, spaces map[string]*space) (map[string]*furniture, error) {
	have := map[string]*furniture{}
	for _, v := range vertices {
		node := n.spaces[v] != nil && n.spaces[v].nf != nil
		if err := spaces[v].ns.Do(func() (err error) {
			have[v], err = observe(want[v], node)
			return err
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", v, err)
		}
	}
	return have, nil
}

// setNodes opens and closes nodes' namespaces, and returns those that are new.
func (n *Network) setNodes(d Desired) (map[string]bool, error) {
	fresh := map[string]bool{}
	wanted := map[string]bool{VertexUnderlay: true, VertexClient: true}
	for _, node := range d.Nodes {
		wanted[NodeVertex(node.Name)] = true
	}
	for v := range wanted {
		if n.spaces[v] == nil {
			fresh[v] = true
		}
	}
	if !n.desired.ClientIP.IsValid() {
		fresh[VertexUnderlay] = true // nothing was ever put into it
	}
	for v, s := range n.spaces {
		if !wanted[v] {
			s.close()
			s.ns.Close()
			delete(n.spaces, v)
			delete(n.ipams, strings.TrimPrefix(v, "node/"))
		}
	}
	for id, p := range n.pods {
		if !wanted[NodeVertex(p.Node)] {
			delete(n.pods, id)
		}
	}
	var mu sync.Mutex
	var g errgroup.Group
	for v := range fresh {
		if v == VertexUnderlay {
			continue
		}
		g.Go(func() error {
			s, err := n.newSpace(v != VertexClient)
			if err != nil {
				return fmt.Errorf("%s: %w", v, err)
			}
			mu.Lock()
			defer mu.Unlock()
			n.spaces[v] = s
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, node := range d.Nodes {
		if m := n.ipams[node.Name]; m == nil || m.prefix != node.PodCIDR.Masked() {
			n.ipams[node.Name], n.next[node.Name] = newIPAM(node.PodCIDR), podIndexes
		}
	}
	n.desired = d
	n.desired.Nodes, n.desired.Pods = slices.Clone(d.Nodes), nil
	return fresh, nil
}

// setPods places new pods and forgets those that are no longer desired, whose rests
// the planner will find.
func (n *Network) setPods(d Desired) error {
	wanted := map[string]bool{}
	for _, p := range d.Pods {
		wanted[p.ID] = true
	}
	for id, p := range n.pods {
		if !wanted[id] {
			n.remove(p)
		}
	}
	for _, p := range d.Pods {
		if _, err := n.place(p); err != nil {
			return fmt.Errorf("pod %s: %w", p.Name, err)
		}
	}
	return nil
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
	var errs []error
	for _, s := range n.spaces {
		s.close()
		errs = append(errs, s.ns.Close())
	}
	clear(n.spaces)
	clear(n.pods)
	return errors.Join(errs...)
}
