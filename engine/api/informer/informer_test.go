package informer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	"k8s.io/client-go/tools/cache"
)

var secrets, pods = schema.GroupResource{Resource: "secrets"}, schema.GroupResource{Resource: "pods"}

// presence is what a store would say.
type presence struct {
	mu           sync.Mutex
	has, written map[schema.GroupResource]bool
	last         uint64 // revision of the last write to anything
	more         chan struct{}
}

func newPresence(there ...schema.GroupResource) *presence {
	p := &presence{has: map[schema.GroupResource]bool{}, written: map[schema.GroupResource]bool{}, more: make(chan struct{})}
	for _, r := range there {
		p.has[r] = true
	}
	return p
}

func (p *presence) Has(r schema.GroupResource) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.has[r]
}

func (p *presence) Written(r schema.GroupResource) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written[r]
}

func (p *presence) LastWrite(schema.GroupResource) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *presence) More() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.more
}

func (p *presence) write(r schema.GroupResource) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.has[r], p.written[r] = true, true
	close(p.more)
	p.more = make(chan struct{})
}

func started(t *testing.T, p *presence) *Factory {
	c := fake.NewClientset(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "ns"}}, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns"}})
	f := New(c, metadatafake.NewSimpleMetadataClient(metadatafake.NewTestScheme()), p)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); f.Shutdown() })
	f.StartWithContext(ctx)
	return f
}

// names returns a handler that reports the names of what is added.
func names() (cache.ResourceEventHandler, <-chan string) {
	c := make(chan string, 10)
	return cache.ResourceEventHandlerFuncs{AddFunc: func(o any) { c <- o.(metav1.Object).GetName() }}, c
}

func expect(t *testing.T, c <-chan string, want string) {
	t.Helper()
	select {
	case got := <-c:
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no event of ", want)
	}
}

func TestRunsFromTheFirstObjectOn(t *testing.T) {
	p := newPresence()
	f := started(t, p)
	i := f.Core().V1().Pods().Informer()
	h, seen := names()
	r, err := i.AddEventHandler(h)
	if err != nil {
		t.Fatal(err)
	}
	f.StartWithContext(t.Context())
	if !i.HasSynced() || !r.HasSynced() || i.GetController().HasSynced() != true {
		t.Error("not in sync with nothing")
	}
	select {
	case <-r.HasSyncedChecker().Done():
	default:
		t.Error("the checker waits for nothing")
	}
	p.write(pods)
	expect(t, seen, "p")
	if res := f.WaitForCacheSyncWithContext(t.Context()); res.Err != nil {
		t.Error(res.Err)
	}
	if l, err := f.Core().V1().Pods().Lister().Pods("ns").Get("p"); err != nil {
		t.Error(l, err)
	}
}

func TestViewKeepsHandlersBack(t *testing.T) {
	f := started(t, newPresence(pods))
	running := f.Core().V1().Pods().Informer()
	f.StartWithContext(t.Context())
	cache.WaitForCacheSync(t.Context().Done(), running.HasSynced)
	v, release := f.View()
	h, seen := names()
	r, err := v.Core().V1().Pods().Informer().AddEventHandler(h)
	if err != nil {
		t.Fatal(err)
	}
	if r.HasSynced() || len(seen) > 0 {
		t.Error("the handler runs before the release")
	}
	synced := make(chan error, 1)
	go func() { synced <- v.Synced(t.Context()) }()
	release()
	expect(t, seen, "p")
	if err := <-synced; err != nil || !r.HasSynced() {
		t.Error(err, "the handler has seen all, and is not in sync")
	}
}

// Admission waits for its informers as long as a request may take, which must not be
// longer than the session lasts.
func TestSyncedEndsWithTheInformers(t *testing.T) {
	p := newPresence(pods)
	f := New(fake.NewClientset(), metadatafake.NewSimpleMetadataClient(metadatafake.NewTestScheme()), p)
	ctx, cancel := context.WithCancelCause(t.Context())
	f.StartWithContext(ctx)
	v, _ := f.View() // never released, so never in sync
	h, _ := names()
	if _, err := v.Core().V1().Pods().Informer().AddEventHandler(h); err != nil {
		t.Fatal(err)
	}
	synced := make(chan error, 1)
	go func() { synced <- v.Synced(t.Context()) }()
	over := errors.New("the session is over")
	cancel(over)
	select {
	case err := <-synced:
		if !errors.Is(err, over) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it still waits")
	}
	f.Shutdown()
	if err := v.Synced(t.Context()); !errors.Is(err, over) {
		t.Error("asked afterwards:", err)
	}
}

// An informer that a later caller starts lives as long as the others: the caller may be over
// already, and whoever waits for the informer is not.
func TestTheFirstContextCounts(t *testing.T) {
	p := newPresence(pods)
	f := New(fake.NewClientset(), metadatafake.NewSimpleMetadataClient(metadatafake.NewTestScheme()), p)
	ctx, cancel := context.WithCancel(t.Context())
	defer f.Shutdown()
	defer cancel()
	f.StartWithContext(ctx)
	over, end := context.WithCancel(t.Context())
	end()
	v, release := f.View()
	h, _ := names()
	if _, err := v.Core().V1().Pods().Informer().AddEventHandler(h); err != nil {
		t.Fatal(err)
	}
	v.StartWithContext(over)
	release()
	limited, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := v.Synced(limited); err != nil {
		t.Error(err)
	}
}

func TestLaterWaitsForAWrite(t *testing.T) {
	p := newPresence(secrets, pods)
	f := started(t, p)
	h, seen := names()
	if _, err := f.Later().Core().V1().Secrets().Informer().AddEventHandler(h); err != nil {
		t.Fatal(err)
	}
	f.StartWithContext(t.Context())
	other, others := names()
	if _, err := f.Core().V1().Pods().Informer().AddEventHandler(other); err != nil {
		t.Fatal(err)
	}
	f.StartWithContext(t.Context())
	expect(t, others, "p")
	if len(seen) > 0 {
		t.Error("it runs without a write")
	}
	p.write(secrets)
	expect(t, seen, "s")
}

func TestRestsUntilAnother(t *testing.T) {
	for how, wake := range map[string]func(*Factory, *presence){
		"an object of the other": func(_ *Factory, p *presence) { p.write(pods) },
		"one of its own":         func(_ *Factory, p *presence) { p.write(secrets) },
		"somebody who asks":      func(f *Factory, _ *presence) { f.Wake(secrets); f.Wake(secrets); f.Wake(pods) },
	} {
		t.Run(how, func(t *testing.T) {
			p := newPresence(secrets)
			f := started(t, p)
			f.Rest(secrets, pods)
			h, seen := names()
			i := f.Core().V1().Secrets().Informer()
			if _, err := i.AddEventHandler(h); err != nil {
				t.Fatal(err)
			}
			f.StartWithContext(t.Context())
			if !i.HasSynced() || len(seen) > 0 {
				t.Error("it does not rest")
			}
			wake(f, p)
			if !i.HasSynced() { // it was asked before the informer ran: it must wait
				cache.WaitForCacheSync(t.Context().Done(), i.HasSynced)
			}
			if _, err := f.Core().V1().Secrets().Lister().Secrets("ns").Get("s"); err != nil {
				t.Error("in sync, without what is there: ", err)
			}
			expect(t, seen, "s")
		})
	}
}

func TestRemovedBeforeItIsAdded(t *testing.T) {
	p := newPresence()
	f := started(t, p)
	i := f.Core().V1().Pods().Informer()
	h, seen := names()
	r, err := i.AddEventHandler(h)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.RemoveEventHandler(r); err != nil {
		t.Fatal(err)
	}
	kept, others := names()
	if _, err := i.AddEventHandler(kept); err != nil {
		t.Fatal(err)
	}
	p.write(pods)
	expect(t, others, "p")
	if len(seen) > 0 {
		t.Error("a removed handler runs")
	}
}

func TestCaughtUp(t *testing.T) {
	p, c := newPresence(pods), fake.NewClientset()
	f := New(c, metadatafake.NewSimpleMetadataClient(metadatafake.NewTestScheme()), p)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); f.Shutdown() })
	v, release := f.View()
	lister := v.Core().V1().Pods().Lister()
	release()
	f.StartWithContext(ctx)
	if err := v.Synced(ctx); err != nil {
		t.Fatal(err)
	}
	if err := v.CaughtUp(ctx, []schema.GroupResource{pods, secrets}); err != nil {
		t.Error("with nothing written:", err)
	}
	p.mu.Lock()
	p.last = 7
	p.mu.Unlock()
	done := make(chan error, 1)
	go func() { done <- v.CaughtUp(ctx, []schema.GroupResource{pods}) }()
	if _, err := c.CoreV1().Pods("ns").Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "new", ResourceVersion: "7"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := lister.Pods("ns").Get("new"); err != nil {
		t.Error("caught up, and has not seen the last:", err)
	}
	cancel()
	p.mu.Lock()
	p.last = 8
	p.mu.Unlock()
	if err := v.CaughtUp(ctx, []schema.GroupResource{pods}); err == nil {
		t.Error("waits for nobody, and says that all is seen")
	}
}
