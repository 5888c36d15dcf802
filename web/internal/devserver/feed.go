package devserver

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/podhop/podhop/engine/model"
)

// feed is a session's messages in order, for any number of viewers.
type feed struct {
	mu       sync.Mutex
	messages []model.Message
	more     chan struct{} // closed when there are more
	cut      chan struct{} // closed to break every connection
	snapshot func() model.Snapshot
	viewers  int
	resumed  uint64 // the last "after" that a viewer asked for
	away     bool   // the server restarts
	over     []byte // of a close frame, when the stream is cut for good
}

func newFeed(snapshot func() model.Snapshot) *feed {
	return &feed{more: make(chan struct{}), cut: make(chan struct{}), snapshot: snapshot}
}

func (f *feed) push(m model.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.Seq = uint64(len(f.messages) + 1)
	f.messages = append(f.messages, m)
	close(f.more)
	f.more = make(chan struct{})
}

// Cut breaks every viewer's connection, as a bad network would.
func (f *feed) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.cut)
	f.cut = make(chan struct{})
}

// Away has the server restart, or be there again: who looks is told so and sent away.
func (f *feed) Away(away bool) {
	f.mu.Lock()
	f.away = away
	f.mu.Unlock()
	f.Cut()
}

// end breaks every connection with a close code.
func (f *feed) end(code uint16, reason string) {
	f.mu.Lock()
	f.over = append(binary.BigEndian.AppendUint16(nil, code), reason...)
	f.mu.Unlock()
	f.Cut()
}

func (f *feed) isAway() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away
}

func stream(w http.ResponseWriter, r *http.Request, f *feed) {
	conn, err := upgrade(w, r)
	if err != nil {
		return
	}
	defer conn.Close()
	f.mu.Lock()
	cut := f.cut
	f.viewers++
	f.mu.Unlock()
	gone := make(chan struct{})
	go func() { // what the browser sends is of no interest, only that it goes
		defer close(gone)
		buf := make([]byte, 512)
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
	}()
	next, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	if err == nil {
		f.mu.Lock()
		f.resumed = next
		f.mu.Unlock()
	} else {
		snap := f.snapshot()
		f.mu.Lock()
		next = uint64(len(f.messages))
		f.mu.Unlock()
		if sendText(conn, model.Message{Seq: next, Type: "snapshot", Snapshot: &snap}) != nil {
			return
		}
	}
	for {
		f.mu.Lock()
		rest, more := f.messages[min(int(next), len(f.messages)):], f.more
		f.mu.Unlock()
		for _, m := range rest {
			if m.Type == "" {
				next++ // skipped
				continue
			}
			if sendText(conn, m) != nil {
				return
			}
			next = m.Seq
		}
		select {
		case <-more:
		case <-cut:
			f.mu.Lock()
			over := f.over
			if f.away {
				over = []byte{0x03, 0xe9} // it goes away
			}
			f.mu.Unlock()
			if over != nil {
				_ = writeFrame(conn, opClose, over)
			}
			return
		case <-gone:
			return
		}
	}
}

// upgrade does the server's side of RFC 6455, section 4.2.2. The product's own
// websocket code lives in server/stream, which this package must not know.
func upgrade(w http.ResponseWriter, r *http.Request) (net.Conn, error) {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + guid))
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil, err
	}
	return conn, reply(rw, base64.StdEncoding.EncodeToString(sum[:]))
}

func reply(rw *bufio.ReadWriter, accept string) error {
	_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n")
	return rw.Flush()
}

// sendText writes a message as one text frame.
func sendText(conn net.Conn, m model.Message) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return writeFrame(conn, opText, data)
}
