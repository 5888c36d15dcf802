package engine

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/podhop/podhop/engine/api"
	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/engine/dns"
	"github.com/podhop/podhop/engine/ingress"
	"github.com/podhop/podhop/engine/ingress/gatewayapi"
	"github.com/podhop/podhop/engine/journal"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/node"
	"github.com/podhop/podhop/internal/nsexec"
)

// runDir is on the tmpfs of the server's own mount namespace.
const runDir = "/run/podhop"

// apiDir is there too, for the keys that upstream's servers want as files: they end
// with the server, whatever ends it.
const apiDir = "/run/podhop-api"

// What sessions make the server connect to outside, which nsexec.DialOutside is told: registries, and
// the resolver of names outside of the cluster.
const (
	ForImages = "images"
	ForNames  = "names"
)

// Config says what an Engine is made of. Durations and counts must be positive.
type Config struct {
	// Data and Images are absolute folders: what outlasts the server, and the
	// catalogue of container images.
	Data, Images string
	// Sessions is the folder in which sessions are kept while they last, so that they
	// outlast the server; "": they end with it. New fails if another server has it.
	Sessions string
	// Keeper is where sessions are kept instead if several servers share them. Nothing there
	// is opened by itself, nor when somebody asks: see Engine.Adopt.
	Keeper journal.Keeper
	// Nodes, CNI and DualStack are what a session gets that does not say otherwise;
	// see model.SessionOptions.
	Nodes     int
	CNI       string
	DualStack bool
	// OCIRuntime is the program that runs containers.
	OCIRuntime string
	// Lifetime is how long a session lasts. Extension is how much longer a learner makes
	// it at a time, and MaxLifetime how long it lasts at most, from its opening on; 0 is
	// four times Lifetime.
	Lifetime, Extension, MaxLifetime time.Duration
	// MaxSessions is how many there may be.
	MaxSessions int
	// NodeMemory is how much memory each node has, in bytes: what its pods may use
	// together. The default is 2 GiB, or what the machine has if that is less.
	NodeMemory int64
	// SessionMemory is how much memory all pods of a session may use together, in bytes, and
	// SessionCPU how much CPU time, in cores. The default is half of what the machine has, but
	// not less than a node's memory or a core; a negative number is no limit.
	SessionMemory int64
	SessionCPU    float64
	// Patience is how long a session may use all its CPU time without a pause until the
	// container that uses most of it is stopped; 0 is for ever. MaxBreaches is how often
	// containers of a session may break a rule within an hour until it is ended; 0 is for ever.
	Patience    time.Duration
	MaxBreaches int
	// PressureMost is the percentage of a minute in which something waits for a core from which
	// on the machine takes no more sessions; 0 is none.
	PressureMost float64
	// Registries allows pulls of what the catalogue lacks. RegistryMirrors maps
	// registries to those that are asked in their places.
	Registries      bool
	RegistryMirrors map[string]string
	// ImageMemory bounds unpacked images, ImageDisk what is kept of those from
	// registries, ImageBytes one of these, compressed; 0 are the parts' own bounds.
	ImageMemory, ImageDisk, ImageBytes int64
	// RootCA is the PEM certificate of the API servers' authority.
	RootCA []byte
	// APIServerTLS serves each session's API to its own pods, with a certificate of
	// that authority for APIServerNames. Nil: in the cluster nobody answers.
	APIServerTLS *tls.Config
	// DNSUpstream is the resolver ("ip:port", TCP) that sessions' DNS asks for names
	// outside of the cluster; "": such names are refused.
	DNSUpstream string
	// Traces takes spans of sessions that are opened again, which nobody's request may be
	// waiting for. What is done for a request is told where the request's spans are told. Nil:
	// there are none.
	Traces trace.TracerProvider
	// World is what nsexec.Enter answered.
	World *nsexec.Environment
	Log   *slog.Logger
}

// An Engine runs all sessions of one server. It is safe for concurrent use.
type Engine struct {
	cfg        Config
	log        *slog.Logger
	api        *api.Server
	containers *container.Host
	images     *image.Store
	machine    node.Machine
	runtime    ociVersion
	dnsImage   string        // ID of the catalogue's CoreDNS
	proxyImage string        // ID of what the pods of Ingress controllers run
	looking    chan struct{} // as many tokens as there are looks at nodes at once
	idle       context.CancelFunc
	breaches   breaches
	refusals   refusals
	counts     counts
	planned    planned
	reopening  chan struct{} // as many tokens as there are parked sessions that are opened at once
	syncer     journal.Syncer
	keeper     journal.Keeper // nil if no sessions are kept
	lock       *os.File       // of the folder of sessions; nil if there is none
	desk       func()         // unpacks the learner's machine, once

	mu       sync.Mutex
	closed   bool
	sessions map[string]*Session
	parked   map[string]*parked
	lost     map[string]error // why sessions cannot be opened again
	slots    slots
	opening  sync.WaitGroup
}

// New builds what sessions share. It takes a second or two; ctx bounds the
// building only. Close it.
func New(ctx context.Context, cfg Config) (e *Engine, err error) {
	e = &Engine{cfg: cfg, log: cfg.Log, machine: hardware(cfg), sessions: map[string]*Session{},
		parked: map[string]*parked{}, lost: map[string]error{}, syncer: journal.Syncer{Every: syncEvery}}
	e.looking = make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	e.reopening = make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	switch {
	case cfg.Keeper != nil:
		e.keeper = cfg.Keeper
	case cfg.Sessions != "":
		if e.lock, err = lockSessions(ctx, cfg.Sessions); err != nil {
			return e, err
		}
		e.keeper = journal.Folder{Dir: cfg.Sessions, Syncer: &e.syncer}
	}
	for _, warning := range cfg.World.Warnings {
		e.log.Warn("the server's namespaces", "err", warning)
	}
	if e.slots, err = newSlots(cfg.World.SubIDs, cfg.MaxSessions); err != nil {
		return e, err
	}
	if e.slots.shared() {
		e.log.Info("sessions share user ids: there are too few for one range each", "ids", cfg.World.SubIDs, "sessions", cfg.MaxSessions)
	}
	if e.runtime, err = versionOf(ctx, cfg.OCIRuntime); err != nil {
		return e, err
	}
	if _, err = exec.LookPath("nft"); err != nil { // no session opens without it
		return e, err
	}
	if err = e.openImages(); err != nil {
		return e, err
	}
	e.containers, err = container.New(container.Config{Dir: runDir, Name: cfg.Data, Runtime: cfg.OCIRuntime, LayerBytes: cfg.ImageMemory, Log: e.log})
	if err != nil {
		return e, err
	}
	definitions, err := gatewayapi.Definitions()
	if err != nil {
		return e, err
	}
	shared := api.Config{Dir: apiDir, Logger: e.log, RootCA: cfg.RootCA, Seed: e.seed, Definitions: definitions, Custom: custom(), Refused: e.refusals.add}
	if cfg.APIServerTLS != nil {
		shared.APIServer = apiServer
	}
	e.api, err = api.New(ctx, shared)
	if err != nil {
		return e, err
	}
	if e.lock != nil {
		if err = e.park(ctx); err != nil {
			return e, err
		}
	}
	e.warm()
	return e, nil
}

// openImages opens the catalogue, and finds in it what sessions are made of.
func (e *Engine) openImages() (err error) {
	images := image.Config{Dir: e.cfg.Images}
	if e.cfg.Registries {
		images.Registries = &image.Registries{Dir: filepath.Join(e.cfg.Data, "layers"), DialContext: nsexec.DialOutside(ForImages),
			Mirrors: e.cfg.RegistryMirrors, MaxImageBytes: e.cfg.ImageBytes, MaxBytes: e.cfg.ImageDisk}
	}
	if e.images, err = image.New(images); err != nil {
		return err
	}
	if img, err := e.images.Resolve(dns.Image); err != nil {
		e.log.Warn("sessions have no DNS: build the catalogue of images anew", "err", err)
	} else {
		e.dnsImage = img.ID
	}
	if img, err := e.images.Resolve(ingress.Image); err != nil {
		e.log.Warn("sessions have no Ingress: build the catalogue of images anew", "err", err)
	} else {
		e.proxyImage = img.ID
	}
	return nil
}

// Open makes a session and waits until its nodes are there. ctx bounds the opening
// only. It fails with model.ErrFull if there are too many already, with
// a *model.FieldError for options that there are not.
func (e *Engine) Open(ctx context.Context, o model.SessionOptions) (*Session, error) {
	o, err := e.cfg.Options(o)
	if err != nil {
		return nil, err
	}
	if o.DualStack && !e.cfg.World.Sysctl {
		return nil, &model.FieldError{Field: "dualStack", Detail: "must be false: this server runs where /proc/sys is read-only"}
	}
	return e.make(ctx, birth{options: o}, (*slots).take, e.keeper)
}

// make opens a session of a birth whose options are complete, in the slot that is taken. It is
// kept by a keeper, unless that is nil.
func (e *Engine) make(ctx context.Context, b birth, take func(*slots) (int, bool), by journal.Keeper) (*Session, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, model.ErrClosed
	}
	slot, ok := take(&e.slots)
	if !ok {
		e.mu.Unlock()
		return nil, model.ErrFull
	}
	e.opening.Add(1)
	e.mu.Unlock()
	defer e.opening.Done()

	// 26 lower-case letters and digits, fit for a host name and not to be guessed.
	b.id, b.slot, b.keeper = strings.ToLower(rand.Text()), slot, by
	s, err := e.open(ctx, b)
	if err != nil {
		e.release(slot)
		return nil, fmt.Errorf("open a session: %w", err)
	}
	e.mu.Lock()
	closed := e.closed
	if !closed {
		e.sessions[s.id] = s
	}
	e.mu.Unlock()
	if closed {
		return nil, errors.Join(model.ErrClosed, s.Close())
	}
	now := time.Now()
	if err := s.begin(now, now.Add(e.cfg.Lifetime)); err != nil {
		return nil, errors.Join(fmt.Errorf("open a session: %w", withoutPath(err)), s.Close())
	}
	if b.fork != nil {
		s.birth.fork = nil // what it had is the session's own now, and large
		s.again(ctx, *b.kept)
	}
	return s, nil
}

func (e *Engine) release(slot int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slots.give(slot)
}

// leave gives a closed session's slot to whoever comes.
func (e *Engine) leave(s *Session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.heir == nil {
		e.slots.give(s.slot)
	}
}

// Session finds a session; one of a server before this is opened first, which takes as long
// as opening one does. It fails with model.ErrNotFound, with model.ErrLost, and with
// model.ErrClosed when the engine closes.
func (e *Engine) Session(id string) (*Session, error) {
	e.mu.Lock()
	s, p, closed, lost := e.sessions[id], e.parked[id], e.closed, e.lostOf(id)
	e.mu.Unlock()
	switch {
	case closed:
		return nil, model.ErrClosed // it may go on in the next server
	case s != nil:
		return s, nil
	case p != nil:
		return e.reopen(p)
	}
	return nil, lost
}

// Sessions counts the sessions, those among them that nobody has asked for yet.
func (e *Engine) Sessions() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.sessions) + len(e.parked)
}

// forget is called by a session that closes.
func (e *Engine) forget(s *Session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sessions[s.id] == s {
		delete(e.sessions, s.id)
	}
}

// Close closes all sessions and everything that they share. Those that are kept go on in
// the next server.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	open, waiting := slices.Collect(maps.Values(e.sessions)), slices.Collect(maps.Values(e.parked))
	e.mu.Unlock()
	for _, p := range waiting {
		p.life.stop()
	}
	if e.idle != nil {
		e.idle()
	}
	e.opening.Wait()
	errs := make([]error, len(open))
	var wg sync.WaitGroup
	for i, s := range open {
		wg.Go(func() { errs[i] = s.suspend() })
	}
	wg.Wait()
	err := errors.Join(errs...)
	if e.api != nil {
		e.api.Close()
	}
	if e.containers != nil {
		err = errors.Join(err, e.containers.Close())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lock != nil {
		err = errors.Join(err, e.lock.Close())
		e.lock = nil
	}
	return err
}
