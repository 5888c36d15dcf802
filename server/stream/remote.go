package stream

//lint:file-ignore SA1019 see stream.go

import (
	"context"
	"encoding/json"
	"net/http"

	"nhooyr.io/websocket"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/terminal"
)

// A Remote is a terminal of a server, looked at by a program. Next is for one goroutine;
// the others are safe for concurrent use.
type Remote struct{ conn *websocket.Conn }

// DialTerminal looks at the terminal whose stream is at a URL (http or https). The error
// is ErrGone where the server knows no such terminal.
func DialTerminal(ctx context.Context, url string) (*Remote, error) {
	conn, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: websocket.CompressionDisabled})
	if answer != nil && answer.StatusCode == http.StatusNotFound {
		return nil, ErrGone
	}
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(largest)
	return &Remote{conn}, nil
}

// Next waits for more to see. The error is ErrGone when the terminal is gone.
func (t *Remote) Next(ctx context.Context) (terminal.Seen, error) {
	kind, p, err := t.conn.Read(ctx)
	switch {
	case websocket.CloseStatus(err) == Gone:
		return terminal.Seen{}, ErrGone
	case err != nil || kind == websocket.MessageBinary:
		return terminal.Seen{Data: p}, err
	}
	var say model.TerminalSay
	err = json.Unmarshal(p, &say)
	return terminal.Seen{Reset: say.Reset, Ended: say.Ended, Code: say.Code}, err
}

// Type gives the program input, in frames that the server takes.
func (t *Remote) Type(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), maxInput/2)
		if err := t.conn.Write(ctx, websocket.MessageBinary, p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Resize says how large the screen is.
func (t *Remote) Resize(ctx context.Context, s terminal.Size) error {
	p, err := json.Marshal(model.TerminalSay{Columns: s.Columns, Rows: s.Rows})
	if err != nil {
		return err
	}
	return t.conn.Write(ctx, websocket.MessageText, p)
}

// Close looks no more. The program goes on.
func (t *Remote) Close() error { return t.conn.Close(websocket.StatusNormalClosure, "") }
