package api

import (
	"context"
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
	// Restored, if any, is what the session goes on from, in the place of Nodes and of new keys.
	Restored *Restored
	// Journal, if any, is given what the session begins with, and what says what it has
	// at any time from then on. What it returns gets every write before it is acknowledged.
	Journal func(begin store.State, now func() store.State) (store.Journal, error)
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
	own        portion // of the server, of its owner and its pods
	looking    portion // and of those who look on

	metrics  atomic.Pointer[Metrics]
	dialNode atomic.Pointer[DialNode]
	dialPod  atomic.Pointer[func(context.Context, string, string) (net.Conn, error)]
	closing  sync.Once
}

// Open makes a session: a clone of the golden tenant with its own admission,
// addresses and keys. Its informers are started as their kinds are used.
// The session lives until Close; ctx bounds the opening only.
func (s *Server) Open(ctx context.Context, o Options) (*Session, error) {
	t, err := s.tenant(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("api: open %s: %w", o.ID, err)
	}
	ss, err := s.begin(t, o)
	if err != nil {
		return nil, fmt.Errorf("api: open %s: %w", o.ID, err)
	}
	err = ss.prepare(ctx)
	if err == nil && o.Restored != nil {
		err = ss.resume(ctx)
	}
	if err != nil {
		ss.Close()
		return nil, fmt.Errorf("api: open %s: %w", o.ID, err)
	}
	return ss, nil
}

// begin makes a session of what it begins with.
func (s *Server) begin(t *store.Tenant, o Options) (*Session, error) {
	var is *Identity
	switch {
	case o.Restored == nil:
		if err := bear(t, time.Now()); err != nil {
			return nil, err
		}
	case !o.Restored.Fork:
		is = &o.Restored.Identity
	}
	ss, err := s.newSession(o.ID, t, o.DualStack, is)
	if err == nil && is == nil {
		err = ss.adopt()
	}
	if err == nil && o.Restored != nil && o.Restored.Fork {
		err = ss.disown(o.Restored.Secrets)
	}
	if err != nil || o.Journal == nil {
		return ss, err
	}
	return ss, t.Keep(func(begin store.State) (store.Journal, error) { return o.Journal(begin, t.State) })
}

// newSession makes the shell of a session around its tenant: without admission, with
// new keys if it has no identity yet.
func (s *Server) newSession(id string, t *store.Tenant, dualStack bool, is *Identity) (*Session, error) {
	ss := &Session{id: id, server: s, tenant: t, own: s.newPortion(), looking: s.newPortion()}
	ss.ctx, ss.cancel = context.WithCancel(withSession(context.Background(), ss))
	ss.own.seats.Act() // to open it is work, too
	ss.client = ss.configFor(master)
	if err := ss.identify(is); err != nil {
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
	s.share(w, r.WithContext(ctx))
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
