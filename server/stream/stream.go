// Package stream sends a session's messages over a websocket: text frames of JSON
// model.Messages, one a line, in the order of their Seq. And it joins viewers to terminals.
//
// It is the only importer of the websocket package, so that a move to another is
// made here alone. It must not know what the messages say, nor of sessions: it
// gets a subscription of the feed, and lets go of it when the viewer goes.
package stream

//lint:file-ignore SA1019 the package's name is the owner's choice; its maintained path has the same API

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"nhooyr.io/websocket"

	"github.com/podhop/podhop/engine/feed"
	"github.com/podhop/podhop/engine/model"
)

// Gone is the close code of a session that is no longer there: coming back is of
// no use. Beside it there are 1001 when the server goes away, and 1008 for a
// viewer who says something. One who is too slow is cut off without a word.
const Gone = 4404

// Ended is the close code of a stream whose viewer may not look any more.
const Ended = 4403

// ErrEnded is the cause of a request's context that ends because its viewer may not look
// any more.
var ErrEnded = errors.New("sharing has ended")

var (
	errStopping = errors.New("the server goes away")
	errTalks    = errors.New("the viewer said something")
)

// Config bounds what a viewer may take. Zero fields take the defaults named.
type Config struct {
	// WriteTimeout is how long one frame may take: 15 s. A viewer who is slower is
	// cut off, and comes back for the rest.
	WriteTimeout time.Duration
	// Ping is how long a quiet line is trusted, and how long the answer may take: 20 s.
	Ping time.Duration
	// Batch is how many messages are taken from the feed at once: 64.
	Batch int
	// Sent is called after messages were written, and Lost with the journeys that a
	// viewer was told it missed. Both may be nil.
	Sent func(messages int)
	Lost func(journeys uint64)
	// Session is given each session that is about to be told, to fill in what only
	// the server knows: its addresses as this viewer sees them. It may be nil.
	Session func(r *http.Request, s model.Session) model.Session
	// Typed is asked before what a viewer of a terminal typed is taken: if it is false, it is forgotten. It may
	// be nil.
	Typed func(r *http.Request) bool
	Log   *slog.Logger
}

// A Stream serves viewers. Its methods may be called at once.
type Stream struct{ cfg Config }

// New returns a Stream.
func New(cfg Config) *Stream {
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = 15 * time.Second
	}
	if cfg.Ping == 0 {
		cfg.Ping = 20 * time.Second
	}
	if cfg.Batch == 0 {
		cfg.Batch = 64
	}
	if cfg.Sent == nil {
		cfg.Sent = func(int) {}
	}
	if cfg.Lost == nil {
		cfg.Lost = func(uint64) {}
	}
	if cfg.Session == nil {
		cfg.Session = func(_ *http.Request, s model.Session) model.Session { return s }
	}
	if cfg.Typed == nil {
		cfg.Typed = func(*http.Request) bool { return true }
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Stream{cfg}
}

// Serve turns the request into a websocket and sends what sub has until the
// viewer, the session or the server goes. The request must be of the same
// origin. It closes sub.
func (s *Stream) Serve(w http.ResponseWriter, r *http.Request, sub *feed.Subscription) {
	defer sub.Close()
	// No compression: a viewer's window would cost more memory than a session's
	// whole feed, and most viewers are near.
	conn, err := websocket.Accept(once{w}, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		s.cfg.Log.DebugContext(r.Context(), "websocket refused", "err", err)
		return // Accept has answered
	}
	defer conn.CloseNow()
	// Reading is what notices that the viewer has left. Its context has no end: that
	// would cut the line without a word, and the words are said below.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	defer cancel(nil)
	defer context.AfterFunc(r.Context(), func() { cancel(stopping(r.Context())) })()
	conn.SetReadLimit(512)
	go func() {
		_, _, err := conn.Reader(context.WithoutCancel(r.Context()))
		if err == nil {
			err = errTalks
		}
		cancel(err)
	}()
	err = s.send(ctx, conn, r, sub)
	switch {
	case errors.Is(err, feed.ErrClosed):
		conn.Close(Gone, "the session is gone")
	case context.Cause(ctx) == ErrEnded:
		conn.Close(Ended, ErrEnded.Error())
	case errors.Is(err, feed.ErrAway), context.Cause(ctx) == errStopping:
		conn.Close(websocket.StatusGoingAway, "the server goes away")
	case context.Cause(ctx) == errTalks:
		conn.Close(websocket.StatusPolicyViolation, "viewers have nothing to say")
	}
	s.cfg.Log.DebugContext(r.Context(), "viewer left", "err", err, "lost", sub.Lost())
}

// stopping is why a request's context has ended.
func stopping(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), ErrEnded) {
		return ErrEnded
	}
	return errStopping
}

// send writes until something ends.
func (s *Stream) send(ctx context.Context, conn *websocket.Conn, r *http.Request, sub *feed.Subscription) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, s.cfg.Ping)
		batch, err := sub.Batch(quiet, s.cfg.Batch)
		cancel()
		switch {
		case err == nil:
			if err = s.write(ctx, conn, r, sub, batch); err == nil {
				err = rest(ctx, sub.Rest())
			}
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			err = ping(ctx, conn, s.cfg.Ping)
		}
		if err != nil {
			return err
		}
	}
}

// write sends the batch as one message of the websocket: a viewer who is some messages
// behind, or one of a thousand, costs the kernel and the browser no more than one who is
// not. It lets what is under way end, though ctx is done: cut off in the middle, nothing
// could be said after it.
func (s *Stream) write(ctx context.Context, conn *websocket.Conn, r *http.Request, sub *feed.Subscription, batch []model.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.WriteTimeout)
	defer cancel()
	w, err := conn.Writer(ctx, websocket.MessageText)
	if err != nil {
		return err
	}
	for i := range batch {
		text, err := sub.Encode(s.own(r, &batch[i]))
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	s.cfg.Sent(len(batch))
	return nil
}

// own fills in what only the server knows of a message to this viewer.
func (s *Stream) own(r *http.Request, m *model.Message) *model.Message {
	switch {
	case m.Snapshot != nil:
		snapshot := *m.Snapshot // the feed's own
		snapshot.Session = s.cfg.Session(r, snapshot.Session)
		m.Snapshot = &snapshot
	case m.Session != nil:
		session := s.cfg.Session(r, *m.Session)
		m.Session = &session
	case m.Lost != nil:
		s.cfg.Lost(m.Lost.Count)
	}
	return m
}

// rest lets messages gather. Who is being sent away need not wait.
func rest(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func ping(ctx context.Context, conn *websocket.Conn, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return conn.Ping(ctx)
}
