package api

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/podhop/podhop/engine/api/store"
)

// own is one of upstream's servers that a session gets for itself when it first
// writes an object that needs it.
type own struct {
	building sync.Mutex
	closed   bool
	served   atomic.Pointer[ownServer]
}

var errClosed = errors.New("the session is closed")

type ownServer struct {
	source
	signals map[string]<-chan struct{}
	cancel  context.CancelFunc
}

func (o *own) get() *ownServer { return o.served.Load() }

// start returns the server, built if need be, until the session is closed. Who builds
// may ask the session's API.
func (o *own) start(build func() (*ownServer, error)) (*ownServer, error) {
	o.building.Lock()
	defer o.building.Unlock()
	if served := o.get(); served != nil {
		return served, nil
	}
	if o.closed {
		return nil, errClosed
	}
	served, err := build()
	if err == nil {
		o.served.Store(served)
	}
	return served, err
}

// close stops the server. Upstream ends the process when a post-start hook of
// it is interrupted, so the hooks are let through first: some 100 ms at most.
func (o *own) close() {
	o.building.Lock()
	o.closed = true
	o.building.Unlock()
	served := o.get()
	if served == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if served.settle(ctx); ctx.Err() != nil {
		return // better a few goroutines too many than no process
	}
	served.cancel()
}

// settle waits until the server's controllers are at work, so that who writes
// what it is for, and waits for it at once, finds it as quickly as elsewhere.
func (o *ownServer) settle(ctx context.Context) {
	for _, started := range o.signals {
		select {
		case <-started:
		case <-ctx.Done():
			return
		}
	}
}

// fit makes a copy of one of upstream's configurations the session's. Controllers use
// contexts of their own, so its registries are bound to the session by resolve.
func (s *Session) fit(tmpl *genericapiserver.RecommendedConfig, resolve store.Resolver) *genericapiserver.RecommendedConfig {
	c := *tmpl
	c.RESTOptionsGetter = optionsGetter{tmpl.RESTOptionsGetter, resolve}
	c.LoopbackClientConfig = s.client
	c.AdmissionControl = admissionOfSession{}
	c.Authorization.Authorizer = s.server.authorizer
	c.StorageObjectCountTracker = nil
	c.PostStartHooks = map[string]genericapiserver.PostStartHookConfigEntry{}
	c.DisabledPostStartHooks = sets.NewString("generic-apiserver-start-informers", "max-in-flight-filter", "priority-and-fairness-filter")
	c.SharedInformerFactory = s.informers
	return &c
}

// run starts a server's controllers.
func (s *Session) run(srv *genericapiserver.GenericAPIServer) *ownServer {
	ctx, cancel := context.WithCancel(withSession(context.Background(), s))
	srv.RunPostStartHooks(ctx)
	return &ownServer{
		source:  source{handler: srv.UnprotectedHandler(), discovery: srv.AggregatedDiscoveryGroupManager},
		signals: srv.MuxAndDiscoveryCompleteSignals(), cancel: cancel,
	}
}
