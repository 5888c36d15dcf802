package application

import (
	"bytes"
	"encoding/binary"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/packet"
)

// Kinds of what a stream is in the midst of.
type kind uint8

const (
	unknown  kind = iota // between messages, or lost
	inHead               // of a message of HTTP/1
	inFrames             // of HTTP/2
	inDNS
	inTLS
	opaque // nothing more will be understood
)

// A stream is one direction of a connection.
type stream struct {
	known bool   // next is
	next  uint32 // sequence number that is expected
	kind  kind
	// buffer holds the beginning of what is not whole yet; told says that the first
	// line of an HTTP/1 head in it was told.
	buffer []byte
	told   bool
	skip   int // bytes of a body to pass over
	h2     *frames
	out    []Message
}

// read takes a segment.
func (s *stream) read(c *connection, reply bool, p *packet.Packet) []Message {
	if p.Flags&packet.SYN != 0 {
		*s = stream{known: true, next: p.Seq + 1}
		return nil
	}
	if p.PayloadLength == 0 {
		return nil
	}
	if !s.known {
		s.known, s.next = true, p.Seq
	}
	data, length := p.Payload, p.PayloadLength
	switch ahead := int32(p.Seq - s.next); {
	case ahead > 0:
		s.missing(c, int(ahead))
	case int(-ahead) >= length:
		return nil // sent again
	case ahead < 0:
		data, length = data[min(int(-ahead), len(data)):], length+int(ahead)
	}
	s.next = p.Seq + uint32(p.PayloadLength)
	s.take(c, reply, p, data)
	if n := length - len(data); n > 0 {
		s.cut(c, reply)
		s.missing(c, n)
	}
	out := s.out
	s.out = nil
	return out
}

func (s *stream) tell(m Message) {
	if len(s.out) < maxMessages {
		s.out = append(s.out, m)
	}
}

// take goes on with bytes that follow those before.
func (s *stream) take(c *connection, reply bool, p *packet.Packet, data []byte) {
	for len(data) > 0 && s.kind != opaque {
		if s.skip > 0 {
			n := min(s.skip, len(data))
			s.skip, data = s.skip-n, data[n:]
			continue
		}
		if s.kind == unknown {
			s.buffer = append(s.buffer, data...)
			if s.kind = s.detect(c, p); s.kind == unknown {
				return
			}
			data, s.buffer = s.buffer, nil
			continue
		}
		room := maxBuffer - len(s.buffer)
		n := min(room, len(data))
		if n == 0 {
			s.lose(c)
			return
		}
		s.buffer, data = append(s.buffer, data[:n]...), data[n:]
		used, whole := s.step(c, reply)
		if whole {
			// What was not used of the buffer, if it is not lost, comes again.
			rest := s.buffer[min(used, len(s.buffer)):]
			data = append(append(make([]byte, 0, len(rest)+len(data)), rest...), data...)
			s.buffer, s.told = nil, false
		}
	}
}

// step looks for a whole message at the buffer's beginning, and says how long it is.
func (s *stream) step(c *connection, reply bool) (used int, whole bool) {
	switch s.kind {
	case inHead:
		return s.http1(c)
	case inFrames:
		return s.http2(c, reply)
	case inDNS:
		if len(s.buffer) < 2 {
			return 0, false
		}
		n := 2 + int(binary.BigEndian.Uint16(s.buffer))
		if len(s.buffer) < n && len(s.buffer) < maxBuffer {
			return 0, false
		}
		s.dns(s.buffer[2:min(n, len(s.buffer))])
		s.skip = n - min(n, len(s.buffer))
		return min(n, len(s.buffer)), true
	case inTLS:
		if len(s.buffer) < 5 {
			return 0, false
		}
		n := 5 + int(binary.BigEndian.Uint16(s.buffer[3:]))
		if len(s.buffer) < n && len(s.buffer) < maxBuffer {
			return 0, false
		}
		s.tls(s.buffer[:min(n, len(s.buffer))])
		s.kind = opaque
		return len(s.buffer), true
	}
	return len(s.buffer), true
}

// detect says what the buffer, which holds a segment's beginning, begins; unknown
// leaves nothing in it that could not be a beginning.
func (s *stream) detect(c *connection, p *packet.Packet) kind {
	b := s.buffer
	switch {
	case p.Source.Port() == dnsPort || p.Destination.Port() == dnsPort:
		return inDNS
	case c.two && !beginsHTTP(b): // a server that does not speak it answers in HTTP/1
		s.h2 = newFrames()
		return inFrames
	case bytes.HasPrefix(b, []byte(packet.HTTP2Preface)):
		c.two = true
		s.tell(Message{model.Application{Protocol: "HTTP/2", Text: "connection preface"}, "HTTP/2 preface"})
		s.buffer, s.h2 = b[len(packet.HTTP2Preface):], newFrames()
		return inFrames
	case len(b) < len(packet.HTTP2Preface) && bytes.HasPrefix([]byte(packet.HTTP2Preface), b) && b[0] == 'P' && (len(b) < 2 || b[1] == 'R'):
		return unknown // wait for more
	case len(b) >= 3 && b[0] == 22 && b[1] == 3 && b[2] <= 4:
		return inTLS
	case len(b) < 3 && b[0] == 22:
		return unknown
	}
	if beginsHTTP(b) {
		return inHead
	}
	if len(b) >= 8 || !mayBeginHTTP(b) {
		s.buffer = nil
	}
	return unknown
}

var beginnings = []string{"HTTP/1.", "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "PATCH ", "OPTIONS ", "CONNECT ", "TRACE "}

func beginsHTTP(b []byte) bool {
	for _, s := range beginnings {
		if bytes.HasPrefix(b, []byte(s)) {
			return true
		}
	}
	return false
}

func mayBeginHTTP(b []byte) bool {
	for _, s := range beginnings {
		if bytes.HasPrefix([]byte(s), b) {
			return true
		}
	}
	return false
}

// cut tells what can be told of a message whose rest was not captured.
func (s *stream) cut(c *connection, reply bool) {
	switch s.kind {
	case inHead:
		if !s.told {
			s.line(c, s.buffer, false)
		}
	case inDNS:
		if len(s.buffer) > 2 {
			s.dns(s.buffer[2:])
			s.skip = 2 + int(binary.BigEndian.Uint16(s.buffer)) - len(s.buffer)
			s.buffer = nil
		}
	case inTLS:
		s.tls(s.buffer)
	}
}

// missing passes over bytes that were not captured.
func (s *stream) missing(c *connection, n int) {
	if s.skip >= n && len(s.buffer) == 0 {
		s.skip -= n
		return
	}
	s.lose(c)
}

// lose gives up on what the stream is in the midst of. HTTP/2 needs all that was said
// before; others can begin again with a segment.
func (s *stream) lose(c *connection) {
	s.buffer, s.told, s.skip = nil, false, 0
	switch s.kind {
	case inFrames, inTLS, opaque:
		s.kind, s.h2 = opaque, nil
	default:
		s.kind = unknown
		if c.two {
			s.kind = opaque
		}
	}
}

func (s *stream) dns(b []byte) {
	if m, ok := packet.DNS(b); ok {
		s.tell(question(m))
	}
}

func (s *stream) tls(record []byte) {
	h, ok := packet.TLSHello(record)
	if !ok {
		return
	}
	a := model.Application{Protocol: "TLS", Answer: h.Server, Text: "hello"}
	if h.ServerName != "" {
		a.Text += " to " + h.ServerName
	}
	for i, p := range h.Protocols {
		if i == 0 {
			a.Text += ", for " + p
		} else {
			a.Text += " or " + p
		}
	}
	if h.Version != "" {
		a.Text += ", " + h.Version
	}
	s.tell(Message{a, h.String()})
}
