package join

import (
	"strconv"

	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// idle is after how long, in nanoseconds, equal tuples of a protocol without
// connections mean a new conversation.
const idle = 60e9

// conversations knows which tuples belong together.
type conversations struct {
	limit  int
	last   uint64
	byFlow map[flow]membership
}

type membership struct {
	*conversation
	reply bool
}

type conversation struct {
	id    string
	isn   uint32 // of the opening side: initial sequence number of TCP, initiate tag of SCTP
	known bool   // isn is
	used  int64
}

func newConversations(limit int) *conversations {
	return &conversations{limit: limit, byFlow: map[flow]membership{}}
}

// assign gives a way its conversation. Ways must come in the order they started.
func (v *conversations) assign(w *Way, c *connections, now int64) {
	p := w.Steps[0].Packet()
	if p.IsError() && v.assignError(w, c, now) {
		return
	}
	flows := w.flows(c)
	m, ok := v.lookup(flows)
	number, opening := p.Opens()
	if ok && (opening && m.known && m.isn != number || p.Protocol != packet.TCP && now-m.used > idle) {
		ok = false // the ports are used again
	}
	if !ok {
		m = v.open(p, flows, c)
	}
	if opening && !m.known {
		m.isn, m.known = number, true
	}
	v.join(w, m, flows, now)
}

// assignError joins an ICMP error to the conversation of the packet it quotes.
// Rules see too little of the error to tell which that is.
func (v *conversations) assignError(w *Way, c *connections, now int64) bool {
	var quoted []flow
	for i := range w.Steps {
		s := &w.Steps[i]
		if e := s.Packet().Answers; e != nil && e.About().Source.IsValid() {
			e = e.About()
			quoted = append(quoted, flowOf(e.Protocol, s.Namespace(), record.Tuple{Source: e.Source, Destination: e.Destination}))
		}
	}
	if len(quoted) == 0 {
		return false
	}
	flows := c.closure(quoted...)
	m, ok := v.lookup(flows)
	if !ok {
		m = v.open(w.Steps[0].Packet(), flows, c)
	}
	v.put(m, flows, now)
	w.Conversation, w.Reply = m.id, !m.reply
	return true
}

// expect is the conversation of packets with the flow; if none has been taken yet,
// the one that they will join.
func (v *conversations) expect(f flow, c *connections, now int64) string {
	flows := c.closure(f)
	m, ok := v.lookup(flows)
	if !ok {
		m = v.open(&packet.Packet{}, flows, c)
		v.put(m, flows, now)
	}
	return m.id
}

func (v *conversations) lookup(flows []flow) (membership, bool) {
	for _, f := range flows {
		if m, ok := v.byFlow[f]; ok {
			return m, true
		}
	}
	return membership{}, false
}

// open starts a conversation, and says whether these flows are its answers:
// conntrack knows, or a SYN ACK tells; otherwise who is heard first began.
func (v *conversations) open(p *packet.Packet, flows []flow, c *connections) membership {
	v.last++
	m := membership{conversation: &conversation{id: "c" + strconv.FormatUint(v.last, 10)}}
	if reply, known := c.direction(flows); known {
		m.reply = reply
	} else {
		m.reply = p.Answering()
	}
	return m
}

func (v *conversations) join(w *Way, m membership, flows []flow, now int64) {
	v.put(m, flows, now)
	w.Conversation, w.Reply = m.id, m.reply
}

func (v *conversations) put(m membership, flows []flow, now int64) {
	if len(v.byFlow) >= v.limit {
		v.shrink(now)
	}
	m.used = now
	for _, f := range flows {
		v.byFlow[f] = m
		if back := f.reverse(); back != f {
			v.byFlow[back] = membership{m.conversation, !m.reply}
		}
	}
}

// shrink makes room: first what was idle, then whatever was not used just now.
func (v *conversations) shrink(now int64) {
	for _, age := range []int64{idle, idle / 10, 0} {
		for f, m := range v.byFlow {
			if now-m.used > age {
				delete(v.byFlow, f)
			}
		}
		if len(v.byFlow) < v.limit/2 {
			return
		}
	}
	clear(v.byFlow)
}

// rest drops those that were idle for long, and all if there are many.
func (v *conversations) rest(now int64) {
	for f, m := range v.byFlow {
		if now-m.used > idle {
			delete(v.byFlow, f)
		}
	}
	if len(v.byFlow) > v.limit/16 {
		v.byFlow = map[flow]membership{}
	}
}
