package stream

//lint:file-ignore SA1019 see stream.go

import (
	"context"
	"net/http"

	"nhooyr.io/websocket"
)

// Follow reads a Stream at an http or ws URL as a viewer does, and gives take the text
// of each frame, which is one model.Message, until ctx ends or the line does. Its error
// is never nil.
func Follow(ctx context.Context, client *http.Client, url string, take func(text []byte)) error {
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		take(text)
	}
}
