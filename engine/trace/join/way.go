// Package join puts together what the capture saw: the records of one packet
// become a way, across NAT and nodes, and the ways of one connection a
// conversation.
//
// It is pure: time is given to it, and it reads no clock, file or socket. It
// must know nothing of Kubernetes, rule texts or names.
package join

import (
	"slices"

	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// Underlay is the namespace whose bridge joins the nodes: there, frames
// addressed to others are not strays but the traffic.
const Underlay = "underlay"

// A Way is everything that was seen of one packet, in the order it happened.
type Way struct {
	// Conversation is the connection's id; Reply says that the packet is from the
	// answering side.
	Conversation string
	Reply        bool
	Steps        []Step
	// Answer is the reset or ICMP error that this packet brought about; of a question
	// for a neighbour, the neighbour's answer.
	Answer *Answer
}

// A Step is a packet seen at a device, or a base chain evaluated on it. Exactly
// one of Seen and Evaluation is set.
type Step struct {
	Seen       *Seen
	Evaluation *Evaluation
	// Translated is the tuple that this namespace's conntrack rewrites the packet's
	// to, Origin the one that it rewrote to the packet's; nil where it does not.
	Translated, Origin *record.Tuple
}

// Packet is the packet's headers at this step.
func (s *Step) Packet() *packet.Packet {
	if s.Seen != nil {
		return &s.Seen.Packet
	}
	return &s.Evaluation.Packet
}

// Namespace is the vertex in whose namespace this happened.
func (s *Step) Namespace() string {
	if s.Seen != nil {
		return s.Seen.Namespace
	}
	return s.Evaluation.Namespace
}

// Seen is a packet at a device: a frame, and what was parsed from it.
type Seen struct {
	record.Frame
	Packet packet.Packet
	// Inferred says that it was not captured here but at the link's other end, which sees
	// what this end sends when it is sent, and of which the frame is.
	Inferred bool
}

// sent is the sight at the sending end of the link that s was received from.
func (s *Seen) sent() Seen {
	o := Seen{Frame: s.Frame, Packet: s.Packet, Inferred: true}
	o.Namespace, o.Direction, o.BothEnds = s.Device.Peer, record.Out, false
	o.Device = record.Device{Name: s.Device.PeerName, Peer: s.Namespace, PeerName: s.Device.Name}
	if s.Device.Peer == "" { // lo: both ends are one
		o.Namespace, o.Device = s.Namespace, s.Device
	}
	return o
}

// An Evaluation is one base chain's verdict on a packet: its rule events, in order.
type Evaluation struct {
	Namespace string
	Packet    packet.Packet // as the chain found it
	In, Out   string        // devices
	Events    []record.Rule
}

// An Answer is a reset, an abort, an ICMP error or a neighbour that a packet brought about.
type Answer struct {
	// By is the vertex that sent it.
	By     string
	Packet packet.Packet
	// time is when it was first seen, which tells who sent it.
	time int64
}

// Seen reports whether any device saw the packet, not only rules.
func (w *Way) Seen() bool {
	for i := range w.Steps {
		if w.Steps[i].Seen != nil {
			return true
		}
	}
	return false
}

// Last is when a device saw the packet last; 0 if none did.
func (w *Way) Last() int64 {
	for _, s := range slices.Backward(w.Steps) {
		if s.Seen != nil {
			return s.Seen.Time
		}
	}
	return 0
}

// Start is when the packet was first seen; if only rules saw it, when they were
// heard of.
func (w *Way) Start() int64 {
	for i := range w.Steps {
		if s := w.Steps[i].Seen; s != nil {
			return s.Time
		}
	}
	return w.Steps[0].Evaluation.Events[0].Heard
}
