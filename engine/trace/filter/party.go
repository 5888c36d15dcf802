package filter

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/podhop/podhop/engine/model"
)

// A party is somebody as a filter names them:
//
//	web                  whoever has that name, in any namespace
//	shop/web             in this one
//	pod/shop/web         a vertex of the map, by its ID
//	web-*                * stands for anything
//	10.244.1.2           an address, 10.244.1.2:80 with its port, 10.244.0.0/16 a range
//
// A workload's name stands for its pods, too. Upper and lower case are the same.
type party struct {
	kind    string // lower case; empty: all but a NetworkPolicy
	pattern string // of a name, where it is one; lower case
	port    uint16 // of ranges; 0: any
	ranges  []netip.Prefix
	ids     map[string]bool // of vertices that are meant
}

func newParty(word, kind string, g model.Graph) party {
	p := party{kind: kind}
	if ap, ok := addrOf(word); ok {
		p.ranges, p.port = append(p.ranges, single(ap.Addr())), ap.Port()
		return p
	}
	if r, err := netip.ParsePrefix(word); err == nil {
		p.ranges = append(p.ranges, r.Masked())
		return p
	}
	p.pattern, p.ids = strings.ToLower(word), map[string]bool{}
	owners := map[string]string{}
	for i := range g.Vertices {
		owners[g.Vertices[i].ID] = g.Vertices[i].Owner
	}
	for i := range g.Vertices {
		v := &g.Vertices[i]
		if !p.means(v.ID, owners) {
			continue
		}
		p.ids[v.ID] = true
		for _, text := range slices.Concat(v.IPs, v.External) {
			if a, err := netip.ParseAddr(text); err == nil {
				p.ranges = append(p.ranges, single(a))
			}
		}
	}
	return p
}

// means tells whether a vertex, or a workload that it belongs to, is called so.
func (p *party) means(id string, owners map[string]string) bool {
	if p.kind != "" && !strings.HasPrefix(id, p.kind+"/") {
		return false
	}
	for range 8 { // a chain of owners is shorter, and a ring of them would have no end
		if id == "" {
			break
		}
		if called(p.pattern, id) {
			return true
		}
		id = owners[id]
	}
	return false
}

// called tells whether a pattern names a vertex: by its ID, NAMESPACE/NAME, or its name.
func called(pattern, id string) bool {
	for id = strings.ToLower(id); ; {
		if glob(pattern, id) {
			return true
		}
		_, rest, more := strings.Cut(id, "/")
		if !more {
			return false
		}
		id = rest
	}
}

// glob tells whether a text is as a pattern says, in which * stands for anything.
func glob(pattern, text string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, head)
	for ok {
		head, rest, star = strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(text, head)
		}
		_, text, ok = strings.Cut(text, head)
	}
	return false
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()) }

// is tells whether a vertex is meant.
func (p party) is(id string) bool {
	if id == "" || p.pattern == "" || p.kind != "" && !strings.HasPrefix(id, p.kind+"/") {
		return false
	}
	return p.ids[id] || called(p.pattern, id)
}

// has tells whether "address:port" is one of those meant.
func (p party) has(text string) bool {
	ap, ok := addrOf(text)
	if !ok || p.port != 0 && ap.Port() != p.port {
		return false
	}
	return slices.ContainsFunc(p.ranges, func(r netip.Prefix) bool { return r.Contains(ap.Addr().Unmap()) })
}

// asked: the journey is from who is meant or, if it is a reply, for them.
func (p party) asked(j *model.Journey) bool {
	if !j.Reply {
		return p.is(j.From) || p.has(j.Source)
	}
	if p.is(j.To) {
		return true
	}
	last := len(j.Hops) - 1
	return last >= 0 && p.has(j.Hops[last].Header.Destination)
}

// wasAsked: the journey is for who is meant, by whatever address on its way and by the
// name of a Service or what else was chosen; or, if it is a reply, from them.
func (p party) wasAsked(j *model.Journey) bool {
	end, first := j.To, j.Destination
	if j.Reply {
		end, first = j.From, j.Source
	}
	return p.is(end) || p.has(first) || slices.ContainsFunc(j.Hops, func(h model.Hop) bool {
		return p.has(far(&h.Header, j.Reply)) || h.Before != nil && p.has(far(h.Before, j.Reply)) ||
			h.Decision != nil && h.Decision.Object != nil && h.Decision.Object.Kind != "NetworkPolicy" && p.is(idOf(h.Decision.Object))
	})
}

func far(h *model.Header, reply bool) string {
	if reply {
		return h.Source
	}
	return h.Destination
}

// passed: the packet went through who is meant, or was theirs.
func (p party) passed(j *model.Journey) bool {
	return p.is(j.From) || p.is(j.To) || slices.ContainsFunc(j.Hops, func(h model.Hop) bool { return p.is(h.Place.Vertex) })
}

// tookPart: the packet is from who is meant, or for them, or passed them.
func (p party) tookPart(j *model.Journey) bool {
	return p.is(j.From) || p.is(j.To) || p.has(j.Source) || p.has(j.Destination) || slices.ContainsFunc(j.Hops, func(h model.Hop) bool {
		return p.is(h.Place.Vertex) || p.is(h.Place.Peer) || p.hasEnd(&h)
	})
}

// stoodFor: a Service that is meant was asked for, by its address or a node's port.
func (p party) stoodFor(j *model.Journey) bool {
	return p.has(j.Source) || p.has(j.Destination) || slices.ContainsFunc(j.Hops, func(h model.Hop) bool {
		return p.hasEnd(&h) || p.decidedAt(&h)
	})
}

// decided: a rule of what is meant was met.
func (p party) decided(j *model.Journey) bool {
	return slices.ContainsFunc(j.Hops, func(h model.Hop) bool { return p.decidedAt(&h) })
}

func (p party) decidedAt(h *model.Hop) bool {
	return h.Decision != nil && h.Decision.Object != nil && p.is(idOf(h.Decision.Object))
}

func (p party) hasEnd(h *model.Hop) bool {
	return p.has(h.Header.Source) || p.has(h.Header.Destination)
}

// idOf is the vertex of an object.
func idOf(o *model.Object) string {
	id := strings.ToLower(o.Kind) + "/"
	if o.Namespace != "" {
		id += o.Namespace + "/"
	}
	return id + o.Name
}
