package server

import (
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/podhop/podhop/engine/feed"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/terminal"
)

// An Engine opens and finds sessions. Adapt makes one of the engine itself; tests
// bring their own.
type Engine interface {
	// Open makes a session and waits until it can be used. It fails with
	// model.ErrFull if there are too many, with a *model.FieldError for options that
	// there are not.
	Open(ctx context.Context, o model.SessionOptions) (Session, error)
	// Session finds a session, or fails with model.ErrNotFound, with model.ErrLost if it
	// cannot be opened again, with model.ErrClosed while the server stops. It must be quick: it
	// is asked at every request. The first who asks for one of a server before waits until it is open.
	Session(id string) (Session, error)
	// Sessions counts the open ones.
	Sessions() int
	// StartOver opens a session as the other was opened, has begin furnish it, and closes the
	// other behind it. It fails as Open and begin do, with model.ErrNotFound, and with
	// model.ErrConflict if somebody does it already.
	StartOver(ctx context.Context, id string, begin func(Session) error) (Session, error)
	// Fork opens a session with what another has, without values of Secrets unless it is told
	// to. It fails as Session and Open do.
	Fork(ctx context.Context, id string, secrets bool) (Session, error)
}

// A Session is one learner's cluster, as far as HTTP needs it.
type Session interface {
	// Info is the session without its addresses: those are the server's.
	Info() model.Session
	// Apply may fail with model.ErrTooLarge; what the API says is in the answers.
	Apply(ctx context.Context, paste []byte) ([]model.ApplyResult, error)
	// DryRun answers as Apply would and changes nothing; with compare, answers have the
	// objects besides. It fails as Apply does, and with model.ErrConflict if too many wait.
	DryRun(ctx context.Context, paste []byte, compare bool) ([]model.ApplyResult, error)
	// WhatIf tries a change of NetworkPolicies and makes none. It fails as Apply does,
	// and with a *model.FieldError for what cannot be deleted.
	WhatIf(ctx context.Context, r model.WhatIfRequest) (model.WhatIf, error)
	// Request may fail with model.ErrInvalid, or model.ErrNotFound if there is no
	// such sender.
	Request(ctx context.Context, r model.Request) (model.RequestResult, error)
	// Reach connects to a port of the session, as a browser on the learner's machine
	// would, until the session ends. It may fail with model.ErrNotFound if there is no such
	// host, else as net.Dialer does.
	Reach(ctx context.Context, host string, port uint16) (net.Conn, error)
	// PutFiles is of the learner's machine, as Script: see begin.Machine.
	PutFiles(ctx context.Context, folder string, files fs.FS) error
	// SetCNI fails with a *model.FieldError if there is no such way to join pods.
	SetCNI(ctx context.Context, cni string) error
	// AddNode answers the new node's name. This and those that follow fail with
	// model.ErrNotFound if there is no such node, with model.ErrConflict if it cannot
	// be done as things are.
	AddNode(ctx context.Context) (name string, err error)
	RemoveNode(ctx context.Context, name string) error
	StopNode(ctx context.Context, name string) error
	StartNode(ctx context.Context, name string) error
	CordonNode(ctx context.Context, name string, cordon bool) error
	// LookAtNode fails with a *model.FieldError if there is nothing of that name to look at.
	LookAtNode(ctx context.Context, node, at string) (string, error)
	// Objects lists what the API has; none is no error.
	Objects(ctx context.Context, q model.ObjectQuery) ([]map[string]any, error)
	// Faults are those that there are. SetFault fails with a *model.FieldError for what
	// it cannot be; that and those that follow fail with model.ErrNotFound if there is
	// nothing of the name, with model.ErrConflict if it cannot be done.
	Faults() []model.Fault
	SetFault(ctx context.Context, id string, settings model.FaultSettings) (model.Fault, error)
	UndoFault(ctx context.Context, id string) error
	UndoFaults(ctx context.Context) error
	Kill(ctx context.Context, k model.Kill) error
	Graph() model.Graph
	Journeys() []model.Journey
	// Asked is Journeys of packets sent since then, without those of Unasked requests.
	Asked(since time.Time) []model.Journey
	// HomeFiles says which files the home on the learner's machine begins with.
	HomeFiles(files map[string]string)
	// Script runs bash on the learner's machine, until it ends or ctx does.
	Script(ctx context.Context, text string) (model.ScriptResult, error)
	Journey(id string) (model.Journey, bool)
	// WritePackets writes pcapng, or fails with model.ErrNotFound before the first byte.
	WritePackets(w io.Writer, f model.PacketFilter) error
	// FollowPackets goes on until ctx is done or, with model.ErrClosed, the session.
	FollowPackets(ctx context.Context, w io.Writer, f model.PacketFilter) error
	// Recording is what the session remembers since then, and from its beginning if since is zero.
	Recording(ctx context.Context, since time.Time) (*model.Recording, error)
	Subscribe(after uint64) *feed.Subscription
	// Present tells who follows what somebody's page shows, nil that it is nothing any more,
	// SetWatching everybody how many look on.
	Present(p *model.Presenting)
	SetWatching(count int)
	// Terminals are the session's. OpenTerminal fails with a *model.FieldError for what is
	// no place, and it and those that follow fail with model.ErrNotFound if there is
	// nothing of the name, with model.ErrConflict if it cannot be now.
	Terminals() []model.Terminal
	OpenTerminal(ctx context.Context, want model.NewTerminal) (model.Terminal, error)
	CloseTerminal(id string) error
	ViewTerminal(id string) (*terminal.Viewer, error)
	// API is the session's Kubernetes API, at the root of its paths.
	API() http.Handler
	// ReadOnlyAPI is the same for somebody who may only read, and sees no Secrets,
	// whoever requests say that they are from.
	ReadOnlyAPI() http.Handler
	// Token is what the owner of the session shows to its API.
	Token(ctx context.Context) (string, error)
	// Extend gives it more time, or fails with model.ErrConflict if there is none to be had.
	Extend(ctx context.Context) error
	Close() error
}

// Adapt makes an Engine of functions that return a Session type of their own.
func Adapt[S Session](open func(context.Context, model.SessionOptions) (S, error), find func(id string) (S, error), count func() int,
	startOver func(ctx context.Context, id string, begin func(S) error) (S, error), fork func(ctx context.Context, id string, secrets bool) (S, error)) Engine {
	return adapter[S]{open, find, count, startOver, fork}
}

type adapter[S Session] struct {
	open      func(context.Context, model.SessionOptions) (S, error)
	find      func(id string) (S, error)
	count     func() int
	startOver func(context.Context, string, func(S) error) (S, error)
	fork      func(context.Context, string, bool) (S, error)
}

func (a adapter[S]) Open(ctx context.Context, o model.SessionOptions) (Session, error) {
	s, err := a.open(ctx, o)
	if err != nil {
		return nil, err // not a nil S in an interface that is not nil
	}
	return s, nil
}

func (a adapter[S]) Session(id string) (Session, error) {
	s, err := a.find(id)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (a adapter[S]) Sessions() int { return a.count() }

func (a adapter[S]) StartOver(ctx context.Context, id string, begin func(Session) error) (Session, error) {
	s, err := a.startOver(ctx, id, func(s S) error { return begin(s) })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (a adapter[S]) Fork(ctx context.Context, id string, secrets bool) (Session, error) {
	s, err := a.fork(ctx, id, secrets)
	if err != nil {
		return nil, err
	}
	return s, nil
}
