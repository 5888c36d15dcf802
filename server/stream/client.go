package stream

//lint:file-ignore SA1019 see stream.go

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"nhooyr.io/websocket"

	"github.com/podhop/podhop/engine/model"
)

// ErrGone says that the session is no longer there: coming back is of no use.
var ErrGone = fmt.Errorf("the session is %w", model.ErrClosed)

// largest bounds what one message may be, in bytes: a snapshot, many times over.
const largest = 256 << 20

// Read dials the stream at a URL (http or https) and hands each message to take, until
// that fails, ctx is done, or the line breaks. Its error says which; it is never nil.
// ErrGone stands for Gone and for a server that knows no such session.
func Read(ctx context.Context, url string, take func(model.Message) error) error {
	return ReadText(ctx, url, func(text []byte) error {
		var m model.Message
		if err := json.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("a message of the stream: %w", err)
		}
		return take(m)
	})
}

// ReadText is Read for who does not want to pay for reading what messages say: take must
// not keep the text, which is overwritten.
func ReadText(ctx context.Context, url string, take func([]byte) error) error {
	conn, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: websocket.CompressionDisabled})
	if answer != nil && answer.StatusCode == http.StatusNotFound {
		return ErrGone
	}
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(largest)
	var lines bytes.Buffer
	for {
		_, r, err := conn.Reader(ctx)
		if err == nil {
			if lines.Reset(); lines.Cap() > 64<<10 { // a snapshot's, and the next is far away
				lines = bytes.Buffer{}
			}
			_, err = lines.ReadFrom(r)
		}
		switch {
		case ctx.Err() != nil:
			_ = conn.Close(websocket.StatusNormalClosure, "")
			return ctx.Err()
		case websocket.CloseStatus(err) == Gone:
			return ErrGone
		case err != nil:
			return err
		}
		for line := range bytes.Lines(lines.Bytes()) {
			if err := take(line); err != nil {
				return err
			}
		}
	}
}
