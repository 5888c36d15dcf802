package topology

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/podhop/podhop/engine/model"
)

// WatcherConfig says what to watch. Zero fields take the defaults named.
type WatcherConfig struct {
	// Factory is the session's. The Watcher adds its handlers and reads its
	// caches; whoever owns it starts it.
	Factory informers.SharedInformerFactory
	// Network is asked each time the graph is built. It must be quick. Nil: none.
	Network func() Network
	// Changed gets each new graph, from one goroutine, sorted by ID. Two in a row
	// may be the same. It must be quick, and not change it.
	Changed func(model.Graph)
	// Settle is how long a burst of changes is given to end before the graph is
	// built: 3 ms. Interval is the least time between two graphs: 25 ms.
	Settle, Interval time.Duration
}

// A Watcher builds the graph anew when something it is built of has changed. It
// keeps no state of its own: each graph comes from the whole of the caches.
//
// Those of the Gateway API are not the Factory's: whoever begins to watch these
// says so with Also, and before nothing is spent on them.
type Watcher struct {
	cfg    WatcherConfig
	list   func() Objects
	synced []cache.DoneChecker
	also   atomic.Pointer[func(*Objects)]
	dirty  chan struct{} // holds one token if there is something to build
}

// NewWatcher adds the handlers. Start the factory after it, then Run.
func NewWatcher(cfg WatcherConfig) (*Watcher, error) {
	if cfg.Settle == 0 {
		cfg.Settle = 3 * time.Millisecond
	}
	if cfg.Interval == 0 {
		cfg.Interval = 25 * time.Millisecond
	}
	if cfg.Network == nil {
		cfg.Network = func() Network { return Network{} }
	}
	w := &Watcher{cfg: cfg, dirty: make(chan struct{}, 1)}
	core, apps, batch := cfg.Factory.Core().V1(), cfg.Factory.Apps().V1(), cfg.Factory.Batch().V1()
	slices, networking := cfg.Factory.Discovery().V1().EndpointSlices(), cfg.Factory.Networking().V1()
	for _, informer := range []cache.SharedIndexInformer{
		core.Namespaces().Informer(), core.Nodes().Informer(), core.Pods().Informer(), core.Services().Informer(),
		core.ReplicationControllers().Informer(), slices.Informer(),
		apps.ReplicaSets().Informer(), apps.Deployments().Informer(), apps.StatefulSets().Informer(), apps.DaemonSets().Informer(),
		batch.Jobs().Informer(), batch.CronJobs().Informer(),
		networking.Ingresses().Informer(), networking.NetworkPolicies().Informer(),
	} {
		handle, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { w.Touch() },
			DeleteFunc: func(any) { w.Touch() },
			UpdateFunc: func(old, new any) {
				if versionOf(old) != versionOf(new) { // a resync is no change
					w.Touch()
				}
			},
		})
		if err != nil {
			return nil, fmt.Errorf("watching for the topology: %w", err)
		}
		w.synced = append(w.synced, handle.HasSyncedChecker())
	}
	// A lister over a cache has no way to fail.
	all := labels.Everything()
	w.list = func() Objects {
		var o Objects
		o.Namespaces, _ = core.Namespaces().Lister().List(all)
		o.Nodes, _ = core.Nodes().Lister().List(all)
		o.Pods, _ = core.Pods().Lister().List(all)
		o.Services, _ = core.Services().Lister().List(all)
		o.ReplicationControllers, _ = core.ReplicationControllers().Lister().List(all)
		o.EndpointSlices, _ = slices.Lister().List(all)
		o.ReplicaSets, _ = apps.ReplicaSets().Lister().List(all)
		o.Deployments, _ = apps.Deployments().Lister().List(all)
		o.StatefulSets, _ = apps.StatefulSets().Lister().List(all)
		o.DaemonSets, _ = apps.DaemonSets().Lister().List(all)
		o.Jobs, _ = batch.Jobs().Lister().List(all)
		o.CronJobs, _ = batch.CronJobs().Lister().List(all)
		o.Ingresses, _ = networking.Ingresses().Lister().List(all)
		o.NetworkPolicies, _ = networking.NetworkPolicies().Lister().List(all)
		return o
	}
	return w, nil
}

// Touch has the graph built anew: what Network answers has changed. It never
// waits, and may be called from anywhere.
func (w *Watcher) Touch() {
	select {
	case w.dirty <- struct{}{}:
	default:
	}
}

// Also has list add to the objects that each graph is built of, instead of what
// was given before, and the graph built anew. It never waits, and may be called
// from anywhere; so may list be.
func (w *Watcher) Also(list func(*Objects)) {
	w.also.Store(&list)
	w.Touch()
}

// Run hands out the first graph when all caches are filled, and one after every
// burst of changes, until ctx is done.
func (w *Watcher) Run(ctx context.Context) {
	for _, synced := range w.synced {
		select {
		case <-synced.Done():
		case <-ctx.Done():
			return
		}
	}
	w.Touch()
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	var built time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.dirty:
		}
		timer.Reset(max(w.cfg.Settle, w.cfg.Interval-time.Since(built)))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		select { // what came since is in this graph
		case <-w.dirty:
		default:
		}
		built = time.Now()
		objects, network := w.list(), w.cfg.Network()
		if also := w.also.Load(); also != nil {
			(*also)(&objects)
		}
		w.cfg.Changed(Build(&objects, &network))
	}
}

func versionOf(object any) string {
	if o, ok := object.(metav1.Object); ok {
		return o.GetResourceVersion()
	}
	return ""
}
