package application

import (
	"encoding/binary"

	"golang.org/x/net/http2/hpack"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/packet"
)

// frames is what it takes to read one direction of HTTP/2 (RFC 9113).
type frames struct {
	decoder *hpack.Decoder
	fields  map[string]string
}

// HTTP/2's frames (RFC 9113, 6).
const (
	frameHead       = 9
	frameHeaders    = 1
	flagEndHeaders  = 4
	flagPadded      = 8
	flagPriority    = 32
	maxDynamicTable = 4096 // what both sides begin with (RFC 9113, 6.5.2)
	maxAsked        = 256
)

func newFrames() *frames {
	f := &frames{}
	f.decoder = hpack.NewDecoder(maxDynamicTable, func(h hpack.HeaderField) {
		if f.fields != nil && len(h.Name) > 0 && h.Name[0] == ':' && len(f.fields) < 8 {
			f.fields[h.Name] = h.Value
		}
	})
	f.decoder.SetMaxStringLength(maxBuffer)
	return f
}

// http2 reads a frame.
func (s *stream) http2(c *connection, reply bool) (used int, whole bool) {
	b := s.buffer
	if len(b) < frameHead {
		return 0, false
	}
	size, kind, flags := int(b[0])<<16|int(b[1])<<8|int(b[2]), b[3], b[4]
	if kind != frameHeaders {
		if kind == 9 || kind == 5 { // CONTINUATION and PUSH_PROMISE have fields that later ones refer to
			s.lose(c)
			return len(b), true
		}
		s.skip = size
		return frameHead, true
	}
	if frameHead+size > maxBuffer || flags&flagEndHeaders == 0 {
		s.lose(c)
		return len(b), true
	}
	if len(b) < frameHead+size {
		return 0, false
	}
	id := binary.BigEndian.Uint32(b[5:]) & 0x7fffffff
	fields, ok := s.h2.headers(b[frameHead:frameHead+size], flags)
	if !ok {
		s.lose(c)
		return len(b), true
	}
	s.exchange(c, reply, id, fields)
	return frameHead + size, true
}

// headers decodes a frame's fields.
func (f *frames) headers(b []byte, flags byte) (map[string]string, bool) {
	if flags&flagPadded != 0 {
		if len(b) < 1 || int(b[0]) >= len(b) {
			return nil, false
		}
		b = b[1 : len(b)-int(b[0])]
	}
	if flags&flagPriority != 0 {
		if len(b) < 5 {
			return nil, false
		}
		b = b[5:]
	}
	f.fields = map[string]string{}
	_, err := f.decoder.Write(b)
	if err == nil {
		err = f.decoder.Close()
	}
	return f.fields, err == nil
}

// exchange tells a request or an answer; trailers are neither.
func (s *stream) exchange(c *connection, reply bool, id uint32, fields map[string]string) {
	a := model.Application{Protocol: "HTTP/2", Answer: reply}
	if status := fields[":status"]; reply && status != "" {
		a.Text, a.About = packet.Printable(status), c.asked[id]
		delete(c.asked, id)
	} else if method := fields[":method"]; !reply && method != "" {
		a.Text = packet.Printable(method + " " + fields[":path"])
		if c.asked == nil {
			c.asked = map[uint32]string{}
		}
		if len(c.asked) < maxAsked {
			c.asked[id] = a.Text
		}
	}
	if a.Text != "" {
		s.tell(Message{a, "HTTP/2 " + a.Text})
	}
}
