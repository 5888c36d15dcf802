package stream

//lint:file-ignore SA1019 see stream.go

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"nhooyr.io/websocket"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/terminal"
)

// maxInput bounds one frame of a viewer of a terminal, in bytes: a paste is sent in
// parts. A larger one closes the line with 1009.
const maxInput = 64 << 10

// gather is how long a viewer is left alone after a frame that was not full: programs write
// in small pieces, and thousands of frames a second are more than a page can draw.
const gather = 4 * time.Millisecond

// errSays is a viewer whose text frame is none of ours.
var errSays = errors.New("text frames are JSON: {\"columns\":80,\"rows\":24}")

// ServeTerminal turns the request into a websocket to a terminal, until the viewer, the
// terminal or the server goes; see model.TerminalSay for what is said. The request must
// be of the same origin. It closes v.
//
// Close codes are those of Serve, with Gone for a terminal that was closed, and 1008 for a
// text frame that is none. The line stays when the program has ended. What is typed is
// taken from the line as the program takes it, so that a paste waits there; a viewer who
// does not read is waited for as terminal.Config says, and cut off after WriteTimeout.
func (s *Stream) ServeTerminal(w http.ResponseWriter, r *http.Request, v *terminal.Viewer) {
	s.terminal(w, r, v, false)
}

// ShowTerminal is ServeTerminal for somebody who only looks: what they type, and how large
// their page is, is read and forgotten.
func (s *Stream) ShowTerminal(w http.ResponseWriter, r *http.Request, v *terminal.Viewer) {
	s.terminal(w, r, v, true)
}

func (s *Stream) terminal(w http.ResponseWriter, r *http.Request, v *terminal.Viewer, looks bool) {
	defer v.Close()
	conn, err := websocket.Accept(once{w}, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		s.cfg.Log.DebugContext(r.Context(), "websocket refused", "err", err)
		return // Accept has answered
	}
	defer conn.CloseNow()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context())) // as in Serve
	defer cancel(nil)
	defer context.AfterFunc(r.Context(), func() { cancel(stopping(r.Context())) })()
	conn.SetReadLimit(maxInput)
	go func() {
		if looks {
			cancel(ignore(ctx, conn))
			return
		}
		cancel(s.listen(ctx, conn, r, v))
	}()
	err = s.show(ctx, conn, v)
	switch cause := context.Cause(ctx); {
	case errors.Is(err, terminal.ErrAway) || errors.Is(cause, terminal.ErrAway):
		conn.Close(websocket.StatusGoingAway, terminal.ErrAway.Error())
	case errors.Is(err, model.ErrClosed) || errors.Is(cause, model.ErrClosed):
		conn.Close(Gone, "the terminal is gone")
	case cause == ErrEnded:
		conn.Close(Ended, ErrEnded.Error())
	case cause == errStopping:
		conn.Close(websocket.StatusGoingAway, "the server goes away")
	case cause == errSays:
		conn.Close(websocket.StatusPolicyViolation, errSays.Error())
	}
	s.cfg.Log.DebugContext(r.Context(), "viewer of a terminal left", "err", err)
}

// ignore reads what the viewer says, until they go.
func ignore(ctx context.Context, conn *websocket.Conn) error {
	for {
		if _, _, err := conn.Read(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
}

// listen takes what the viewer says, until one of them goes.
func (s *Stream) listen(ctx context.Context, conn *websocket.Conn, r *http.Request, v *terminal.Viewer) error {
	for {
		kind, p, err := conn.Read(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		if kind == websocket.MessageBinary && !s.cfg.Typed(r) {
			continue
		}
		if kind == websocket.MessageBinary {
			if err := v.Type(ctx, p); err != nil {
				return err
			}
			continue
		}
		var say model.TerminalSay
		if json.Unmarshal(p, &say) != nil {
			return errSays
		}
		// What is no size is no news: a page that is hidden has none.
		_ = v.Resize(terminal.Size{Columns: say.Columns, Rows: say.Rows})
	}
}

// show writes what there is to see until something ends. A quiet line is tried by a
// frame of nothing: an answer to a ping would not be read while the program does not take
// what was typed.
func (s *Stream) show(ctx context.Context, conn *websocket.Conn, v *terminal.Viewer) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, s.cfg.Ping)
		seen, err := v.Next(quiet)
		cancel()
		switch {
		case err == nil:
			err = s.showOne(ctx, conn, seen)
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			err = writeFrame(ctx, conn, websocket.MessageBinary, nil, s.cfg.WriteTimeout)
		}
		if n := len(seen.Data); err == nil && n > 0 && n < terminal.Chunk {
			err = rest(ctx, gather)
		}
		if err != nil {
			return err
		}
	}
}

func (s *Stream) showOne(ctx context.Context, conn *websocket.Conn, seen terminal.Seen) error {
	kind, p := websocket.MessageBinary, seen.Data
	if seen.Reset || seen.Ended {
		var err error
		kind = websocket.MessageText
		if p, err = json.Marshal(told(seen)); err != nil {
			return err
		}
	}
	return writeFrame(ctx, conn, kind, p, s.cfg.WriteTimeout)
}

// ended has its code though it be zero.
type ended struct {
	Ended bool `json:"ended"`
	Code  int  `json:"code"`
}

func told(seen terminal.Seen) any {
	if seen.Ended {
		return ended{Ended: true, Code: seen.Code}
	}
	return model.TerminalSay{Reset: true}
}

// writeFrame lets a frame under way end, though ctx is done: cut off in the
// middle, nothing could be said after it.
func writeFrame(ctx context.Context, conn *websocket.Conn, kind websocket.MessageType, p []byte, timeout time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	return conn.Write(ctx, kind, p)
}
