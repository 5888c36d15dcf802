// Package application reads what programs say to each other out of the packets that
// carry it: DNS, HTTP and TLS's hellos, of datagrams and of TCP's segments put in order.
//
// It is pure, holds no more than its bounds, and must take any bytes: what was not
// captured, or is not understood, it passes over until a message begins again. It must
// know nothing of captures, joining or Kubernetes.
package application

import (
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/packet"
)

// Bounds.
const (
	maxConnections = 1024 // that are remembered, the latest
	maxBuffer      = 4096 // of a message's head, each direction
	maxMessages    = 16   // told of one packet
	maxWaiting     = 64   // requests that await their answers
)

// A Message is one that became whole, as far as it matters, with a packet.
type Message struct {
	model.Application
	// Summary is what the packet is called for it.
	Summary string
}

// A Reader remembers what connections are in the midst of. It is not safe for
// concurrent use.
type Reader struct {
	byID    map[string]*connection
	inOrder []string
}

// NewReader makes a Reader.
func NewReader() *Reader { return &Reader{byID: map[string]*connection{}} }

// A connection is one of TCP.
type connection struct {
	// opening and answering are what each side says.
	opening, answering stream
	// waiting holds the methods of HTTP/1 requests that were not answered yet.
	waiting []string
	// asked holds HTTP/2's requests by their stream.
	asked map[uint32]string
	two   bool // it is HTTP/2
}

// Read is what a packet says. The packets of a conversation must come in the order
// they were sent; reply says that it is from the answering side.
func (r *Reader) Read(conversation string, reply bool, p *packet.Packet) []Message {
	switch {
	case p.Fragment:
		return nil
	case p.Protocol == packet.UDP && (p.Source.Port() == dnsPort || p.Destination.Port() == dnsPort):
		if m, ok := packet.DNS(p.Payload); ok {
			return []Message{question(m)}
		}
	case p.Protocol == packet.TCP:
		c := r.connection(conversation, p)
		if c == nil {
			return nil
		}
		s := &c.opening
		if reply {
			s = &c.answering
		}
		return s.read(c, reply, p)
	}
	return nil
}

// connection is the one of a packet; nil while nothing was said.
func (r *Reader) connection(id string, p *packet.Packet) *connection {
	c := r.byID[id]
	if c == nil && (p.PayloadLength > 0 || p.Flags&packet.SYN != 0) {
		c = &connection{}
		r.byID[id] = c
		if r.inOrder = append(r.inOrder, id); len(r.inOrder) > maxConnections {
			delete(r.byID, r.inOrder[0])
			r.inOrder = r.inOrder[1:]
		}
	}
	return c
}

const dnsPort = 53

// question is a message of DNS.
func question(m packet.DNSMessage) Message {
	a := model.Application{Protocol: "DNS", Text: m.Type + " " + m.Name}
	if m.Response {
		a.Answer, a.About, a.Text = true, a.Text, m.Answer
	}
	return Message{a, m.String()}
}
