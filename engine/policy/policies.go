package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/podhop/podhop/internal/nsexec"
)

const (
	// gather is how long rules wait for the events that follow a first one: pods
	// come and change in numbers.
	gather = 5 * time.Millisecond
	// retry is how long a failed write is left alone.
	retry = time.Second
)

// ErrClosed is returned by what is asked of policies that were closed.
var ErrClosed = errors.New("policies closed")

// Config is what the policies of one session need.
type Config struct {
	// Informers are the session's; Start starts those that it needs and that run not yet.
	Informers informers.SharedInformerFactory
	Nodes     []Node
	// OnSync, if not nil, is called with the node's name after each time that its
	// rules were written: the next write waits for it.
	OnSync func(node string)
	Log    *slog.Logger // slog.Default() if nil
}

// A Node is where rules are to hold. The namespace must outlive the Policies.
type Node struct {
	Name string
	NS   *nsexec.NetNS
}

// Policies keep the NetworkPolicies of one session. All methods are safe for
// concurrent use.
type Policies struct {
	cfg     Config
	cancel  context.CancelFunc
	unhook  []func() error
	dirty   chan struct{} // holds one token while there is something to write
	stopped chan struct{}
	kernels []*kernel // as cfg.Nodes; the loop's own

	mu      sync.Mutex
	wanted  uint64        // counts events
	done    uint64        // of them, how many the rules answer
	changed chan struct{} // closed and made anew when done grows
}

// Start hooks into the informers, and starts them; policies hold until ctx is done
// or Close. It does not wait for them: Settled does.
func Start(ctx context.Context, cfg Config) (*Policies, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	inner, cancel := context.WithCancel(ctx)
	p := &Policies{
		cfg: cfg, cancel: cancel, wanted: 1,
		dirty: make(chan struct{}, 1), stopped: make(chan struct{}), changed: make(chan struct{}),
	}
	for range cfg.Nodes {
		p.kernels = append(p.kernels, &kernel{unsure: true})
	}
	f := cfg.Informers
	var synced []cache.InformerSynced
	for _, inf := range []cache.SharedIndexInformer{
		f.Networking().V1().NetworkPolicies().Informer(), f.Core().V1().Pods().Informer(), f.Core().V1().Namespaces().Informer(),
	} {
		reg, err := inf.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { p.mark() }, UpdateFunc: func(any, any) { p.mark() }, DeleteFunc: func(any) { p.mark() },
		})
		if err != nil {
			close(p.stopped)
			return nil, errors.Join(fmt.Errorf("informer: %w", err), p.Close())
		}
		p.unhook = append(p.unhook, func() error { return inf.RemoveEventHandler(reg) })
		synced = append(synced, reg.HasSynced)
	}
	f.Start(ctx.Done())
	go p.run(inner, synced)
	return p, nil
}

func (p *Policies) mark() {
	p.mu.Lock()
	p.wanted++
	p.mu.Unlock()
	select {
	case p.dirty <- struct{}{}:
	default:
	}
}

func (p *Policies) run(ctx context.Context, synced []cache.InformerSynced) {
	defer close(p.stopped)
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return
	}
	p.mark()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.dirty:
		}
		wait := time.NewTimer(gather)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		if err := p.sync(ctx); err != nil && ctx.Err() == nil {
			p.cfg.Log.Error("network policies", "err", err)
			time.AfterFunc(retry, p.mark)
		}
	}
}

// sync reads all there is, and writes what has changed by it.
func (p *Policies) sync(ctx context.Context) error {
	p.mu.Lock()
	wanted := p.wanted
	p.mu.Unlock()
	in, err := p.read()
	if err != nil {
		return err
	}
	plan := Compile(in)
	var g errgroup.Group
	for i, n := range p.cfg.Nodes {
		g.Go(func() error {
			var wrote bool
			err := n.NS.Do(func() (err error) {
				wrote, err = p.kernels[i].set(plan.Node(n.Name))
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", n.Name, err)
			}
			if wrote && p.cfg.OnSync != nil {
				p.cfg.OnSync(n.Name)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = wanted
	close(p.changed)
	p.changed = make(chan struct{})
	return nil
}

func (p *Policies) read() (in Input, err error) {
	f := p.cfg.Informers
	if in.Policies, err = f.Networking().V1().NetworkPolicies().Lister().List(labels.Everything()); err != nil {
		return in, err
	}
	if in.Pods, err = f.Core().V1().Pods().Lister().List(labels.Everything()); err != nil {
		return in, err
	}
	in.Namespaces, err = f.Core().V1().Namespaces().Lister().List(labels.Everything())
	return in, err
}

// Settled waits until every node's rules answer all events handed over so far.
func (p *Policies) Settled(ctx context.Context) error {
	p.mu.Lock()
	wanted := p.wanted
	p.mu.Unlock()
	for {
		p.mu.Lock()
		done, changed := p.done, p.changed
		p.mu.Unlock()
		if done >= wanted {
			return nil
		}
		select {
		case <-changed:
		case <-p.stopped:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close stops, and unhooks from the informers. Rules stay in the namespaces, and
// go with them.
func (p *Policies) Close() error {
	p.cancel()
	<-p.stopped
	var errs []error
	for _, f := range p.unhook {
		errs = append(errs, f())
	}
	p.unhook = nil
	return errors.Join(errs...)
}
