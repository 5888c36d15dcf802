package explain

import (
	"net/netip"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/application"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// Verdicts of a journey; model.Journey lists them.
const (
	Delivered = "delivered"
	Dropped   = "dropped"
	Rejected  = "rejected"
	Underway  = "underway"
)

// Rules is the rules of all nodes.
type Rules interface {
	// Ruleset is a namespace's rules as they are now; nil if they could not be read.
	Ruleset(namespace string) *Ruleset
	// Rule is a rule that an event named, also one that is gone since; nil if it
	// is not known.
	Rule(namespace, family, table string, handle uint64) *Rule
}

// An Explainer turns ways into journeys. It is not safe for concurrent use.
type Explainer struct {
	rules Rules
	// names gives the vertex that has an address; empty if none has.
	names  func(netip.Addr) string
	routes func(namespace string, to netip.Addr, device string) string
	memory memory
	reader *application.Reader
}

// Routes has hops say by which route a packet went out. f gives the one by which a
// namespace sends what is for an address out of a device; empty if it is not known.
func (x *Explainer) Routes(f func(namespace string, to netip.Addr, device string) string) {
	x.routes = f
}

// New makes an Explainer.
func New(rules Rules, names func(netip.Addr) string) *Explainer {
	return &Explainer{rules: rules, names: names, routes: func(string, netip.Addr, string) string { return "" }, memory: memory{byKey: map[memoryKey]remembered{}}, reader: application.NewReader()}
}

// Journey explains one way. The journey has no ID yet. The ways of a
// conversation must come in the order they started.
func (x *Explainer) Journey(w *join.Way) model.Journey {
	first := w.Steps[0].Packet()
	j := model.Journey{
		Conversation: w.Conversation,
		Reply:        w.Reply,
		Protocol:     first.ProtocolName(),
		Summary:      telling(w).Summary(),
		Start:        w.Start(),
		Length:       first.Length,
	}
	x.read(w, &j)
	b := builder{x: x, way: w, journey: &j}
	b.build()
	j.Source, j.Destination = j.Hops[0].Header.Source, j.Hops[0].Header.Destination
	if h := j.Hops[0].Before; h != nil {
		j.Source, j.Destination = h.Source, h.Destination
	}
	j.Duration = j.Hops[len(j.Hops)-1].Time
	return j
}

// read puts in what programs say with the packet.
func (x *Explainer) read(w *join.Way, j *model.Journey) {
	var all []string
	for _, m := range x.reader.Read(w.Conversation, w.Reply, telling(w)) {
		j.Application = append(j.Application, m.Application)
		all = append(all, m.Summary)
	}
	if len(all) > 0 && !telling(w).More {
		j.Summary = strings.Join(all, ", ")
	}
}

// telling is the way's packet with most of its payload: what a rule's event shows of
// one is its headers alone, and encapsulation leaves less room for what is captured.
func telling(w *join.Way) *packet.Packet {
	best := w.Steps[0].Packet()
	for i := range w.Steps {
		if p := w.Steps[i].Packet(); len(p.Payload) > len(best.Payload) {
			best = p
		}
	}
	return best
}

// header is what a packet says of itself.
func header(p *packet.Packet) model.Header {
	h := model.Header{
		Source:      address(p, p.Source),
		Destination: address(p, p.Destination),
		Protocol:    p.ProtocolName(),
		Flags:       p.FlagNames(),
		TTL:         int(p.TTL),
		Length:      p.Length,
	}
	if o := p.Outer; o != nil {
		h.Encap = o.Kind + " " + o.Source.String() + " > " + o.Destination.String()
	}
	return h
}

// rewritten is a packet's header with another tuple.
func rewritten(p *packet.Packet, t record.Tuple) model.Header {
	h := header(p)
	h.Source, h.Destination = address(p, t.Source), address(p, t.Destination)
	return h
}

// address is address:port where the protocol has ports, else the address.
func address(p *packet.Packet, a netip.AddrPort) string {
	if !hasPorts(p) {
		return a.Addr().String()
	}
	return a.String()
}

func hasPorts(p *packet.Packet) bool {
	return !p.Fragment && (p.Protocol == packet.TCP || p.Protocol == packet.UDP || p.Protocol == packet.SCTP)
}

func isPod(vertex string) bool { return strings.HasPrefix(vertex, "pod/") }
