package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

const (
	// gather is how long after one write the next may begin: pods come and change in
	// numbers.
	gather = 5 * time.Millisecond
	// retry is how long a failed write is left alone.
	retry = time.Second
)

func (p *Policies) run(ctx context.Context) {
	defer close(p.stopped)
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.dirty:
		}
		if err := p.sync(ctx); err != nil && ctx.Err() == nil {
			p.cfg.Log.Error("network policies", "err", err)
			time.AfterFunc(retry, p.Touch)
		}
		wait := time.NewTimer(gather)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// sync reads all there is, and writes what has changed by it. One node's failure
// is not the others'.
func (p *Policies) sync(ctx context.Context) error {
	// An informer that slept while its kind had no objects is not in sync for a
	// moment after the first.
	synced := make([]cache.DoneChecker, len(p.sources))
	for i, s := range p.sources {
		synced[i] = s.HasSyncedChecker()
	}
	if !cache.WaitFor(ctx, "", synced...) {
		return ctx.Err()
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	wanted, places := p.wanted, p.places
	p.mu.Unlock()
	in, err := p.read()
	if err != nil {
		return err
	}
	plan := Compile(in)
	errs := make([]error, len(places))
	var all sync.WaitGroup
	for i, at := range places {
		all.Go(func() { errs[i] = p.write(at, plan) })
	}
	all.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, at := range places {
		if errs[i] == nil {
			at.done = wanted
		}
	}
	p.tried, p.known = wanted, nil
	p.plan, p.since = plan, time.Now()
	if len(in.Policies) > 0 {
		p.known = make(map[types.UID]bool, len(in.Pods))
		for _, o := range in.Pods {
			p.known[o.UID] = true
		}
	}
	close(p.changed)
	p.changed = make(chan struct{})
	return errors.Join(errs...)
}

func (p *Policies) write(at *place, plan *Plan) error {
	wrote := false
	err := at.NS.Do(func() (err error) {
		wrote, err = at.kernel.set(plan.Node(at.Name))
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", at.Name, err)
	}
	if wrote && p.cfg.OnSync != nil {
		p.cfg.OnSync(at.Name)
	}
	return nil
}

// read is the planner's input; without policies there is nothing else to know.
func (p *Policies) read() (in Input, err error) {
	f := p.cfg.Informers
	if in.Policies, err = f.Networking().V1().NetworkPolicies().Lister().List(labels.Everything()); err != nil || len(in.Policies) == 0 {
		p.last = nil
		return in, err
	}
	if p.cfg.Addresses != nil {
		in.Addresses = p.cfg.Addresses() // before the pods, of which none is missed then
	}
	if in.Pods, err = f.Core().V1().Pods().Lister().List(labels.Everything()); err != nil {
		return in, err
	}
	if in.Addresses != nil {
		in.Pods, p.last = withGone(in, p.last)
	}
	in.Namespaces, err = f.Core().V1().Namespaces().Lister().List(labels.Everything())
	return in, err
}

// withGone adds to the pods those that the API has forgotten, but whose addresses
// are there yet: deleted by force, a pod runs on for a moment, and is to be isolated
// as long. It returns all that have addresses, too.
func withGone(in Input, last map[types.UID]*v1.Pod) (all []*v1.Pod, now map[types.UID]*v1.Pod) {
	all, now = in.Pods, make(map[types.UID]*v1.Pod, len(in.Addresses))
	for _, o := range in.Pods {
		if _, has := in.Addresses[o.UID]; has {
			now[o.UID] = o
		}
	}
	for uid := range in.Addresses {
		if o := last[uid]; o != nil && now[uid] == nil {
			now[uid] = o
			all = append(all, o)
		}
	}
	return all, now
}

// none reports whether there are no policies, for certain.
func (p *Policies) none() bool {
	inf := p.cfg.Informers.Networking().V1().NetworkPolicies()
	if !inf.Informer().HasSynced() {
		return false
	}
	all, err := inf.Lister().List(labels.Everything())
	return err == nil && len(all) == 0
}

func policiesDiffer(a, b any) bool {
	x, ok := a.(*networking.NetworkPolicy)
	y, ok2 := b.(*networking.NetworkPolicy)
	return !ok || !ok2 || !reflect.DeepEqual(x.Spec, y.Spec)
}

func namespacesDiffer(a, b any) bool {
	x, ok := a.(*v1.Namespace)
	y, ok2 := b.(*v1.Namespace)
	return !ok || !ok2 || !maps.Equal(x.Labels, y.Labels)
}

// podsDiffer is false of most changes of pods: those of their containers' states.
func (p *Policies) podsDiffer(a, b any) bool {
	x, ok := a.(*v1.Pod)
	y, ok2 := b.(*v1.Pod)
	if !ok || !ok2 || x.UID != y.UID || x.Spec.NodeName != y.Spec.NodeName || !maps.Equal(x.Labels, y.Labels) {
		return true
	}
	return p.cfg.Addresses == nil && (x.Status.Phase != y.Status.Phase ||
		!reflect.DeepEqual(x.Status.PodIPs, y.Status.PodIPs))
}
