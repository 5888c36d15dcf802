package application

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/packet"
)

// http1 reads the head of a message (RFC 9112), and tells its first line as soon as
// that is whole.
func (s *stream) http1(c *connection) (used int, whole bool) {
	if !s.told {
		line, _, ok := bytes.Cut(s.buffer, []byte("\r\n"))
		if !ok {
			return 0, false
		}
		if !s.line(c, line, true) {
			s.lose(c)
			return len(s.buffer), true
		}
		s.told = true
	}
	end := bytes.Index(s.buffer, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, false
	}
	head := s.buffer[:end]
	used = end + 4
	s.kind = unknown
	switch length, known := s.body(c, head); {
	case !known:
		used = len(s.buffer) // until a segment begins with a message again
	default:
		s.skip = length
	}
	return used, true
}

// line tells a message's first line, of which this may be but the beginning.
func (s *stream) line(c *connection, line []byte, whole bool) bool {
	text, response, ok := packet.HTTPLine(line, whole)
	if !ok {
		return false
	}
	if !whole {
		text += "…"
	}
	if !response && len(c.waiting) < maxWaiting {
		method, _, _ := strings.Cut(text, " ")
		c.waiting = append(c.waiting, method)
	}
	s.tell(Message{model.Application{Protocol: "HTTP", Answer: response, Text: text}, text})
	return true
}

// body is how long a message's body is (RFC 9112, 6.3); known is false if only its end
// will tell.
func (s *stream) body(c *connection, head []byte) (length int, known bool) {
	first, fields, _ := strings.Cut(string(head), "\r\n")
	response := strings.HasPrefix(first, "HTTP/1.")
	if response {
		method := ""
		if len(c.waiting) > 0 {
			method = c.waiting[0]
		}
		status := ""
		if len(first) >= 12 {
			status = first[9:12]
		}
		if !strings.HasPrefix(status, "1") && len(c.waiting) > 0 {
			c.waiting = c.waiting[1:]
		}
		switch {
		case status == "101", method == "CONNECT" && strings.HasPrefix(status, "2"):
			c.opening.kind, c.answering.kind = opaque, opaque // it is another protocol's now
			return 0, false
		case method == "HEAD", status == "204", status == "304", strings.HasPrefix(status, "1"):
			return 0, true
		}
	}
	for field := range strings.SplitSeq(fields, "\r\n") {
		name, value, _ := strings.Cut(field, ":")
		switch value = strings.TrimSpace(value); strings.ToLower(name) {
		case "transfer-encoding":
			return 0, false
		case "content-length":
			n, err := strconv.Atoi(value)
			return max(0, n), err == nil && n >= 0
		}
	}
	return 0, !response
}
