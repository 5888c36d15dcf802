package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
)

// ErrStopped is returned by what is asked of proxies that have been stopped.
var ErrStopped = errors.New("proxies stopped")

// Config is what the proxies of one session share.
type Config struct {
	// Informers are the session's; Open starts those that it needs and that run not yet.
	Informers informers.SharedInformerFactory
	// Recorder gets upstream's events (a health check port that cannot be opened);
	// nil drops them.
	Recorder events.EventRecorder
	// OnSync, if not nil, is called after each time that a node's rules of one family
	// were written, on a goroutine of theirs: the next sync waits for it.
	OnSync func(Sync)
	Log    *slog.Logger // slog.Default() if nil
}

// A Sync is one writing of one node's rules of one family of addresses.
type Sync struct {
	Node   string
	Family v1.IPFamily
	// Generation counts them, from 1, by node and family.
	Generation uint64
	// Took is from the first event that it answers until the rules were in place.
	Took time.Duration
}

// Proxies are the kube-proxies of one session. All methods are safe for concurrent use.
type Proxies struct {
	cfg    Config
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	unhook []func() error

	// mu is held while an event is handed to the nodes, so that a node that starts
	// meanwhile misses none.
	mu     sync.Mutex
	synced bool
	cidrs  map[string]int // how many ServiceCIDR objects name it
	nodes  map[string]*Proxy
}

// Open hooks into the informers and starts them; they run until ctx is done. It
// does not wait for them.
func Open(ctx context.Context, cfg Config) (*Proxies, error) {
	if _, err := exec.LookPath("nft"); err != nil {
		return nil, fmt.Errorf("kube-proxy: %w", err)
	}
	useNetlink()
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Recorder == nil {
		cfg.Recorder = &events.FakeRecorder{}
	}
	inner, cancel := context.WithCancel(withLogger(ctx, cfg.Log))
	p := &Proxies{cfg: cfg, log: cfg.Log, ctx: inner, cancel: cancel, cidrs: map[string]int{}, nodes: map[string]*Proxy{}}
	synced, err := p.hook()
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	cfg.Informers.Start(ctx.Done())
	go func() {
		if !cache.WaitForCacheSync(inner.Done(), synced...) {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.synced = true
		p.each((*Proxy).mark)
	}()
	return p, nil
}

// Start runs kube-proxy on one more node, until Stop. It returns at once, because
// upstream begins by starting `nft` twice; Settled tells when the rules are in
// place, or why they cannot be. The node's namespace must outlive the Proxy.
func (p *Proxies) Start(ctx context.Context, cfg Node) (*Proxy, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return nil, ErrStopped
	}
	if p.nodes[cfg.Name] != nil {
		return nil, fmt.Errorf("kube-proxy on %s runs already", cfg.Name)
	}
	n := newProxy(p, cfg)
	for _, o := range p.cfg.Informers.Core().V1().Services().Informer().GetStore().List() {
		if n.six != nil && hasFamily(o.(*v1.Service), v1.IPv6Protocol) {
			n.six.wake()
		}
	}
	p.nodes[cfg.Name] = n
	for _, f := range n.families() {
		go f.run()
	}
	return n, nil
}

// Settled waits until every node's rules answer all events handed over so far.
func (p *Proxies) Settled(ctx context.Context) error {
	p.mu.Lock()
	nodes := make([]*Proxy, 0, len(p.nodes))
	for _, n := range p.nodes {
		nodes = append(nodes, n)
	}
	p.mu.Unlock()
	for _, n := range nodes {
		if err := n.Settled(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close stops every node and unhooks from the informers. Rules stay in the
// namespaces, and go with them.
func (p *Proxies) Close() error {
	p.cancel()
	p.mu.Lock()
	nodes := p.nodes
	p.nodes = map[string]*Proxy{}
	p.mu.Unlock()
	for _, n := range nodes {
		n.Stop()
	}
	var errs []error
	for _, f := range p.unhook {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}
