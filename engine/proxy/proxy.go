package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	kubefeatures "k8s.io/kubernetes/pkg/features"
	kubeproxyconfig "k8s.io/kubernetes/pkg/proxy/apis/config"
	"k8s.io/kubernetes/pkg/proxy/healthcheck"
	kubeproxy "k8s.io/kubernetes/pkg/proxy/nftables"
	proxyutil "k8s.io/kubernetes/pkg/proxy/util"

	"github.com/podhop/podhop/internal/nsexec"
)

const (
	// gather is how long a sync waits for the events that follow a first one: a
	// Service and its EndpointSlice come together.
	gather = 2 * time.Millisecond
	// retry is how long a failed sync is left alone.
	retry = time.Second
	// masqueradeBit is upstream's default (KubeProxyNFTablesConfiguration).
	masqueradeBit = 14
)

// A Node is where one kube-proxy runs.
type Node struct {
	Name    string
	IP      netip.Addr
	PodCIDR netip.Prefix
	// IP6 and PodCIDR6 are the same once more, of IPv6, in a dual-stack session only.
	IP6      netip.Addr
	PodCIDR6 netip.Prefix
	NS       *nsexec.NetNS
}

// A Proxy is kube-proxy on one node: of one family of addresses, with another of the
// other where the node has both. Upstream makes one of two, too (metaproxier), but
// has them write one after the other, whatever the change was about. That of IPv6
// begins with the first Service that has an address of it.
type Proxy struct {
	cfg     Node // IP and PodCIDR of the family
	family  v1.IPFamily
	six     *Proxy // of IPv6; nil on single-stack nodes
	all     *Proxies
	log     *slog.Logger
	proxier *kubeproxy.Proxier // nil until it is ready for events; written under all.mu
	health  *healthcheck.ProxyHealthServer
	cancel  context.CancelFunc
	ctx     context.Context
	stopped chan struct{}
	awake   chan struct{} // closed once the family is used; closed under all.mu

	dirty chan struct{} // holds one token while there is something to write

	mu         sync.Mutex
	wanted     uint64 // counts events
	since      time.Time
	done       uint64 // of them, how many the rules answer
	generation uint64
	changed    chan struct{} // closed and made anew when done grows
	failed     error         // why there will be no rules
}

// programs bounds how many `nft` run at once in this process: they need nothing but
// processors, and hundreds of nodes share those.
var programs = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// exec runs fn, which starts `nft`, in the node's namespace.
func (n *Proxy) exec(fn func() error) error {
	select {
	case programs <- struct{}{}:
		defer func() { <-programs }()
		return n.cfg.NS.Do(fn)
	case <-n.ctx.Done():
		return ErrStopped
	}
}

var netlinkOnce sync.Once

// useNetlink has upstream list chains and sets itself instead of asking `nft`,
// which saves two of the three programs that each sync would start. The gate is
// upstream's, and the process'.
func useNetlink() {
	netlinkOnce.Do(func() {
		_ = utilfeature.DefaultMutableFeatureGate.Set(string(kubefeatures.NFTablesNetlink) + "=true")
	})
}

func newProxy(p *Proxies, cfg Node) *Proxy {
	health := healthcheck.NewProxyHealthServer("", time.Minute, self{cfg})
	of := func(family v1.IPFamily, cfg Node) *Proxy {
		ctx, cancel := context.WithCancel(p.ctx)
		return &Proxy{
			cfg: cfg, family: family, all: p, log: p.log.With("node", cfg.Name, "family", family),
			ctx: ctx, cancel: cancel, health: health,
			stopped: make(chan struct{}), awake: make(chan struct{}), dirty: make(chan struct{}, 1), changed: make(chan struct{}),
		}
	}
	n := of(v1.IPv4Protocol, cfg)
	n.wake()
	if cfg.IP6.IsValid() {
		cfg.IP, cfg.PodCIDR = cfg.IP6, cfg.PodCIDR6
		n.six = of(v1.IPv6Protocol, cfg)
	}
	return n
}

// wake has it begin, the first time; all.mu must be held, once others know of it.
func (n *Proxy) wake() {
	if !n.isAwake() {
		close(n.awake)
	}
}

func (n *Proxy) isAwake() bool {
	select {
	case <-n.awake:
		return true
	default:
		return false
	}
}

// families are the node's Proxies, the first of IPv4.
func (n *Proxy) families() []*Proxy {
	if n.six == nil {
		return []*Proxy{n}
	}
	return []*Proxy{n, n.six}
}

// prepare makes upstream's proxier and lets it see events.
func (n *Proxy) prepare() error {
	conf := &kubeproxyconfig.KubeProxyConfiguration{
		// As upstream's server resolves the default, "primary".
		NodePortAddresses: []string{netip.PrefixFrom(n.cfg.IP, n.cfg.IP.BitLen()).String()},
		// Both matter to SyncLoop only.
		SyncPeriod:    metav1.Duration{Duration: retry},
		MinSyncPeriod: metav1.Duration{Duration: gather},
	}
	bit := int32(masqueradeBit)
	conf.NFTables.MasqueradeBit = &bit
	var proxier *kubeproxy.Proxier
	err := n.exec(func() (err error) {
		proxier, err = kubeproxy.NewProxier(n.ctx, conf, n.family, proxyutil.NewDetectLocalByCIDR(n.cfg.PodCIDR.String()),
			n.cfg.Name, n.cfg.IP.AsSlice(), n.all.cfg.Recorder, n.health, false)
		return err
	})
	if err != nil {
		return fmt.Errorf("kube-proxy on %s: %w", n.cfg.Name, err)
	}
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	n.proxier = proxier
	n.all.replay(n)
	if n.all.synced {
		n.mark()
	}
	return nil
}

// self is the little that upstream's health server asks of a node.
type self struct{ node Node }

func (s self) Node() *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: s.node.Name}}
}

// labels are the Node object's; its zone and name steer Services with a
// trafficDistribution.
func (n *Proxy) labels() map[string]string {
	node, err := n.all.cfg.Informers.Core().V1().Nodes().Lister().Get(n.cfg.Name)
	if err != nil {
		return nil
	}
	return node.Labels
}

// mark says that there is something to write.
func (n *Proxy) mark() {
	n.mu.Lock()
	if n.wanted == n.done {
		n.since = time.Now()
	}
	n.wanted++
	n.mu.Unlock()
	select {
	case n.dirty <- struct{}{}:
	default:
	}
}

func (n *Proxy) run() {
	defer close(n.stopped)
	select {
	case <-n.awake:
	case <-n.ctx.Done():
		return
	}
	if err := n.prepare(); err != nil {
		if n.ctx.Err() == nil {
			n.log.Error("no kube-proxy", "err", err)
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.failed = err
		close(n.changed)
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	if !timer.Stop() {
		<-timer.C
	}
	for {
		select {
		case <-n.ctx.Done():
			n.closeHealthChecks()
			return
		case <-n.dirty:
		}
		timer.Reset(gather)
		select {
		case <-n.ctx.Done():
		case <-timer.C:
			if !n.sync() && n.ctx.Err() == nil {
				time.AfterFunc(retry, n.mark)
			}
		}
	}
}

// sync writes the rules for all events so far.
func (n *Proxy) sync() bool {
	n.mu.Lock()
	wanted, since := n.wanted, n.since
	n.since = time.Now() // for events that come from now on
	n.mu.Unlock()
	start := time.Now()
	if err := n.exec(n.write); err != nil || !n.health.Health().Status[n.family].LastUpdated.After(start) {
		if n.ctx.Err() == nil {
			n.log.Error("kube-proxy could not write its rules", "err", err, "retry", retry)
		}
		return false
	}
	n.mu.Lock()
	n.done = wanted
	n.generation++
	s := Sync{Node: n.cfg.Name, Family: n.family, Generation: n.generation, Took: time.Since(since)}
	close(n.changed)
	n.changed = make(chan struct{})
	n.mu.Unlock()
	if f := n.all.cfg.OnSync; f != nil {
		f(s)
	}
	return true
}

func (n *Proxy) write() error {
	if n.writings() == 0 {
		n.proxier.OnServiceSynced()
	}
	n.proxier.OnEndpointSlicesSynced() // syncs unconditionally
	return nil
}

// writings counts how often the rules were written.
func (n *Proxy) writings() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.generation
}

// Settled waits until the rules answer all events handed over so far, and at least
// once; its error is why they never will.
func (n *Proxy) Settled(ctx context.Context) error {
	for _, f := range n.families() {
		if !f.isAwake() {
			continue // there is nothing to write
		}
		if err := f.settled(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (n *Proxy) settled(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	wanted := max(n.wanted, 1)
	for n.done < wanted {
		if n.failed != nil {
			return n.failed
		}
		changed := n.changed
		n.mu.Unlock()
		var err error
		select {
		case <-changed:
		case <-ctx.Done():
			err = ctx.Err()
		case <-n.ctx.Done():
			err = ErrStopped
		}
		n.mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// Stop ends it, and waits until nothing of it runs. The rules stay.
func (n *Proxy) Stop() {
	n.all.mu.Lock()
	if n.all.nodes[n.cfg.Name] == n {
		delete(n.all.nodes, n.cfg.Name)
	}
	n.all.mu.Unlock()
	for _, f := range n.families() {
		f.cancel()
	}
	for _, f := range n.families() {
		<-f.stopped
	}
}

// closeHealthChecks closes the ports that upstream opened for Services with
// externalTrafficPolicy Local, and their goroutines: it does so only when the
// Services go, so let them.
func (n *Proxy) closeHealthChecks() {
	found := false
	for _, o := range n.all.cfg.Informers.Core().V1().Services().Informer().GetStore().List() {
		if s := o.(*v1.Service); s.Spec.HealthCheckNodePort != 0 {
			n.proxier.OnServiceDelete(s)
			found = true
		}
	}
	if !found {
		return
	}
	if err := n.cfg.NS.Do(n.write); err != nil {
		n.log.Warn("kube-proxy's health checks stay open", "err", err)
	}
}
