package join

import (
	"cmp"
	"slices"

	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// Config bounds a Joiner. Zero fields take the defaults.
type Config struct {
	// Quiet is how long, in nanoseconds, nothing must have been heard of a packet
	// before its way counts as whole: longer than sockets of different namespaces
	// can lag behind each other. 50 ms.
	Quiet int64
	// MaxAge is how long, in nanoseconds, equal packets may go on without a pause
	// before those that came long enough ago are told. 500 ms.
	MaxAge int64
	// MaxPackets is how many packets may be on their way at once. 8192.
	MaxPackets int
	// MaxHeld is how many records may be held of all of them. 65536.
	MaxHeld int
	// MaxRecords is how many records of one key are held, which is many packets
	// only where packets are equal. 1024.
	MaxRecords int
	// MaxConnections bounds the tuples of conntrack entries and conversations
	// each. 65536.
	MaxConnections int
}

// A Joiner turns records into ways. It is not safe for concurrent use. Times
// given to it as now are nanoseconds of any one clock.
type Joiner struct {
	cfg           Config
	buckets       map[packet.Key]*bucket
	head, tail    *bucket   // by when they were last heard of
	ripe          []*bucket // old enough, but still heard of
	serial        uint64
	held          int // records in buckets
	traces        map[traceID]*trace
	connections   *connections
	conversations *conversations
	answers       *answers
	fragments     *fragments
	lost          map[string]uint64
	hold          int64
}

type traceID struct {
	namespace string
	id        uint32
}

// A trace is where the rule events of one packet in one hook go.
type trace struct {
	evaluation *Evaluation
	at         int64
}

// New makes a Joiner.
func New(cfg Config) *Joiner {
	cfg.Quiet = cmp.Or(cfg.Quiet, 50e6)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, 500e6)
	cfg.MaxPackets = cmp.Or(cfg.MaxPackets, 8192)
	cfg.MaxHeld = cmp.Or(cfg.MaxHeld, 65536)
	cfg.MaxRecords = cmp.Or(cfg.MaxRecords, 1024)
	cfg.MaxConnections = cmp.Or(cfg.MaxConnections, 65536)
	return &Joiner{
		cfg:           cfg,
		buckets:       map[packet.Key]*bucket{},
		traces:        map[traceID]*trace{},
		connections:   newConnections(cfg.MaxConnections),
		conversations: newConversations(cfg.MaxConnections),
		answers:       newAnswers(),
		fragments:     newFragments(),
		lost:          map[string]uint64{},
	}
}

// SetHold says how long a link may hold packets now, in nanoseconds: their way is not
// whole before. What follows only that long after is still on it.
func (j *Joiner) SetHold(hold int64) {
	j.cfg.Quiet += hold - j.hold
	j.cfg.MaxAge += heldTimes * (hold - j.hold)
	j.hold = hold
}

// heldTimes is how often a packet may be held on its way: by its pod's link, by those of
// two nodes at each end, and by the other pod's.
const heldTimes = 6

// Add takes a batch. The joiner keeps the memory of the frames' data.
func (j *Joiner) Add(b record.Batch, now int64) {
	for i := range b.Connections {
		if !j.connections.add(b.Connections[i], now) {
			j.lost["too many connections at once"]++
		}
	}
	for i := range b.Frames {
		j.frame(&b.Frames[i], now)
	}
	for i := range b.Rules {
		j.rule(&b.Rules[i], now)
	}
	for _, l := range b.Lost {
		j.lost[l.Reason] += l.Count
	}
}

func (j *Joiner) frame(f *record.Frame, now int64) {
	if f.Direction == record.Foreign && f.Device.Bridge == "" && f.Namespace != Underlay {
		return // flooded by the bridge; the host's stack throws it away
	}
	parse := packet.ParseFrame
	if f.Bare {
		parse = packet.ParseIP
	}
	p, err := parse(f.Data)
	if err != nil {
		if reason := malformed(f, err); reason != "" {
			j.lost[reason]++
		}
		return
	}
	if p.Chatter() {
		return
	}
	j.fragments.see(&p, now)
	b := j.bucket(p.Key(), now)
	if b == nil {
		return
	}
	switch {
	case len(b.seen) >= j.cfg.MaxRecords:
		j.lost["too many equal packets at once"]++
		return
	case j.held >= j.cfg.MaxHeld:
		j.lost[tooMany]++
		return
	}
	j.held++
	if b.seen == nil {
		b.seen = make([]Seen, 0, 8) // devices on the way between two nodes
	}
	b.seen = append(b.seen, Seen{Frame: *f, Packet: p})
	j.answers.see(&b.seen[len(b.seen)-1], now)
}

// malformed is why a frame's packet has no journey; empty if none is missed.
func malformed(f *record.Frame, err error) string {
	switch {
	case err == packet.ErrNotIP:
		return ""
	case err == packet.ErrMalformed:
		return "malformed packets (a header contradicts itself)"
	case f.Length > len(f.Data):
		return "packets whose headers are longer than what is captured"
	}
	return "malformed packets (they end within a header)"
}

func (j *Joiner) rule(r *record.Rule, now int64) {
	id := traceID{r.Namespace, r.ID}
	t := j.traces[id]
	if len(r.Network) > 0 {
		p, err := packet.ParseHeaders(r.Network, r.Transport)
		// What a neighbour is asked for is longer than what rules show of a packet.
		if err != nil || p.Chatter() || p.Discovery() {
			delete(j.traces, id)
			return
		}
		b := j.bucket(p.Key(), now)
		if b == nil || len(b.evaluations) >= j.cfg.MaxRecords || j.held >= j.cfg.MaxHeld {
			delete(j.traces, id)
			return
		}
		j.held++
		t = &trace{evaluation: &Evaluation{Namespace: r.Namespace, Packet: p, In: r.In, Out: r.Out}}
		b.evaluations = append(b.evaluations, t.evaluation)
		j.traces[id] = t
	}
	if t == nil || len(t.evaluation.Events) >= 64 {
		return
	}
	t.at = now
	e := *r
	e.Network, e.Transport = nil, nil
	t.evaluation.Events = append(t.evaluation.Events, e)
}

// Take returns the ways that became whole by now, in the order they started.
func (j *Joiner) Take(now int64) []Way {
	due := j.ripe
	j.ripe = nil
	for b := j.head; b != nil && now-b.heard >= j.cfg.Quiet; b = j.head {
		j.unlink(b)
		delete(j.buckets, b.key)
		due = append(due, b)
	}
	if len(due) == 0 {
		if j.head == nil {
			j.tidy(now)
		}
		return nil
	}
	var ways []Way
	for _, b := range due {
		j.held -= len(b.seen) + len(b.evaluations)
		ways = append(ways, j.split(b)...)
	}
	slices.SortStableFunc(ways, func(a, b Way) int { return cmp.Compare(a.Start(), b.Start()) })
	for i := range ways {
		j.translate(&ways[i])
		j.conversations.assign(&ways[i], j.connections, now)
		ways[i].Answer = j.answers.find(&ways[i], j.connections)
	}
	j.tidy(now)
	return ways
}

// Conversation is the conversation of packets with a tuple. Packets that are still on
// their way, or not heard of yet, will join it: captures of different namespaces do not
// hand over in the order in which things happened.
func (j *Joiner) Conversation(protocol uint8, t record.Tuple, now int64) string {
	return j.conversations.expect(flow{protocol: protocol, tuple: t}, j.connections, now)
}

// Rest forgets what is of no use after a time in which nothing was heard, of
// connections above all: those that go meanwhile would stay. What is on its way
// must have been taken. Conversations keep their names for as long as they are not idle.
func (j *Joiner) Rest(now int64) {
	j.connections, j.answers = newConnections(j.cfg.MaxConnections), newAnswers()
	clear(j.traces)
	j.conversations.rest(now)
}

// Held counts what is remembered, by what it is.
func (j *Joiner) Held() map[string]int {
	return map[string]int{
		"packets": len(j.buckets), "records": j.held, "traces": len(j.traces), "answers": len(j.answers.order), "fragments": len(j.fragments.order),
		"connections": len(j.connections.byTuple), "conversations": len(j.conversations.byFlow),
	}
}

const tooMany = "too many packets at once"

// tidy forgets what no packet that is still on its way can need.
func (j *Joiner) tidy(now int64) {
	for id, t := range j.traces {
		if now-t.at >= j.cfg.Quiet {
			delete(j.traces, id)
		}
	}
	j.connections.forget(now - 20*j.cfg.Quiet)
	j.answers.forget(now - 20*j.cfg.Quiet)
	j.fragments.forget(now - 20*j.cfg.Quiet)
}

// Next is when Take has something to do, 0 if nothing is on its way.
func (j *Joiner) Next() int64 {
	if len(j.ripe) > 0 {
		return j.ripe[0].heard
	}
	if j.head == nil {
		return 0
	}
	return j.head.heard + j.cfg.Quiet
}

// Mark names everything added so far: Passed(Mark()) turns true once all of it
// has been taken.
func (j *Joiner) Mark() uint64 { return j.serial }

// Passed reports whether everything up to the mark has been taken.
func (j *Joiner) Passed(mark uint64) bool {
	for b := j.head; b != nil; b = b.next {
		if b.serial <= mark {
			return false
		}
	}
	return len(j.ripe) == 0
}

// Lost returns how many records were thrown away since it was last called, by reason.
func (j *Joiner) Lost() map[string]uint64 {
	if len(j.lost) == 0 {
		return nil
	}
	l := j.lost
	j.lost = map[string]uint64{}
	return l
}
