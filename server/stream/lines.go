package stream

//lint:file-ignore SA1019 see stream.go

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"nhooyr.io/websocket"

	"github.com/podhop/podhop/engine/model"
)

// ServeLines turns the request into a websocket and sends what next has, as JSON, one a line, until the
// viewer or the server goes or next fails. With model.ErrNotFound it closes by Gone. The request must be of the
// same origin. Close codes are those of Serve.
func ServeLines[M any](s *Stream, w http.ResponseWriter, r *http.Request, next func(context.Context) ([]M, error)) {
	conn, err := websocket.Accept(once{w}, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		s.cfg.Log.DebugContext(r.Context(), "websocket refused", "err", err)
		return // Accept has answered
	}
	defer conn.CloseNow()
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context())) // as in Serve
	defer cancel(nil)
	defer context.AfterFunc(r.Context(), func() { cancel(errStopping) })()
	conn.SetReadLimit(512)
	go func() {
		_, _, err := conn.Reader(context.WithoutCancel(r.Context()))
		if err == nil {
			err = errTalks
		}
		cancel(err)
	}()
	err = sendLines(ctx, s, conn, next)
	switch {
	case errors.Is(err, model.ErrNotFound):
		conn.Close(Gone, "it is gone")
	case context.Cause(ctx) == errStopping:
		conn.Close(websocket.StatusGoingAway, "the server goes away")
	case context.Cause(ctx) == errTalks:
		conn.Close(websocket.StatusPolicyViolation, "viewers have nothing to say")
	}
}

func sendLines[M any](ctx context.Context, s *Stream, conn *websocket.Conn, next func(context.Context) ([]M, error)) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, s.cfg.Ping)
		messages, err := next(quiet)
		cancel()
		switch {
		case err == nil:
			var lines bytes.Buffer
			for i := range messages {
				if err := json.NewEncoder(&lines).Encode(&messages[i]); err != nil {
					return err
				}
			}
			err = writeFrame(ctx, conn, websocket.MessageText, lines.Bytes(), s.cfg.WriteTimeout)
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			err = ping(ctx, conn, s.cfg.Ping)
		}
		if err != nil {
			return err
		}
	}
}
