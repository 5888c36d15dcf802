package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/apply"
	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/control"
	"github.com/podhop/podhop/engine/desk"
	"github.com/podhop/podhop/engine/dns"
	"github.com/podhop/podhop/engine/feed"
	"github.com/podhop/podhop/engine/ingress"
	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/policy"
	"github.com/podhop/podhop/engine/proxy"
	"github.com/podhop/podhop/engine/terminal"
	"github.com/podhop/podhop/engine/topology"
	"github.com/podhop/podhop/engine/trace"
	"github.com/podhop/podhop/engine/trace/pcap"
	"github.com/podhop/podhop/engine/why"
	"github.com/podhop/podhop/internal/nsexec"
)

// A Session is one learner's cluster. It is safe for concurrent use, and ends with
// Close or at its time.
type Session struct {
	id     string
	engine *Engine
	slot   int
	log    *slog.Logger

	asked    model.SessionOptions // as it was opened
	birth    birth
	journal  journal.Writer // nil if it is not kept
	nodes    *nodes
	changing chan struct{} // holds a token while machines or network change
	heir     *parked       // under engine.mu: who has its slot after it; nil: whoever comes

	users      *nsexec.UserNS
	network    *network.Network
	pods       *pods
	api        *api.Session
	containers *container.Session
	desk       *desk.Desk
	shells     shells
	terminals  *terminal.Set
	homeFiles  atomic.Pointer[map[string]string] // further ones that the learner's home begins with
	controls   *control.Controllers
	proxies    *proxy.Proxies
	policies   *policy.Policies
	applier    *apply.Applier
	feed       *feed.Feed
	dns        *dns.Servers
	ingress    *ingress.Controller
	topology   *topology.Watcher
	tracer     *trace.Tracer
	packets    *pcap.Store
	why        *why.Objects
	checked    checked
	conduct    conduct
	failed     lastError

	// ctx ends when the session closes; work counts the goroutines under it.
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	// undo holds what must be done to close, in the order of opening.
	undo    []func() error
	closing sync.Once
	err     error

	life     lifetime
	mu       sync.Mutex
	options  model.SessionOptions
	faults   []model.Fault // of links and DNS
	watching func()        // releases the tracer; nil while nobody watches
}

// onClose has f called when the session closes, before all that was there earlier.
func (s *Session) onClose(f func() error) { s.undo = append(s.undo, f) }

// Close ends everything that belongs to the session, and waits for it. A second
// call waits for the first.
func (s *Session) Close() error { return s.end(true) }

// suspend does the same with a session that goes on in the next server, if it is kept. What
// its parts say when they end is not kept any more.
func (s *Session) suspend() error { return s.end(s.journal == nil) }

func (s *Session) end(forGood bool) error {
	s.closing.Do(func() {
		s.life.stop()
		s.engine.forget(s)
		s.cancel()
		s.life.telling.Lock() // who tells now has kept it
		errs := []error{s.dropJournal(forGood)}
		s.life.telling.Unlock()
		if !forGood {
			s.feed.Leave()
			if s.terminals != nil { // it was not opened to the end
				s.terminals.Leave()
			}
		}
		for i := len(s.undo) - 1; i >= 0; i-- {
			errs = append(errs, s.undo[i]())
		}
		s.work.Wait()
		s.engine.leave(s)
		if s.err = errors.Join(errs...); s.err != nil {
			s.log.Warn("closing the session", "err", s.err)
		}
	})
	return s.err
}

// ID is the session's name, which nobody can guess.
func (s *Session) ID() string { return s.id }

// Info is what a learner is told. The edge adds the addresses that it serves on.
func (s *Session) Info() model.Session {
	faults := s.Faults()
	s.mu.Lock()
	defer s.mu.Unlock()
	return model.Session{ID: s.id, Options: s.options, Stopped: s.nodes.off(), Faults: faults, ExpiresAt: s.life.end().UTC().Format(time.RFC3339)}
}

// Token is what the learner's kubectl authenticates with.
func (s *Session) Token(context.Context) (string, error) { return s.api.AdminToken(), nil }

// API serves the session's Kubernetes API; the path is the API's own.
func (s *Session) API() http.Handler { return s.api }

// ReadOnlyAPI serves the same to somebody who may only read, and sees no Secrets.
func (s *Session) ReadOnlyAPI() http.Handler { return s.api.ReadOnly() }

// Apply takes a paste of manifests and answers each document. Its errors are
// apply.Applier's.
func (s *Session) Apply(ctx context.Context, paste []byte) ([]model.ApplyResult, error) {
	return s.applier.Apply(ctx, paste)
}

// DryRun says what Apply would do, and changes nothing; see apply.Applier.
func (s *Session) DryRun(ctx context.Context, paste []byte, compare bool) ([]model.ApplyResult, error) {
	return s.applier.DryRun(ctx, paste, compare)
}

// Objects are what the API has; see apply.Applier.
func (s *Session) Objects(ctx context.Context, q model.ObjectQuery) ([]map[string]any, error) {
	return s.applier.Objects(ctx, q)
}

// Feed is the session's stream: topology, journeys, events.
func (s *Session) Feed() *feed.Feed { return s.feed }
