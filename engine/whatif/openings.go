package whatif

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/policy"
)

// An opening is a conversation as policies would be asked about it, if it began now.
type opening struct {
	conversation string
	seen         int64 // nanoseconds since the Unix epoch: of its latest packet
	from, to     string
	service      *model.Object
	out, in      policy.Opening
}

// openings are the conversations that were seen since, the latest first. Left out are
// those that something else than a policy refuses, and those of pods that are gone.
func openings(now *policy.Plan, journeys []model.Journey, since time.Time) (all []opening) {
	by := map[string][]*model.Journey{}
	for i := range journeys {
		j := &journeys[i]
		if j.Start+j.Duration >= since.UnixNano() && judged(j) {
			by[j.Conversation] = append(by[j.Conversation], j)
		}
	}
	for id, js := range by {
		// The first of those that ask is the one that rules were asked about.
		slices.SortFunc(js, func(a, b *model.Journey) int {
			if a.Reply != b.Reply {
				return map[bool]int{false: -1, true: 1}[a.Reply]
			}
			return int(a.Start - b.Start)
		})
		if slices.ContainsFunc(js, refusedElsewhere) {
			continue
		}
		for _, j := range js {
			if o, ok := openingOf(now, j); ok {
				o.conversation = id
				for _, j := range js {
					o.seen = max(o.seen, j.Start+j.Duration)
					if o.service == nil {
						o.service = serviceOf(j)
					}
				}
				all = append(all, o)
				break
			}
		}
	}
	slices.SortFunc(all, func(a, b opening) int { return int(b.seen - a.seen) })
	return all
}

// judged tells what policies are asked about. ICMP's errors belong to other packets.
func judged(j *model.Journey) bool {
	switch j.Protocol {
	case "TCP", "UDP", "SCTP":
		return true
	case "ICMP", "ICMPv6":
		return strings.Contains(strings.ToLower(j.Summary), "echo")
	}
	return false
}

func refusedElsewhere(j *model.Journey) bool {
	if len(j.Hops) == 0 {
		return false
	}
	d := j.Hops[len(j.Hops)-1].Decision
	return d != nil && (d.Kind == "reject" || d.Kind == "drop" || d.Kind == "route" && j.Verdict != "delivered")
}

// openingOf reads what the nodes saw of a packet: who sent it as it came to a node, and
// to whom it was when the node had translated it. Answers are read backwards.
func openingOf(now *policy.Plan, j *model.Journey) (o opening, ok bool) {
	type sight struct{ from, to netip.AddrPort }
	var sights []sight
	at := ""
	for i := range j.Hops {
		h := &j.Hops[i]
		if !strings.HasPrefix(h.Place.Vertex, "node/") {
			at = ""
			continue
		}
		came := h.Header
		if h.Before != nil {
			came = *h.Before
		}
		if h.Place.Vertex != at {
			at = h.Place.Vertex
			sights = append(sights, sight{from: addrPort(came.Source)})
		}
		sights[len(sights)-1].to = addrPort(h.Header.Destination)
	}
	if len(sights) == 0 {
		return o, false
	}
	first, last := sights[0], sights[len(sights)-1]
	o.from, o.to = j.From, j.To
	if j.Reply {
		first, last = sight{last.to, last.from}, sight{first.to, first.from}
		o.from, o.to = j.To, j.From
	}
	if !first.from.IsValid() || !first.to.IsValid() || !last.from.IsValid() || !last.to.IsValid() {
		return o, false
	}
	if !strings.HasPrefix(j.Protocol, "ICMP") && (first.to.Port() == 0 || last.to.Port() == 0) {
		return o, false // a later fragment, which says no port
	}
	protocol := v1.Protocol(j.Protocol)
	o.out = policy.Opening{From: first.from.Addr(), To: first.to.Addr(), Protocol: protocol, Port: first.to.Port()}
	o.in = policy.Opening{From: last.from.Addr(), To: last.to.Addr(), Protocol: protocol, Port: last.to.Port()}
	// An address outlasts its pod, and is given to others.
	sender, receiver := now.Pod(o.out.From), now.Pod(o.in.To)
	if !same(o.from, sender) || isPod(o.to) && !same(o.to, receiver) {
		return o, false
	}
	if receiver != "" {
		o.to = podID(receiver)
	}
	return o, true
}

func serviceOf(j *model.Journey) *model.Object {
	for i := range j.Hops {
		if d := j.Hops[i].Decision; d != nil && d.Object != nil && d.Object.Kind == "Service" {
			return d.Object
		}
	}
	return nil
}

func isPod(id string) bool { return strings.HasPrefix(id, "pod/") }

func podID(name string) string { return "pod/" + name }

// same tells whether a vertex is the pod of that name, or neither is one.
func same(id, pod string) bool {
	if pod == "" {
		return !isPod(id)
	}
	return id == podID(pod)
}

// addrPort reads a header's end: address:port, or of ICMP the address alone.
func addrPort(s string) netip.AddrPort {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, 0)
}
