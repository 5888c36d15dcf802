package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/pprof"
	"syscall"

	"go.opentelemetry.io/otel/attribute"
	"golang.org/x/sync/errgroup"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/apply"
	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/control"
	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/policy"
	"github.com/podhop/podhop/engine/proxy"
	"github.com/podhop/podhop/internal/nsexec"
	"github.com/podhop/podhop/internal/span"
)

// A birth is what a session is opened with.
type birth struct {
	id      string
	slot    int
	options model.SessionOptions // of a new one
	keeper  journal.Keeper       // where it is kept; nil: nowhere
	kept    *keptFile            // what one of a server before goes on from, or a fork
	fork    *fork                // what that has in the place of a journal
}

// open puts a session together, from the namespaces up. What has been made is
// unmade again if a later step fails.
func (e *Engine) open(ctx context.Context, b birth) (s *Session, err error) {
	s = &Session{id: b.id, engine: e, birth: b, slot: b.slot, changing: make(chan struct{}, 1)}
	s.log = s.failed.of(e.log.With("session", b.id))
	if s.asked, s.options = b.options, b.options; b.kept == nil {
		s.nodes = newNodes(nodesOf(b.options))
	} else {
		s.asked, s.options, s.nodes = b.kept.Asked, b.kept.Options, b.kept.machines()
	}
	// All goroutines that are begun here inherit the label, so that a profile says whose they are.
	whose := pprof.Labels("session", shorten(b.id))
	s.ctx, s.cancel = context.WithCancel(pprof.WithLabels(context.Background(), whose))
	ctx, of := span.Start(ctx, "open session", span.Session(b.id), attribute.Int("podhop.nodes", len(s.nodes.list())),
		attribute.String("podhop.cni", s.options.CNI), attribute.Bool("podhop.kept", b.kept != nil && b.fork == nil), attribute.Bool("podhop.fork", b.fork != nil))
	defer func() { span.End(of, err) }()
	defer func() {
		if err != nil {
			s.cancel()
			for i := len(s.undo) - 1; i >= 0; i-- {
				err = errors.Join(err, s.undo[i]())
			}
			err = errors.Join(err, s.dropJournal(b.isNew()))
			s.work.Wait()
			s = nil
		}
	}()
	pprof.Do(ctx, whose, func(ctx context.Context) { err = s.openParts(ctx) })
	return s, err
}

// openParts makes a session's parts, each of those before it.
func (s *Session) openParts(ctx context.Context) error {
	for _, step := range []struct {
		what string
		do   func(context.Context, []network.Node) error
	}{
		{"network", s.openNetwork},
		{"containers", s.openContainers},
		{"API", s.openAPI},
		{"metrics", s.openMetrics},
		{"control plane", s.openControlPlane},
		{"watching", s.openFeed},
		{"DNS", s.openDNS},
		{"the learner's machine", s.openDesk},
		{"Ingress", s.openIngress},
		{"controllers", s.openControls},
		{"kube-proxy", s.openProxies},
		{"network policies", s.openPolicies},
		{"load balancers", s.openLoadBalancers},
		{"nodes", s.openNodes},
	} {
		ctx, of := span.Start(ctx, "open "+step.what)
		err := step.do(ctx, s.nodes.on())
		span.End(of, err)
		if err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// nodesOf are the machines that a session begins with.
func nodesOf(o model.SessionOptions) []network.Node {
	nodes := make([]network.Node, o.Nodes)
	for i := range nodes {
		nodes[i] = nodeAt(i+1, o.DualStack)
	}
	return nodes
}

// nodeAt is the i'th machine, from 1.
func nodeAt(i int, dualStack bool) network.Node {
	n := network.Node{
		Name:    fmt.Sprintf("node-%d", i),
		IP:      netip.AddrFrom4([4]byte{172, 18, 0, byte(10 + i)}),
		PodCIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(i), 0}), 24),
	}
	if dualStack {
		n.IP6 = netip.MustParseAddr(fmt.Sprintf("fd00:172:18::%d", 10+i))
		n.PodCIDR6 = netip.MustParsePrefix(fmt.Sprintf("fd00:10:244:%d::/64", i))
	}
	return n
}

// clientIP is the address of the client outside of the cluster, clientIP6 its second
// in a dual-stack session.
var (
	clientIP  = netip.AddrFrom4([4]byte{172, 18, 0, 100})
	clientIP6 = netip.MustParseAddr("fd00:172:18::100")
)

func (s *Session) openNetwork(ctx context.Context, _ []network.Node) (err error) {
	if s.users, err = nsexec.NewBoundedUserNS(s.engine.slots.ids(s.slot), sessionBounds()); err != nil {
		return err
	}
	s.onClose(s.users.Close)
	if s.network, err = network.Open(network.Config{Users: s.users, NoSysctl: !s.engine.cfg.World.Sysctl, Log: s.log}); err != nil {
		return err
	}
	s.onClose(s.network.Close)
	s.pods = newPods(s.users, s.network, s.log)
	return s.pods.set(ctx, s.desired())
}

// sessionBounds are an eighth of what the server's user has, and more processes than a session's
// cgroup lets there be: that says so by itself.
func sessionBounds() nsexec.Bounds {
	b := nsexec.ShareOf(8)
	b.Processes = 2000
	return b
}

// desired is the network as it should be now, but for its pods.
func (s *Session) desired() network.Desired {
	o := s.Info().Options
	d := network.Desired{CNI: network.CNI(o.CNI), Nodes: s.nodes.on(), ClientIP: clientIP, ControlPlane: apiServer.Addr(), Faults: networkFaults(s.faultList())}
	if o.DualStack {
		d.ClientIP6 = clientIP6
	}
	return d
}

func (s *Session) openContainers(context.Context, []network.Node) (err error) {
	s.containers, err = s.engine.containers.OpenSession(container.SessionConfig{
		ID: s.id, UserNS: s.users, UIDBase: s.users.Maps()[0].Outer, Limits: s.engine.cfg.share(),
		OnForbidden: s.forbidden,
	})
	if err == nil {
		s.onClose(s.containers.Close)
	}
	return err
}

func (s *Session) openAPI(ctx context.Context, nodes []network.Node) (err error) {
	o := api.Options{ID: s.id, Nodes: s.engine.nodeObjects(nodes), DualStack: s.options.DualStack}
	o.Restored, err = s.birth.restored(ctx, func(cut int) {
		s.log.Warn("the end of the session's journal was not whole, and is cut off", "bytes", cut)
	})
	if err != nil {
		return err
	}
	if s.birth.keeper != nil {
		o.Journal = s.keep
	}
	s.api, err = s.engine.api.Open(ctx, o)
	if err != nil {
		return err
	}
	s.onClose(func() error { s.api.Close(); return nil })
	s.api.SetNodeTransport(s.dialKubelet)
	s.api.SetPodDialer(s.dialPod)
	s.applier, err = apply.New(apply.Config{REST: s.api.LearnerConfig(), Log: s.log})
	return err
}

func (s *Session) openControls(_ context.Context, _ []network.Node) (err error) {
	authority := s.api.ClientAuthority()
	s.controls, err = control.Start(s.ctx, control.Config{
		ClientConfig: s.api.ClientConfig(), Informers: s.api.Informers(), Presence: s.api.Presence(),
		Tokens: s.api.Tokens(), RootCA: s.engine.cfg.RootCA, Logger: s.log,
		SigningCertificate: authority.Certificate, SigningKey: authority.Key,
		Also: []control.Controller{s.provisioner()},
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
	for _, m := range s.nodes.list() {
		if on, _ := s.nodes.state(m); !on {
			continue
		}
		p := &power{}
		if p.proxy, err = s.startProxy(ctx, m.Node); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		m.power.Store(p)
	}
	return nil
}

func (s *Session) startProxy(ctx context.Context, n network.Node) (*proxy.Proxy, error) {
	return s.proxies.Start(ctx, proxy.Node{
		Name: n.Name, IP: n.IP, PodCIDR: n.PodCIDR, IP6: n.IP6, PodCIDR6: n.PodCIDR6, NS: s.network.Node(n.Name),
	})
}

func (s *Session) openPolicies(context.Context, []network.Node) (err error) {
	s.policies, err = policy.Start(s.ctx, policy.Config{
		Informers: s.api.Informers(), Addresses: s.pods.addresses, Log: s.log, Nodes: s.policyNodes(),
		OnSync: func(node string) { s.tracer.RulesChanged(network.NodeVertex(node)) },
	})
	if err != nil {
		return err
	}
	s.onClose(s.policies.Close)
	s.pods.ready = s.policies.Ready
	s.pods.ruled = func(node string) { s.tracer.RulesChanged(network.NodeVertex(node)) }
	draw := s.pods.changed
	s.pods.changed = func() { draw(); s.policies.Touch() }
	return nil
}

// policyNodes are the namespaces that policies are to hold in.
func (s *Session) policyNodes() (nodes []policy.Node) {
	for _, n := range s.nodes.on() {
		nodes = append(nodes, policy.Node{Name: n.Name, NS: s.network.Node(n.Name)})
	}
	return nodes
}

func (s *Session) openNodes(ctx context.Context, _ []network.Node) error {
	s.onClose(s.closeNodes)
	if s.birth.kept != nil {
		if err := s.leaveLogs(ctx); err != nil {
			return fmt.Errorf("logs: %w", err)
		}
	}
	for _, m := range s.nodes.list() {
		if m.power.Load() == nil {
			continue // it is off
		}
		if err := s.startKubelet(ctx, m); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	return s.openVolumes()
}

// closeNodes waits for a change that is under way, and lets none begin any more:
// the session's context is over.
func (s *Session) closeNodes() error {
	s.changing <- struct{}{}
	defer func() { <-s.changing }()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var g errgroup.Group
	for _, m := range s.nodes.list() {
		g.Go(func() error { return m.stop(ctx) })
	}
	return g.Wait()
}

// dialKubelet connects the API server to a node's kubelet.
func (s *Session) dialKubelet(ctx context.Context, name string) (net.Conn, error) {
	m := s.nodes.find(name)
	if m == nil {
		return nil, fmt.Errorf("node %s: %w", name, network.ErrNoNode)
	}
	at := net.TCPAddrFromAddrPort(netip.AddrPortFrom(m.IP, 10250))
	if p := m.power.Load(); p != nil {
		if kubelet := p.kubelet.Load(); kubelet != nil {
			return m.gate.dial(ctx, at, func() (net.Conn, error) { return kubelet.Dial(ctx, "tcp", name) })
		}
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: syscall.EHOSTUNREACH}
}

// dialPod connects the API server to a pod or Service, from the network of the
// first node that is on and not cut off, which is where a control plane stands that reaches pods.
func (s *Session) dialPod(ctx context.Context, proto, address string) (net.Conn, error) {
	for _, n := range s.nodes.on() {
		if ns := s.network.Node(n.Name); ns != nil && !n.Down {
			return ns.DialContext(ctx, proto, address)
		}
	}
	return nil, &net.OpError{Op: "dial", Net: proto, Err: syscall.ENETUNREACH}
}
