package join

import (
	"net/netip"
	"slices"

	"github.com/podhop/podhop/engine/trace/packet"
)

// Bounds of what is remembered of packets that were cut up.
const (
	maxFragmented = 4096
	maxParts      = 128 // of one packet; 64 KiB in pieces of 576 bytes are fewer
)

// fragments knows of packets that were cut up what a fragment alone does not tell:
// the ports, which only the first has, and how many there are.
type fragments struct {
	all   map[fragmented]*parts
	order []fragmentedAt
}

// fragmented is a packet as its fragments name it (RFC 791, RFC 8200).
type fragmented struct {
	protocol            uint8
	id                  uint16
	source, destination netip.Addr
}

type fragmentedAt struct {
	at int64
	fragmented
}

type parts struct {
	first                       bool
	sourcePort, destinationPort uint16
	offsets                     []int // in order
	last                        bool
}

func newFragments() *fragments { return &fragments{all: map[fragmented]*parts{}} }

func fragmentOf(p *packet.Packet) fragmented {
	return fragmented{p.Protocol, p.ID, p.Source.Addr(), p.Destination.Addr()}
}

// see takes note of a packet if it is a fragment.
func (f *fragments) see(p *packet.Packet, now int64) {
	if !p.More && !p.Fragment {
		return
	}
	k := fragmentOf(p)
	w := f.all[k]
	if w == nil {
		if len(f.order) >= maxFragmented {
			return
		}
		w = &parts{}
		f.all[k] = w
		f.order = append(f.order, fragmentedAt{now, k})
	}
	if !p.Fragment {
		w.first, w.sourcePort, w.destinationPort = true, p.Source.Port(), p.Destination.Port()
	}
	w.last = w.last || !p.More
	if i, known := slices.BinarySearch(w.offsets, p.Offset); !known && len(w.offsets) < maxParts {
		w.offsets = slices.Insert(w.offsets, i, p.Offset)
	}
}

// tell puts into a fragment what the others say.
func (f *fragments) tell(p *packet.Packet) {
	if !p.More && !p.Fragment {
		return
	}
	w := f.all[fragmentOf(p)]
	if w == nil || !w.first {
		return
	}
	p.Source = netip.AddrPortFrom(p.Source.Addr(), w.sourcePort)
	p.Destination = netip.AddrPortFrom(p.Destination.Addr(), w.destinationPort)
	if i, known := slices.BinarySearch(w.offsets, p.Offset); known && w.last && len(w.offsets) < maxParts {
		p.Part, p.Parts = i+1, len(w.offsets)
	}
}

// forget drops what was first seen before the given time.
func (f *fragments) forget(before int64) {
	n := 0
	for ; n < len(f.order) && f.order[n].at < before; n++ {
		delete(f.all, f.order[n].fragmented)
	}
	f.order = f.order[n:]
}
