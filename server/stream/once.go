package stream

import (
	"bufio"
	"encoding/binary"
	"net"
	"net/http"
)

// once is a ResponseWriter whose connection says once that it closes. nhooyr.io/websocket
// answers the close frame with which the peer has answered its own, and browsers take a frame
// after the last one for a broken line: they would not tell the page why it was closed
// (RFC 6455, section 5.5.1).
type once struct{ http.ResponseWriter }

func (o once) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(o.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	last := &lastFrame{Conn: conn}
	return last, bufio.NewReadWriter(rw.Reader, bufio.NewWriter(last)), nil
}

func (o once) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// lastFrame drops what is written after a close frame. It is written to by one at a time.
type lastFrame struct {
	net.Conn
	head    []byte // of a frame, as far as it has been written
	left    uint64 // bytes of a frame's payload that are to come
	closing bool   // that frame is the last
	over    bool
}

func (l *lastFrame) Write(p []byte) (int, error) {
	if l.over {
		return len(p), nil
	}
	n, err := l.Conn.Write(p[:l.until(p)])
	if err == nil {
		n = len(p)
	}
	return n, err
}

// until is how much of p is not behind the last frame. Frames of a server have no mask.
func (l *lastFrame) until(p []byte) int {
	for i := 0; ; {
		n := min(l.left, uint64(len(p)-i))
		l.left -= n
		i += int(n)
		if l.over = l.closing && l.left == 0; l.over || i == len(p) {
			return i
		}
		l.head = append(l.head, p[i])
		i++
		if size, ok := payload(l.head); ok {
			l.left, l.closing, l.head = size, l.head[0]&15 == 8, l.head[:0]
		}
	}
}

// payload is how much follows a frame's head, once that is whole.
func payload(head []byte) (size uint64, ok bool) {
	if len(head) < 2 {
		return 0, false
	}
	switch head[1] & 127 {
	case 126:
		if ok = len(head) == 4; ok {
			size = uint64(binary.BigEndian.Uint16(head[2:]))
		}
	case 127:
		if ok = len(head) == 10; ok {
			size = binary.BigEndian.Uint64(head[2:])
		}
	default:
		size, ok = uint64(head[1]&127), true
	}
	return size, ok
}
