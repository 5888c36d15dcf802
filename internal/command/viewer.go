package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/podhop/podhop/engine"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/server"
	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/stream"
	"github.com/podhop/podhop/server/views"
	"github.com/podhop/podhop/web"
)

// An audience is the viewers of a session, and a server of its own on the loopback device
// that they follow it by.
type audience struct {
	ctx     context.Context
	cancel  context.CancelFunc
	url     string
	server  *http.Server
	running sync.WaitGroup
}

func newAudience(ctx context.Context, s *engine.Session) (*audience, error) {
	streams := stream.New(stream.Config{Log: slog.New(slog.DiscardHandler)})
	return audienceOf(ctx, "/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { streams.Serve(w, r, s.Subscribe(0)) }))
}

// newViewers is an audience that comes by a link to look on, through all that a server has
// in front of its sessions.
func newViewers(ctx context.Context, e *engine.Engine, s *engine.Session) (*audience, error) {
	documents := keep.Memory()
	srv, err := server.New(server.Config{Engine: server.Adapt(e.Open, e.Session, e.Sessions, e.StartOver, e.Fork), Store: documents,
		Pages: web.New(web.Config{}), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	key, err := views.New(documents, slog.New(slog.DiscardHandler)).Make(ctx, s.ID(), views.Look, "", time.Time{})
	if err != nil {
		return nil, err
	}
	return audienceOf(ctx, "/api/sessions/"+key+"/stream", srv.Handler())
}

func audienceOf(ctx context.Context, path string, handler http.Handler) (*audience, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &audience{url: "http://" + l.Addr().String() + path}
	a.server = &http.Server{Handler: handler}
	a.ctx, a.cancel = context.WithCancel(ctx)
	a.running.Go(func() { _ = a.server.Serve(l) })
	return a, nil
}

// close sends everybody away.
func (a *audience) close() error {
	a.cancel()
	err := a.server.Close()
	a.running.Wait()
	return err
}

// A viewer follows a session as a browser does, over a websocket.
type viewer struct {
	seen chan struct{} // the snapshot has come

	mu       sync.Mutex
	idle     bool // it reads, and looks at nothing after the snapshot
	journeys int
	delays   []time.Duration // from a packet's first sight to here
	lost     map[string]uint64
	edges    int // times that it was turned to them
	mode     string
	err      error
}

// join adds a viewer. It returns when the snapshot is there, and with that the capture.
func (a *audience) join(idle bool) (*viewer, error) {
	v := &viewer{seen: make(chan struct{}), lost: map[string]uint64{}, idle: idle}
	ended := make(chan struct{})
	a.running.Go(func() {
		defer close(ended)
		err := stream.ReadText(a.ctx, a.url, v.take)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.err = err
	})
	select {
	case <-v.seen:
		return v, nil
	case <-ended:
	case <-time.After(60 * time.Second):
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return nil, errors.Join(errors.New("nothing came over the websocket"), v.err)
}

// watch is an audience of one; stop ends it.
func watch(ctx context.Context, s *engine.Session) (v *viewer, stop func() error, err error) {
	a, err := newAudience(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	if v, err = a.join(false); err != nil {
		return nil, nil, errors.Join(err, a.close())
	}
	return v, a.close, nil
}

// take reads of a journey no more than when its packet was first seen: what a browser
// does with the rest is not the server's cost.
func (v *viewer) take(text []byte) error {
	now := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.idle && v.mode != "" {
		return nil
	}
	if at, ok := value(text, `"type":"`); ok && bytes.HasPrefix(at, []byte(`journey"`)) {
		v.journeys++
		if at, ok = value(text, `"start":`); ok {
			digits, _, _ := bytes.Cut(at, []byte(","))
			if start, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
				v.delays = append(v.delays, now.Sub(time.Unix(0, start)))
			}
		}
		return nil
	}
	var m model.Message
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	switch {
	case m.Lost != nil:
		v.lost[m.Lost.Reason] += m.Lost.Count
	case m.Capture != nil:
		if m.Capture.Mode != model.CaptureAll && v.mode == model.CaptureAll {
			v.edges++
		}
		v.mode = m.Capture.Mode
	case m.Snapshot != nil:
		v.mode = m.Snapshot.Capture.Mode
		select {
		case <-v.seen: // it was too slow
		default:
			close(v.seen)
		}
	}
	return nil
}

// value is what follows a key; what strings say cannot look like one, quotes in them
// being escaped.
func value(text []byte, key string) ([]byte, bool) {
	_, after, ok := bytes.Cut(text, []byte(key))
	return after, ok
}

// settle waits until nothing more comes: a journey ends some 60 ms after its packet.
func (v *viewer) settle(ctx context.Context) error {
	for last := -1; ; {
		v.mu.Lock()
		n := v.journeys
		v.mu.Unlock()
		if n == last {
			return nil
		}
		last = n
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tally is what came since the last one.
type tally struct {
	journeys int
	delays   []time.Duration
	lost     map[string]uint64
	edges    int
}

func (v *viewer) tally() (t tally) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t = tally{journeys: v.journeys, delays: slices.Clone(v.delays), lost: maps.Clone(v.lost), edges: v.edges}
	v.journeys, v.delays, v.edges = 0, nil, 0
	clear(v.lost)
	return t
}
