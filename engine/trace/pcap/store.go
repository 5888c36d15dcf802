package pcap

import (
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
	bytes int
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
	s.bytes += e.size()
	n := 0
	for ; s.bytes > s.limit && n < len(s.kept)-1; n++ {
		s.bytes -= s.kept[n].size()
	}
	clear(s.kept[:n]) // what append will leave behind
	s.kept = s.kept[n:]
}

func wanted(f model.PacketFilter, e *entry) bool {
	return (f.Journey == "" || f.Journey == e.journey.ID) &&
		(f.Conversation == "" || f.Conversation == e.journey.Conversation || f.Conversation == e.journey.Via)
}

func wantedFrame(f model.PacketFilter, r *record.Frame) bool {
	return (f.Vertex == "" || f.Vertex == r.Namespace || f.Vertex == r.Device.Peer) &&
		(f.Device == "" || f.Device == r.Device.Name && f.Vertex == r.Namespace || f.Device == r.Device.PeerName && f.Vertex == r.Device.Peer)
}

// find are the entries that a filter lets through.
func (s *Store) find(f model.PacketFilter) (all []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.kept {
		if wanted(f, e) {
			all = append(all, e)
		}
	}
	return all
}
