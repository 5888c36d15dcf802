package informer

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/informers/internalinterfaces"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// Presence tells which resources have, or have had, an object.
type Presence interface {
	Has(schema.GroupResource) bool
	// Written tells whether one was written since the session began.
	Written(schema.GroupResource) bool
	// LastWrite is the revision of the last such write; 0: there was none.
	LastWrite(schema.GroupResource) uint64
	// More returns a channel that is closed when either becomes true of one more.
	More() <-chan struct{}
}

// Factory is an informers.SharedInformerFactory, for metadata too. It is safe
// for concurrent use.
type Factory struct {
	*shared
	gate  *gate // of a view; nil in the factory itself
	later bool  // its informers may wait for a write of their kind
}

// shared is what a factory and its views have in common.
type shared struct {
	typed    informers.SharedInformerFactory // makes the informers, and never runs them
	metadata metadatainformer.SharedInformerFactory
	presence Presence
	rests    map[schema.GroupResource]*rest // made before anything starts

	mu      sync.Mutex
	all     map[cache.SharedIndexInformer]*dormant
	types   map[*dormant]reflect.Type
	waiting map[*dormant]struct{}
	follow  bool
	ctx     context.Context // of Start
	closed  bool
	wg      sync.WaitGroup
}

// New returns a factory; nothing runs before Start.
func New(c kubernetes.Interface, m metadata.Interface, p Presence) *Factory {
	return &Factory{shared: &shared{
		typed: informers.NewSharedInformerFactory(c, 0), metadata: metadatainformer.NewSharedInformerFactory(m, 0), presence: p,
		all: map[cache.SharedIndexInformer]*dormant{}, types: map[*dormant]reflect.Type{}, waiting: map[*dormant]struct{}{},
	}}
}

// View returns a factory with the same informers that keeps back the event
// handlers added through it until release. Upstream's constructors add their
// handlers before they are through, trusting that no informer runs yet. After
// the release the view's Synced tells when its user can begin.
func (f *Factory) View() (view *Factory, release func()) {
	g := &gate{}
	return &Factory{shared: f.shared, gate: g}, g.open
}

// Later returns a factory like f whose informers need not run before an object
// of their kind is written: what a session begins with does not concern its user.
func (f *Factory) Later() *Factory { return &Factory{shared: f.shared, gate: f.gate, later: true} }

// wrap returns the one dormant informer around inner.
func (f *Factory) wrap(inner cache.SharedIndexInformer, gr schema.GroupResource, t reflect.Type) cache.SharedIndexInformer {
	f.mu.Lock()
	d := f.all[inner]
	if d == nil {
		d = &dormant{SharedIndexInformer: inner, resource: gr, shared: f.shared}
		f.all[inner] = d
		f.types[d] = t
		f.waiting[d] = struct{}{}
	}
	if !f.later {
		d.wanted.Store(true)
	}
	f.mu.Unlock()
	if f.gate != nil {
		f.gate.uses(d)
		return gated{d, f.gate}
	}
	return d
}

// InformerFor implements internalinterfaces.SharedInformerFactory.
func (f *Factory) InformerFor(obj runtime.Object, newFunc internalinterfaces.NewInformerFunc) cache.SharedIndexInformer {
	inner := f.typed.InformerFor(obj, newFunc)
	var gr schema.GroupResource
	if kinds, _, err := scheme.Scheme.ObjectKinds(obj); err == nil {
		plural, _ := meta.UnsafeGuessKindToResource(kinds[0])
		gr = plural.GroupResource()
	}
	return f.wrap(inner, gr, reflect.TypeOf(obj))
}

// InformerName implements internalinterfaces.SharedInformerFactory.
func (f *Factory) InformerName() *cache.InformerName { return f.typed.InformerName() }

// ForResource implements informers.SharedInformerFactory.
func (f *Factory) ForResource(r schema.GroupVersionResource) (informers.GenericInformer, error) {
	g, err := f.typed.ForResource(r)
	if err != nil {
		return nil, err
	}
	inner := g.Informer()
	return generic{f.wrap(inner, r.GroupResource(), reflect.TypeOf(inner)), g}, nil
}

type generic struct {
	informer cache.SharedIndexInformer
	inner    informers.GenericInformer
}

func (g generic) Informer() cache.SharedIndexInformer { return g.informer }
func (g generic) Lister() cache.GenericLister         { return g.inner.Lister() }

// Start implements informers.SharedInformerFactory.
func (f *Factory) Start(stop <-chan struct{}) { f.StartWithContext(wait.ContextForChannel(stop)) }

// StartWithContext runs the informers whose kinds have objects, and from now on
// those whose kinds get one. It may be called again when informers were added.
// The context of the first call is the one that counts.
func (f *Factory) StartWithContext(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	if !f.follow {
		f.follow = true
		f.ctx = ctx
		f.wg.Go(func() { f.keepRunning(ctx) })
	}
	f.run(f.ctx) // one that ran by a later caller's could end before the others, and never be in sync
}

// lifetime is over when the informers have to end.
func (s *shared) lifetime() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return context.Background()
	}
	return s.ctx
}

// over returns a channel that is closed when the informers have to end.
func (s *shared) over() <-chan struct{} { return s.lifetime().Done() }

func (s *shared) keepRunning(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		more := s.run(ctx)
		s.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
		}
	}
}

// run starts what is due, and returns a channel that is closed when to look again. s.mu must be held.
func (s *shared) run(ctx context.Context) <-chan struct{} {
	more := s.presence.More()
	for d := range s.waiting {
		if d.due() {
			delete(s.waiting, d)
			s.wg.Go(func() { d.run(ctx) })
		}
	}
	return more
}

// Shutdown waits until the informers, whose context must be over, are gone.
func (f *Factory) Shutdown() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.wg.Wait()
}

// WaitForCacheSync implements informers.SharedInformerFactory.
func (f *Factory) WaitForCacheSync(stop <-chan struct{}) map[reflect.Type]bool {
	return f.WaitForCacheSyncWithContext(wait.ContextForChannel(stop)).Synced
}

// WaitForCacheSyncWithContext implements informers.SharedInformerFactory.
func (f *Factory) WaitForCacheSyncWithContext(ctx context.Context) cache.SyncResult {
	f.mu.Lock()
	var checks []cache.DoneChecker
	list := make(map[reflect.Type]*dormant, len(f.types))
	for d, t := range f.types {
		list[t] = d
		checks = append(checks, d.HasSyncedChecker())
	}
	f.mu.Unlock()
	cache.WaitFor(ctx, "", checks...)
	res := cache.SyncResult{Synced: make(map[reflect.Type]bool, len(list))}
	for t, d := range list {
		if res.Synced[t] = d.HasSynced(); !res.Synced[t] {
			res.Err = context.Cause(ctx)
		}
	}
	return res
}

// Synced waits, without polling, until the informers asked for through this
// view, and the handlers added through it, are in sync. It is cheap to ask again.
// It fails when the informers end, after which they never will be: who closes a
// session waits for controllers, and these for requests that admission holds here.
func (f *Factory) Synced(ctx context.Context) error {
	var checks []cache.DoneChecker
	for _, x := range f.gate.users() {
		if !x.HasSynced() {
			checks = append(checks, x.HasSyncedChecker())
		}
	}
	if len(checks) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	life := f.lifetime()
	defer context.AfterFunc(life, func() { cancel(context.Cause(life)) })()
	if !cache.WaitFor(ctx, "", checks...) {
		return context.Cause(ctx)
	}
	return nil
}

// staleness is how long CaughtUp waits at most.
const staleness = time.Second

// CaughtUp waits until the informers of these resources that were asked for
// through this view have seen all writes that were acknowledged before the call.
// An informer that does not in time, because nobody lets it run, is taken as it is.
func (f *Factory) CaughtUp(ctx context.Context, resources []schema.GroupResource) error {
	for _, x := range f.gate.users() {
		d, ok := x.(*dormant)
		if !ok || !slices.Contains(resources, d.resource) || f.resting(d.resource) {
			continue
		}
		end := time.Now().Add(staleness)
		for last := f.presence.LastWrite(d.resource); !d.saw(last) && time.Now().Before(end); {
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// Metadata is the factory as a metadatainformer would be, for kinds without a
// typed informer: a custom resource's kind is watched from its first object on.
func (f *Factory) Metadata() Metadata { return Metadata{f} }

// Metadata makes informers of objects' metadata, and typed ones where there are
// any: an informerfactory.InformerFactory.
type Metadata struct{ f *Factory }

func (m Metadata) ForResource(r schema.GroupVersionResource) (informers.GenericInformer, error) {
	if g, err := m.f.ForResource(r); err == nil {
		return g, nil
	}
	g := m.f.metadata.ForResource(r)
	inner := g.Informer()
	return generic{m.f.wrap(inner, r.GroupResource(), reflect.TypeOf(inner)), g}, nil
}

func (m Metadata) Start(stop <-chan struct{}) { m.f.Start(stop) }
