package control

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/podhop/podhop/engine/api/informer"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	restclient "k8s.io/client-go/rest"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

// Config is what Start needs.
type Config struct {
	// ClientConfig must be allowed everything, as system:masters is.
	ClientConfig *restclient.Config
	// Informers are the session's. Start adds to them and starts them.
	Informers *informer.Factory
	// Presence tells which kinds the session has objects of.
	Presence informer.Presence
	// RootCA goes into the config map kube-root-ca.crt of each namespace.
	RootCA []byte
	// Tokens signs the tokens in secrets of type kubernetes.io/service-account-token. Nil: none are made.
	Tokens serviceaccount.TokenGenerator
	// SigningCertificate and SigningKey, PEM, are the authority that signs approved
	// CertificateSigningRequests. Nil: nobody signs.
	SigningCertificate, SigningKey []byte
	// Also are controllers that are not upstream's.
	Also []Controller
	// Logger gets what goes wrong. Nil: discard.
	Logger *slog.Logger
}

// A Controller starts when one of the kinds On has an object, as upstream's do:
// Make adds its informers to the factory, and returns what runs until its
// context is over.
type Controller struct {
	Name string
	On   []schema.GroupResource
	Make func(context.Context, *informer.Factory) (run func(context.Context), err error)
}

// Controllers are the running controllers of one session.
type Controllers struct {
	config   Config
	log      *slog.Logger
	client   kubernetes.Interface
	metadata metadata.Interface
	clients  *restclient.Config
	started  chan struct{} // closed when the informers of the first controllers run

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	names  []string
}

// Start runs the controllers of a session until Stop, or until ctx is over. It
// returns when those that start at once are made; their caches fill meanwhile.
func Start(ctx context.Context, c Config) (*Controllers, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Controllers{config: c, log: c.Logger, started: make(chan struct{})}
	s.clients = restclient.CopyConfig(c.ClientConfig)
	s.clients.UserAgent = "kube-controller-manager"
	s.clients.QPS = -1
	var err error
	if s.client, err = kubernetes.NewForConfig(s.clients); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if s.metadata, err = metadata.NewForConfig(s.clients); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	waiting := s.list()
	if waiting, err = s.launch(waiting); err != nil {
		s.Stop()
		return nil, err
	}
	close(s.started)
	if len(waiting) > 0 {
		s.wg.Go(func() { s.follow(waiting) })
	}
	return s, nil
}

// Stop ends all controllers and waits until their goroutines are gone. The
// session's informers go on.
func (s *Controllers) Stop() {
	s.cancel()
	s.wg.Wait()
}

// Running are the names of the controllers started so far, sorted.
func (s *Controllers) Running() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.names))
}

// controller is one of upstream's. make builds it, adding its informers to the
// shared ones, and returns what to run once these are started.
type controller struct {
	name string
	on   []schema.GroupResource // it starts when one of these has an object
	// written are kinds that a session begins with, in a state that the
	// controller would leave alone: it starts when one is written. With
	// neither, it starts at once.
	written []schema.GroupResource
	make    func(context.Context, *informer.Factory) (run func(context.Context), err error)
}

// launch starts those whose time has come, and returns the rest.
func (s *Controllers) launch(list []controller) (waiting []controller, err error) {
	var runs []func(context.Context)
	for _, c := range list {
		if len(c.on)+len(c.written) > 0 && !slices.ContainsFunc(c.on, s.config.Presence.Has) && !slices.ContainsFunc(c.written, s.config.Presence.Written) {
			waiting = append(waiting, c)
			continue
		}
		// The handlers are kept back until the constructor is through, as if no
		// informer were running yet.
		view, release := s.config.Informers.View()
		run, err := c.make(s.ctx, view)
		if err != nil {
			return nil, fmt.Errorf("control: %s: %w", c.name, err)
		}
		release()
		runs = append(runs, func(ctx context.Context) {
			// Controllers wait for their informers too, but look only every 100 ms.
			if view.Synced(ctx) == nil {
				run(ctx)
			}
		})
		s.mu.Lock()
		s.names = append(s.names, c.name)
		s.mu.Unlock()
	}
	s.config.Informers.StartWithContext(s.ctx)
	for _, run := range runs {
		s.wg.Go(func() { run(s.ctx) })
	}
	return waiting, nil
}

// follow starts the others as their kinds appear.
func (s *Controllers) follow(waiting []controller) {
	for len(waiting) > 0 {
		more := s.config.Presence.More()
		next, err := s.launch(waiting)
		if err != nil {
			s.log.Error("controller does not start", "error", err)
			return
		}
		waiting = next
		select {
		case <-more:
		case <-s.ctx.Done():
			return
		}
	}
}
