// Package server is Podhop over HTTP: the pages, the API that they use
// (openapi.yaml), each session's stream, and each session's Kubernetes API under
// a path or a host name of its own, in the clear and over TLS.
//
// It turns requests into calls of the engine and the engine's errors into
// answers, once, here. It must not know how a session works, nor what a page
// looks like.
package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/basepath"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/server/account"
	"github.com/podhop/podhop/server/audit"
	"github.com/podhop/podhop/server/classes"
	"github.com/podhop/podhop/server/connections"
	"github.com/podhop/podhop/server/gate"
	"github.com/podhop/podhop/server/hosts"
	"github.com/podhop/podhop/server/https"
	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/people"
	"github.com/podhop/podhop/server/queue"
	"github.com/podhop/podhop/server/shelf"
	"github.com/podhop/podhop/server/stream"
	"github.com/podhop/podhop/server/views"
)

// Pages answers with pages; the package web does.
type Pages interface {
	Index(w http.ResponseWriter, r *http.Request)
	// Front is the page before a session: of a lesson, or with an empty slug of the playground.
	Front(w http.ResponseWriter, r *http.Request, slug string)
	// Embed is the same for a frame in somebody else's page; see openPlayground.
	Embed(w http.ResponseWriter, r *http.Request, slug string)
	// Learn is a session's page; the seat is whose it is, if that is a class's member.
	Learn(w http.ResponseWriter, r *http.Request, session model.Session, seat model.Seat)
	// Classes makes a class, Class is its instructor's page, Join leads into it, with an empty code
	// after one was asked for, and Member is a member's own page.
	Classes(w http.ResponseWriter, r *http.Request)
	Class(w http.ResponseWriter, r *http.Request, class model.Class)
	Join(w http.ResponseWriter, r *http.Request, code string)
	Member(w http.ResponseWriter, r *http.Request, key string, you model.Membership)
	// Ports is the page that leads to the session's ports.
	Ports(w http.ResponseWriter, r *http.Request, session model.Session, graph model.Graph)
	Error(w http.ResponseWriter, r *http.Request, status int, title, detail string)
	NotFound(w http.ResponseWriter, r *http.Request)
	// SignIn asks who somebody is, Gate for what a public site wants before it opens anything.
	SignIn(w http.ResponseWriter, r *http.Request, status int, with model.SignIn)
	Gate(w http.ResponseWriter, r *http.Request, status int, ask model.Gate)
	Gone(w http.ResponseWriter, r *http.Request)
	// Wait is for who waits while the server is full; the page posts what they want when it is
	// their turn.
	Wait(w http.ResponseWriter, r *http.Request, at model.Queued, want model.Wanted)
	// Operator is the page of who runs the server.
	Operator(w http.ResponseWriter, r *http.Request)
	// Recording shows the recording of that ID, or with none the page that opens files.
	Recording(w http.ResponseWriter, r *http.Request, id string)
	// Static serves /static/.
	Static() http.Handler
}

// Config says what a Server serves. Zero fields take the defaults named.
type Config struct {
	Engine Engine
	Pages  Pages
	// Lesson finds a lesson by its slug; nil if there are none.
	Lesson func(slug string) (lessons.Lesson, bool)
	// APIServer is the URL under which kubectl reaches the TLS listener from
	// outside, without a path: for servers behind a proxy. If it is empty, the URL
	// is made of the host of the request that asks, and of TLSPort.
	APIServer string
	TLSPort   int
	// Certificates are those of the TLS listener; nil if there is none, and then
	// sessions offer their API in the clear.
	Certificates *Certificates
	// Base is what all addresses begin with, as basepath.Clean leaves it; "" for a server that
	// has a host of its own.
	Base string
	// PageTLS is what the plain listener is served with; nil: without TLS, as behind a proxy.
	PageTLS *tls.Config
	// HSTS is how long browsers are told to come by TLS alone.
	HSTS time.Duration
	// Redirect is a listener, without TLS, that Redirecting serves; nil: there is none.
	Redirect    net.Listener
	Redirecting http.Handler
	// Origins may use the API from other pages than our own; usually none.
	Origins []string
	// Store has the server's documents: all that must outlast it and is no session. Nil: they
	// end with it.
	Store keep.Store
	// Recordings are those that people share; nil: none are kept.
	Recordings *shelf.Shelf
	// People tells who asks; nil: everybody may do everything but what is the operator's.
	People *people.People
	// Limits bound how often people do things; the zero Limits do not.
	Limits Limits
	// Connections bounds those of the listeners of Serve; nil: nothing does.
	Connections *connections.Limit
	// Accounts are those of an OpenID provider; nil: there are none.
	Accounts *account.Provider
	// Gate is what strangers are asked for before they open anything; the zero Gate asks for nothing.
	Gate gate.Gate
	// Operator shows the server to who runs it, and says how much room there is; nil: nobody is
	// shown anything, and who finds no room is not told to wait.
	Operator Operator
	// Audit is told what people do that others may have to answer for.
	Audit *audit.Log
	// MaxPaste bounds a paste, in bytes: 3 MiB.
	MaxPaste int
	// Ready are what must be so, beside that it does not end, for the server to be ready.
	Ready []Check
	// Traces takes spans of requests and what they do; nil: none are made.
	Traces trace.TracerProvider
	// Collectors are more metrics, of what the server does not know of.
	Collectors []prometheus.Collector
	Version    string
	Log        *slog.Logger
	// Stream bounds viewers; Sent, Lost and Session are the server's.
	Stream stream.Config
}

// A Server is all of Podhop's HTTP.
type Server struct {
	cfg    Config
	log    *slog.Logger
	router chi.Router
	plain  http.Handler
	secure http.Handler
	// forward leads requests to the servers that share sessions; nil: there is one.
	forward *hosts.Forward
	stream  *stream.Stream
	// recording holds a token for each recording that is being made or read.
	recording chan struct{}
	visits    visits
	views     *views.Views
	viewers   viewers
	classes   *classes.Classes
	observer  observer // which the classes are
	// inside is where this server asks for what it asks itself: its routes, or those of the
	// server that has the session.
	inside  http.Handler
	turns   *turns
	limits  *limits
	queue   *queue.Queue // nil without an Operator
	seeker  seeker
	openers openers
	// unbelieved is that somebody was told that X-Forwarded-For is not believed.
	unbelieved sync.Once
	metrics    *metrics
	draining   atomic.Bool
	streams    sync.WaitGroup // websockets that are open
}

// New returns a Server. It serves nothing yet: see Serve, Handler and APIHandler.
func New(cfg Config) (*Server, error) {
	if cfg.MaxPaste == 0 {
		cfg.MaxPaste = 3 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Store == nil {
		cfg.Store = keep.Memory()
	}
	if cfg.People == nil {
		var err error
		if cfg.People, err = people.New(people.Config{}); err != nil {
			return nil, err
		}
	}
	if cfg.Lesson == nil {
		cfg.Lesson = func(string) (lessons.Lesson, bool) { return lessons.Lesson{}, false }
	}
	s := &Server{cfg: cfg, log: cfg.Log, metrics: newMetrics(cfg.Engine, cfg.Version), recording: make(chan struct{}, 2), turns: newTurns(), limits: newLimits(cfg.Limits)}
	s.queue = s.newQueue()
	cfg.Stream.Sent, cfg.Stream.Lost = s.metrics.sent, s.metrics.lostTo
	cfg.Stream.Session, cfg.Stream.Typed, cfg.Stream.Log = s.address, s.typed, cfg.Log
	page := new(shown)
	s.cfg.PageTLS = page.watch(cfg.PageTLS)
	s.metrics.registry.MustRegister(append(cfg.Collectors, checks{s}, gauges{s}, page)...)
	if cfg.Connections != nil {
		s.metrics.registry.MustRegister(cfg.Connections)
	}
	s.stream = stream.New(cfg.Stream)
	s.views = views.New(cfg.Store, cfg.Log)
	s.classes = s.newClasses()
	s.observer = s.classes
	s.router = s.routes()
	s.inside = s.asked()

	protection := http.NewCrossOriginProtection()
	for _, origin := range cfg.Origins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("trusted origin: %w", err)
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(s.crossOrigin))
	// The Kubernetes API is not behind the protection: it wants a token, which no
	// foreign page can send, and kubectl proxy's pages must reach it.
	s.plain = https.Strict(cfg.HSTS, s.identify(s.below(s.classroom(s.kubernetes(s.recover(s.ports(s.harden(s.visitors(s.changing(protection.Handler(s.router)))))))))))
	api := s.classroom(s.kubernetes(http.HandlerFunc(s.noSession)))
	s.secure = s.identify(basepath.Mount(cfg.Base, api, api))
	return s, nil
}

// Handler serves everything: the plain listener's.
func (s *Server) Handler() http.Handler { return s.shared(pageListener, s.plain) }

// APIHandler serves the sessions' Kubernetes APIs alone: the TLS listener's.
func (s *Server) APIHandler() http.Handler { return s.shared(apiListener, s.secure) }

// routes are all but the Kubernetes API's. openapi.yaml documents each, and a test
// compares the two.
func (s *Server) routes() chi.Router {
	r := chi.NewRouter()
	r.Use(s.measure)
	if s.cfg.Traces != nil {
		r.Use(s.spans)
	}
	r.Use(s.claiming, middleware.GetHead)
	r.NotFound(s.notFound)
	r.MethodNotAllowed(s.methodNotAllowed)

	r.Get("/", s.cfg.Pages.Index)
	r.Get("/playground", func(w http.ResponseWriter, r *http.Request) { s.cfg.Pages.Front(w, r, "") })
	r.Post("/playground", s.openPlayground)
	r.Get("/lessons/{slug}", func(w http.ResponseWriter, r *http.Request) { s.cfg.Pages.Front(w, r, chi.URLParam(r, "slug")) })
	r.Post("/lessons/{slug}", s.openLesson)
	r.Get("/lessons/{slug}/files/*", s.lessonFile)
	r.Get("/embed/playground", func(w http.ResponseWriter, r *http.Request) { s.cfg.Pages.Embed(w, r, "") })
	r.Get("/embed/lessons/{slug}", func(w http.ResponseWriter, r *http.Request) { s.cfg.Pages.Embed(w, r, chi.URLParam(r, "slug")) })
	r.Get("/s/{id}", s.learn)
	r.Get("/s/{id}/ports", s.portsPage)
	r.Get("/recordings", s.recordingPage)
	r.Get("/recordings/{id}", s.recordingPage)
	r.Get("/sign-in", s.signInPage)
	r.Post("/sign-in", s.signIn)
	r.Get("/sign-in/account", s.beginAccount)
	r.Get("/sign-in/callback", s.endAccount)
	r.Post("/sign-out", s.signOut)
	r.Get("/access", s.accessPage)
	r.Post("/access", s.giveAccess)
	r.Get("/queue/{ticket}", s.waitPage)
	r.Get("/operator", s.only(people.Operator, s.cfg.Pages.Operator))
	r.Get("/static/*", s.cfg.Pages.Static().ServeHTTP)

	r.Get("/api/openapi.yaml", serveOpenAPI)
	r.Get("/api/queue/{ticket}", s.getQueued)
	r.Delete("/api/queue/{ticket}", s.leaveQueue)
	r.Get("/api/operator", s.only(people.Operator, s.getOperator))
	r.Post("/api/operator/sessions/{session}/park", s.only(people.Operator, s.operate("operator.park", Operator.Park)))
	r.Post("/api/operator/sessions/{session}/end", s.only(people.Operator, s.operate("operator.end", Operator.End)))
	r.Post("/api/sessions", s.createSession)
	const session = "/api/sessions/{id}"
	r.Get(session, s.with(s.getSession))
	r.Patch(session, s.with(s.changeSession))
	r.Delete(session, s.allow(views.Owner, s.deleteSession))
	r.Post(session+"/extend", s.allow(views.Owner, s.extend))
	r.Post(session+"/start-over", s.allow(views.Owner, s.startOver))
	r.Get(session+"/views", s.allow(views.Owner, s.getViews))
	r.Post(session+"/views", s.allow(views.Owner, s.makeView))
	r.Delete(session+"/views/{key}", s.allow(views.Owner, s.revokeView))
	r.Get(session+"/viewers", s.with(s.getViewers))
	r.Put(session+"/presenting", s.with(s.present))
	r.Delete(session+"/presenting", s.with(s.presentNothing))
	r.Post(session+"/fork", s.allow(views.Look, s.fork))
	r.Post(session+"/nodes", s.with(s.addNode))
	const node = session + "/nodes/{name}"
	r.Delete(node, s.node(Session.RemoveNode))
	r.Post(node+"/stop", s.node(Session.StopNode))
	r.Post(node+"/start", s.node(Session.StartNode))
	r.Post(node+"/cordon", s.node(cordon))
	r.Post(node+"/uncordon", s.node(uncordon))
	r.Get(node+"/look", s.with(s.look))
	r.Get(session+"/faults", s.with(s.getFaults))
	r.Delete(session+"/faults", s.with(s.deleteFaults))
	r.Put(session+"/faults/{fault}", s.with(s.putFault))
	r.Delete(session+"/faults/{fault}", s.with(s.deleteFault))
	r.Post(session+"/kill", s.with(s.kill))
	r.Get(session+"/kubeconfig", s.with(s.getKubeconfig))
	r.Get(session+"/access", s.with(s.getAccess))
	r.Post(session+"/apply", s.with(s.apply))
	r.Post(session+"/what-if", s.with(s.whatIf))
	r.Post(session+"/requests", s.with(s.request))
	r.Post(session+"/checks", s.with(s.checks))
	r.Post(session+"/begin", s.with(s.beginStep))
	r.Get(session+"/topology", s.with(s.getTopology))
	r.Get(session+"/journeys", s.with(s.getJourneys))
	r.Get(session+"/journeys/{jid}", s.with(s.getJourney))
	r.Get(session+"/packets", s.with(s.getPackets))
	r.Get(session+"/stream", s.with(s.watch))
	r.Get(session+"/terminals", s.with(s.getTerminals))
	r.Post(session+"/terminals", s.with(s.openTerminal))
	r.Delete(session+"/terminals/{tid}", s.with(s.closeTerminal))
	r.Get(session+"/terminals/{tid}/stream", s.with(s.watchTerminal))
	r.Get(session+"/recording", s.allow(views.Control, s.getRecording))
	r.Post(session+"/recording", s.with(s.shareRecording))
	r.Post("/api/recordings", s.keepRecording)
	r.Get("/api/recordings/{id}", s.sendRecording)
	r.Delete("/api/recordings/{id}", s.deleteRecording)
	r.Get("/api/me", s.getMe)
	s.classRoutes(r)
	s.classPages(r)
	r.Get("/debug/*", s.debug)
	r.Get("/healthz", s.healthz)
	r.Get("/readyz", s.readyz)
	r.Get("/metrics", s.metrics.handler.ServeHTTP)
	return r
}

// bodyTimeout is how long a request's body may take to arrive.
const bodyTimeout = 30 * time.Second
