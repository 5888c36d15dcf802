package packet

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Types of SCTP's chunks (RFC 9260, 3.2).
const (
	sctpData    = 0
	sctpInit    = 1
	sctpInitAck = 2
	sctpAbort   = 6
)

// sctpNames are the chunks as RFC 9260 calls them.
var sctpNames = [...]string{"DATA", "INIT", "INIT ACK", "SACK", "HEARTBEAT", "HEARTBEAT ACK", "ABORT", "SHUTDOWN",
	"SHUTDOWN ACK", "ERROR", "COOKIE ECHO", "COOKIE ACK", "ECNE", "CWR", "SHUTDOWN COMPLETE"}

// sctp notes the first chunk: of INIT the tag that answers must have, so that it is
// known when only 20 bytes are, as rule events have it.
func (p *Packet) sctp() {
	b := p.Payload
	if len(b) == 0 {
		return
	}
	p.Type = b[0]
	if p.Type == sctpInit && len(b) >= 8 {
		p.Ack = binary.BigEndian.Uint32(b[4:])
	}
}

// Opens reports whether the packet opens a connection, and with what number: TCP's SYN
// and SCTP's INIT, which tell a new connection from one sent again.
func (p *Packet) Opens() (number uint32, ok bool) {
	switch {
	case p.Fragment:
		return 0, false
	case p.Protocol == TCP:
		return p.Seq, p.Flags&(SYN|ACK) == SYN
	case p.Protocol == SCTP:
		return p.Ack, p.Type == sctpInit && len(p.Payload) >= 8
	}
	return 0, false
}

// Refuses reports whether the packet is a reset or an abort, and the number of the
// opening that it answers, as Answered has it.
func (p *Packet) Refuses() (number uint32, ok bool) {
	switch {
	case p.Fragment:
		return 0, false
	case p.Protocol == TCP:
		return p.Ack, p.Flags&(RST|ACK) == RST|ACK
	case p.Protocol == SCTP:
		// RFC 9260, 8.4: an INIT that nobody wants is answered with its own tag.
		return p.Seq, p.Type == sctpAbort && len(p.Payload) > 0
	}
	return 0, false
}

// Answered is the number by which a refusal names the opening packet.
func (p *Packet) Answered() uint32 {
	if n, ok := p.Opens(); ok && p.Protocol == TCP {
		return n + 1
	} else if ok {
		return n
	}
	return 0
}

// sctpSummary names the chunks, and how much data there is.
func (p *Packet) sctpSummary() string {
	var names []string
	data := 0
	rest := p.Payload
	for len(rest) >= 4 && len(names) < 8 {
		kind, size := rest[0], int(binary.BigEndian.Uint16(rest[2:]))
		if size < 4 {
			break
		}
		name := fmt.Sprintf("chunk type %d", kind)
		if int(kind) < len(sctpNames) {
			name = sctpNames[kind]
		}
		if kind == sctpData {
			data += max(0, size-16)
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	switch {
	case len(names) == 0:
		return ProtocolName(SCTP)
	case data > 0:
		return fmt.Sprintf("%s, %d bytes", strings.Join(names, ", "), data)
	}
	return strings.Join(names, ", ")
}
