package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/apply"
	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/control"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/policy"
	"github.com/podhop/podhop/engine/proxy"
	"github.com/podhop/podhop/internal/nsexec"
)

// open puts a session together, from the namespaces up. What has been made is
// unmade again if a later step fails.
func (e *Engine) open(ctx context.Context, id string, slot int, o model.SessionOptions) (s *Session, err error) {
	s = &Session{id: id, engine: e, slot: slot, log: e.log.With("session", id), options: o, nodes: nodesOf(o)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			s.cancel()
			for i := len(s.undo) - 1; i >= 0; i-- {
				err = errors.Join(err, s.undo[i]())
			}
			s.work.Wait()
		}
	}()
	for _, step := range []struct {
		what string
		do   func(context.Context, []network.Node) error
	}{
		{"network", s.openNetwork},
		{"containers", s.openContainers},
		{"API", s.openAPI},
		{"control plane", s.openControlPlane},
		{"watching", s.openFeed},
		{"DNS", s.openDNS},
		{"controllers", s.openControls},
		{"kube-proxy", s.openProxies},
		{"network policies", s.openPolicies},
		{"load balancers", s.openLoadBalancers},
		{"nodes", s.openNodes},
	} {
		if err := step.do(ctx, s.nodes); err != nil {
			return nil, fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return s, nil
}

// maxNodes is how many machines a session may have.
const maxNodes = 5

// options fills in what is not said, and checks what is.
func (e *Engine) options(o model.SessionOptions) (model.SessionOptions, error) {
	o.Nodes, o.CNI = cmp.Or(o.Nodes, e.cfg.Nodes), cmp.Or(o.CNI, string(network.Routed))
	switch {
	case o.Nodes < 1 || o.Nodes > maxNodes:
		return o, fmt.Errorf("%w: nodes %d: must be between 1 and %d", model.ErrInvalid, o.Nodes, maxNodes)
	case !slices.Contains(network.CNIs(), network.CNI(o.CNI)):
		return o, fmt.Errorf("%w: cni %q: must be one of %v", model.ErrInvalid, o.CNI, network.CNIs())
	}
	return o, nil
}

// nodesOf are the machines that a session begins with.
func nodesOf(o model.SessionOptions) []network.Node {
	nodes := make([]network.Node, o.Nodes)
	for i := range nodes {
		nodes[i] = network.Node{
			Name:    fmt.Sprintf("node-%d", i+1),
			IP:      netip.AddrFrom4([4]byte{172, 18, 0, byte(11 + i)}),
			PodCIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(1 + i), 0}), 24),
		}
		if o.DualStack {
			nodes[i].IP6 = netip.MustParseAddr(fmt.Sprintf("fd00:172:18::%d", 11+i))
			nodes[i].PodCIDR6 = netip.MustParsePrefix(fmt.Sprintf("fd00:10:244:%d::/64", 1+i))
		}
	}
	return nodes
}

// clientIP is the address of the client outside of the cluster, clientIP6 its second
// in a dual-stack session.
var (
	clientIP  = netip.AddrFrom4([4]byte{172, 18, 0, 100})
	clientIP6 = netip.MustParseAddr("fd00:172:18::100")
)

func (s *Session) openNetwork(ctx context.Context, nodes []network.Node) (err error) {
	if s.users, err = nsexec.NewUserNS(s.engine.slots.ids(s.slot)); err != nil {
		return err
	}
	s.onClose(s.users.Close)
	if s.network, err = network.Open(network.Config{NoSysctl: !s.engine.cfg.World.Sysctl, Log: s.log}); err != nil {
		return err
	}
	s.onClose(s.network.Close)
	s.pods = newPods(s.users, s.network)
	desired := network.Desired{CNI: network.CNI(s.options.CNI), Nodes: nodes, ClientIP: clientIP, ControlPlane: apiServer.Addr()}
	if s.options.DualStack {
		desired.ClientIP6 = clientIP6
	}
	return s.network.Set(ctx, desired)
}

func (s *Session) openContainers(context.Context, []network.Node) (err error) {
	s.containers, err = s.engine.containers.OpenSession(container.SessionConfig{
		ID: s.id, UserNS: s.users, UIDBase: s.users.Maps()[0].Outer,
	})
	if err == nil {
		s.onClose(s.containers.Close)
	}
	return err
}

func (s *Session) openAPI(ctx context.Context, nodes []network.Node) (err error) {
	s.api, err = s.engine.api.Open(ctx, api.Options{ID: s.id, Nodes: s.engine.nodeObjects(nodes), DualStack: s.options.DualStack})
	if err != nil {
		return err
	}
	s.onClose(func() error { s.api.Close(); return nil })
	s.api.SetNodeTransport(s.dialKubelet)
	s.api.SetPodDialer(s.dialPod)
	s.applier, err = apply.New(apply.Config{REST: s.api.ClientConfig(), Log: s.log})
	return err
}

func (s *Session) openControls(_ context.Context, _ []network.Node) (err error) {
	s.controls, err = control.Start(s.ctx, control.Config{
		ClientConfig: s.api.ClientConfig(), Informers: s.api.Informers(), Presence: s.api.Presence(),
		Tokens: s.api.Tokens(), RootCA: s.engine.cfg.RootCA, Logger: s.log,
	})
	if err == nil {
		s.onClose(func() error { s.controls.Stop(); return nil })
	}
	return err
}

func (s *Session) openProxies(ctx context.Context, nodes []network.Node) (err error) {
	s.proxies, err = proxy.Open(s.ctx, proxy.Config{
		Informers: s.api.Informers(), Log: s.log,
		OnSync: func(done proxy.Sync) { s.tracer.RulesChanged(network.NodeVertex(done.Node)) },
	})
	if err != nil {
		return err
	}
	s.onClose(s.proxies.Close)
	for _, n := range nodes {
		_, err := s.proxies.Start(ctx, proxy.Node{
			Name: n.Name, IP: n.IP, PodCIDR: n.PodCIDR, IP6: n.IP6, PodCIDR6: n.PodCIDR6, NS: s.network.Node(n.Name),
		})
		if err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
	}
	return nil
}

func (s *Session) openPolicies(_ context.Context, nodes []network.Node) (err error) {
	cfg := policy.Config{
		Informers: s.api.Informers(), Addresses: s.pods.addresses, Log: s.log,
		OnSync: func(node string) { s.tracer.RulesChanged(network.NodeVertex(node)) },
	}
	for _, n := range nodes {
		cfg.Nodes = append(cfg.Nodes, policy.Node{Name: n.Name, NS: s.network.Node(n.Name)})
	}
	if s.policies, err = policy.Start(s.ctx, cfg); err != nil {
		return err
	}
	s.onClose(s.policies.Close)
	s.pods.ready = s.policies.Ready
	draw := s.pods.changed
	s.pods.changed = func() { draw(); s.policies.Touch() }
	return nil
}

func (s *Session) openNodes(ctx context.Context, nodes []network.Node) error {
	for _, n := range nodes {
		m, err := s.startMachine(ctx, n)
		if err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		s.machines = append(s.machines, m)
	}
	return nil
}

// dialKubelet connects the API server to a node's kubelet.
func (s *Session) dialKubelet(ctx context.Context, name string) (net.Conn, error) {
	for _, m := range s.machines {
		if m.name == name {
			return m.kubelet.Dial(ctx, "tcp", name)
		}
	}
	return nil, fmt.Errorf("node %s: %w", name, network.ErrNoNode)
}

// dialPod connects the API server to a pod or Service, from the first node's
// network, which is where a control plane stands that reaches pods.
func (s *Session) dialPod(ctx context.Context, proto, address string) (net.Conn, error) {
	return s.network.Node("node-1").DialContext(ctx, proto, address)
}
