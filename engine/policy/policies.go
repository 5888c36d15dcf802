package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/podhop/podhop/internal/nsexec"
)

// ErrClosed is returned by what is asked of policies that were closed.
var ErrClosed = errors.New("policies closed")

// Config is what the policies of one session need.
type Config struct {
	// Informers are the session's; Start starts those that it needs and that run not yet.
	Informers informers.SharedInformerFactory
	Nodes     []Node
	// Addresses, if not nil, says which addresses pods have, by their UIDs, whatever
	// their statuses say: those come later, and stay longer. Who changes what it
	// says calls Ready or Touch.
	Addresses func() map[types.UID][]netip.Addr
	// OnSync, if not nil, is called with the node's name after each time that its
	// rules were written: the next write waits for it.
	OnSync func(node string)
	Log    *slog.Logger // slog.Default() if nil
}

// A Node is where rules are to hold. The namespace must outlive the Policies, or
// be taken away by SetNodes first.
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
	sources []cache.SharedIndexInformer
	dirty   chan struct{} // holds one token while there is something to write
	stopped chan struct{}

	writing sync.Mutex            // held during sync, and while nodes change
	last    map[types.UID]*v1.Pod // under writing: those that had an address

	mu      sync.Mutex
	places  []*place
	wanted  uint64             // counts events
	tried   uint64             // of them, how many the last sync answered, on nodes where it could
	known   map[types.UID]bool // the pods that the last plan had; nil where it had no policy
	changed chan struct{}      // closed and made anew after each sync
	plan    *Plan              // the last that was written
	since   time.Time          // when it had been
}

// A place is a node and its rules.
type place struct {
	Node
	kernel *kernel // under Policies.writing
	done   uint64  // under Policies.mu: how many events its rules answer
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
	p.SetNodes(cfg.Nodes)
	f := cfg.Informers
	for _, source := range []struct {
		informer cache.SharedIndexInformer
		differ   func(a, b any) bool
	}{
		{f.Networking().V1().NetworkPolicies().Informer(), policiesDiffer},
		{f.Core().V1().Pods().Informer(), p.podsDiffer},
		{f.Core().V1().Namespaces().Informer(), namespacesDiffer},
	} {
		reg, err := source.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { p.Touch() }, DeleteFunc: func(any) { p.Touch() },
			UpdateFunc: func(a, b any) {
				if source.differ(a, b) {
					p.Touch()
				}
			},
		})
		if err != nil {
			close(p.stopped)
			return nil, errors.Join(fmt.Errorf("informer: %w", err), p.Close())
		}
		p.unhook = append(p.unhook, func() error { return source.informer.RemoveEventHandler(reg) })
		p.sources = append(p.sources, source.informer)
	}
	f.Start(ctx.Done())
	go p.run(inner)
	return p, nil
}

// SetNodes says which nodes there are. When it returns, nothing is written any more
// into the namespaces of others.
func (p *Policies) SetNodes(nodes []Node) {
	p.writing.Lock()
	p.mu.Lock()
	places := make([]*place, len(nodes))
	for i, n := range nodes {
		places[i] = &place{Node: n, kernel: &kernel{unsure: true}}
		for _, was := range p.places {
			if was.Node == n {
				places[i] = was
			}
		}
	}
	p.places = places
	p.mu.Unlock()
	p.writing.Unlock()
	p.Touch()
}

// Touch has the rules written anew where what they follow from has changed.
func (p *Policies) Touch() { p.touch() }

// touch returns the event's number.
func (p *Policies) touch() uint64 {
	p.mu.Lock()
	p.wanted++
	n := p.wanted
	p.mu.Unlock()
	select {
	case p.dirty <- struct{}{}:
	default:
	}
	return n
}

// Plan is what was last written, nil before, and since when all nodes enforce it; the
// zero time says that they do not yet, or that there is something newer.
func (p *Policies) Plan() (plan *Plan, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(p.places, func(at *place) bool { return at.done < p.wanted }) {
		return p.plan, time.Time{}
	}
	return p.plan, p.since
}

// Settled waits until every node's rules answer all events handed over so far.
func (p *Policies) Settled(ctx context.Context) error {
	p.mu.Lock()
	wanted := p.wanted
	p.mu.Unlock()
	return p.wait(ctx, func() bool {
		return !slices.ContainsFunc(p.places, func(at *place) bool { return at.done < wanted })
	})
}

// Ready waits until a pod's own node enforces what isolates it, and the others have
// forgotten who had its addresses before. It is called when Addresses says them, and
// before the pod's first packet. As long as there are no policies it returns at once.
func (p *Policies) Ready(ctx context.Context, pod types.UID, node string) error {
	wanted := p.touch()
	if p.none() {
		return nil
	}
	return p.wait(ctx, func() bool {
		if p.tried < wanted || p.known != nil && !p.known[pod] {
			return false // in the latter case the informer does not know it yet
		}
		for _, at := range p.places {
			if at.Name == node {
				return at.done >= wanted
			}
		}
		return false
	})
}

// wait waits for what holds, which is asked under the lock, after each sync.
func (p *Policies) wait(ctx context.Context, holds func() bool) error {
	for {
		p.mu.Lock()
		done, changed := holds(), p.changed
		p.mu.Unlock()
		if done {
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
