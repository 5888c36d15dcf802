package pcap

import (
	"slices"
	"strings"
	"sync"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/trace/record"
)

// A Store keeps the frames of the latest journeys, up to a number of bytes. It is
// safe for concurrent use.
type Store struct {
	limit int

	mu    sync.Mutex
	kept  []*entry // in the order they came
	count uint64   // of all that ever came
	bytes int
	wake  chan struct{} // closed when the next comes; nil if nobody waits
}

type entry struct {
	journey model.Journey
	frames  []record.Frame
}

// overhead is what a frame takes beside its bytes, about.
const overhead = 200

func (e *entry) size() (n int) {
	for i := range e.frames {
		n += overhead + len(e.frames[i].Data)
	}
	return n
}

// NewStore makes a store that holds so many bytes.
func NewStore(limit int) *Store { return &Store{limit: limit} }

// Add keeps the frames of a journey, and forgets the oldest. It keeps the memory of
// their data.
func (s *Store) Add(j model.Journey, frames []record.Frame) {
	e := &entry{j, frames}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, e)
	s.count++
	s.bytes += e.size()
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
	n := 0
	for ; s.bytes > s.limit && n < len(s.kept)-1; n++ {
		s.bytes -= s.kept[n].size()
	}
	clear(s.kept[:n]) // what append will leave behind
	s.kept = s.kept[n:]
}

// wantedFrame tells whether a frame was seen where a filter wants it. A pod's own device
// is not captured: what passed it was seen at the other end.
func wantedFrame(f model.PacketFilter, r *record.Frame) bool {
	vertex, device := r.Namespace, r.Device.Name
	if strings.HasPrefix(f.Vertex, "pod/") {
		vertex, device = r.Device.Peer, r.Device.PeerName
	}
	return (f.Vertex == "" || f.Vertex == vertex) && (f.Device == "" || f.Device == device)
}

// after are the entries since the first n that ever came, the number of those that came
// by now, and how many of them are not kept any more. wake closes when there are others.
func (s *Store) after(n uint64) (all []*entry, now, missed uint64, wake <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.count - uint64(len(s.kept))
	if n < first {
		n, missed = first, first-n
	}
	if s.wake == nil {
		s.wake = make(chan struct{})
	}
	return slices.Clone(s.kept[n-first:]), s.count, missed, s.wake
}
