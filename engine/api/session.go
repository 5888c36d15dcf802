package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/podhop/podhop/engine/api/informer"
	"github.com/podhop/podhop/engine/api/store"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	restclient "k8s.io/client-go/rest"
	"k8s.io/kubernetes/pkg/serviceaccount"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/node"
)

// Options are what a session begins with.
type Options struct {
	ID string
	// Nodes are in the API from the start, with the status they have here.
	Nodes []corev1.Node
	// DualStack gives Services addresses of IPv6, too, where they ask for them.
	DualStack bool
	// Journal, if any, gets every write before it is acknowledged.
	Journal store.Journal
}

// Session is one learner's Kubernetes API. It is safe for concurrent use.
type Session struct {
	id     string
	server *Server
	tenant *store.Tenant
	ctx    context.Context
	cancel context.CancelFunc

	client     *restclient.Config
	informers  *informer.Factory
	plugins    admissionPlugins
	nodes      *node.NodeAuthorizer
	keys       *keys
	authority  *Authority
	adminToken string
	addresses  *addresses
	evict      lazyEviction
	custom     own
	aggregated own

	metrics  atomic.Pointer[Metrics]
	dialNode atomic.Pointer[DialNode]
	dialPod  atomic.Pointer[func(context.Context, string, string) (net.Conn, error)]
	closing  sync.Once
}

// Open makes a session: a clone of the golden tenant with its own admission,
// addresses and keys. Its informers are started as their kinds are used.
// The session lives until Close; ctx bounds the opening only.
func (s *Server) Open(ctx context.Context, o Options) (*Session, error) {
	gold, err := s.goldenWith(ctx, o.Nodes, o.DualStack)
	if err != nil {
		return nil, fmt.Errorf("api: golden tenant: %w", err)
	}
	t := gold.Clone()
	if err := bear(t, time.Now()); err != nil {
		return nil, fmt.Errorf("api: open %s: %w", o.ID, err)
	}
	ss, err := s.newSession(o.ID, t, o.DualStack)
	if err != nil {
		return nil, fmt.Errorf("api: open %s: %w", o.ID, err)
	}
	if err := ss.adopt(); err != nil {
		return nil, fmt.Errorf("api: open %s: %w", o.ID, err)
	}
	if o.Journal != nil {
		ss.tenant.SetJournal(o.Journal)
	}
	if err := ss.prepare(ctx); err != nil {
		ss.Close()
		return nil, fmt.Errorf("api: open %s: %w", o.ID, err)
	}
	return ss, nil
}

// newSession makes the shell of a session around its tenant: without admission.
func (s *Server) newSession(id string, t *store.Tenant, dualStack bool) (*Session, error) {
	ss := &Session{id: id, server: s, tenant: t, adminToken: rand.Text()}
	ss.ctx, ss.cancel = context.WithCancel(withSession(context.Background(), ss))
	ss.client = ss.configFor(master)
	var err error
	if ss.keys, err = newKeys(); err != nil {
		return nil, err
	}
	if ss.authority, err = newAuthority("kubernetes"); err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(ss.client)
	if err != nil {
		return nil, err
	}
	meta, err := metadata.NewForConfig(ss.client)
	if err != nil {
		return nil, err
	}
	ss.informers = informer.New(client, meta, t)
	ss.informers.Rest(storageClasses, volumeClaims)
	ss.addresses, err = ss.newAddresses(dualStack)
	return ss, err
}

func (s *Session) prepare(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(s.client)
	if err != nil {
		return err
	}
	services, err := client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if err := s.addresses.replay(services.Items); err != nil {
		return err
	}
	view, release := s.informers.View()
	s.authorizeNodes(view)
	release()
	s.plugins.has, s.plugins.build = s.tenant.Has, s.newPlugins
	if _, err := s.plugins.make(); err != nil {
		return err
	}
	return nil
}

// ID is the name the session was opened with.
func (s *Session) ID() string { return s.id }

// AdminToken is the bearer token of the learner's kubeconfig.
func (s *Session) AdminToken() string { return s.adminToken }

// Informers is the factory that all parts of the session share. It is started;
// who adds an informer calls StartWithContext on it again. Close shuts it down.
// Code that adds an event handler before it is ready for events uses a View.
func (s *Session) Informers() *informer.Factory { return s.informers }

// Tokens signs service account tokens that this session's API accepts.
func (s *Session) Tokens() serviceaccount.TokenGenerator { return s.keys.signer }

// Context is over when the session is closed, and belongs to the session.
func (s *Session) Context() context.Context { return s.ctx }

// Presence tells which kinds the session has, or had, objects of.
func (s *Session) Presence() informer.Presence { return s.tenant }

// Usage tells what the session's objects take.
func (s *Session) Usage() store.Usage { return s.tenant.Usage() }

// ServeHTTP serves the session's API; the path is the API's own ("/api/v1/...").
func (s *Session) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := withSession(r.Context(), s)
	if s.ctx.Err() != nil {
		http.Error(w, "the session is closed", http.StatusGone)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.ctx, cancel) // Close ends watches and streams
	defer stop()
	s.serve(w, r.WithContext(ctx))
}

// Close ends the session: its watches, informers and workers. It waits for them.
func (s *Session) Close() {
	s.closing.Do(func() {
		s.aggregated.close()
		s.custom.close()
		s.cancel()
		s.addresses.close()
		s.tenant.Close()
		s.informers.Shutdown()
	})
}
