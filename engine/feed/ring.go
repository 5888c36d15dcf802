package feed

import (
	"slices"

	"github.com/podhop/podhop/engine/model"
)

// A ring is the log: consecutive messages, the oldest dropped first. It keeps
// the newest even if that alone is over the bounds.
type ring struct {
	messages, bytes int // the bounds

	entries []entry
	head    int // entries before it are dropped
	held    int // bytes
}

type entry struct {
	message model.Message
	size    int
}

func (r *ring) add(m model.Message, size int) {
	r.entries = append(r.entries, entry{m, size})
	r.held += size
	r.drop(r.bytes)
}

// drop lets go of the oldest that are beyond the bounds, of bytes that are told.
func (r *ring) drop(bytes int) {
	for r.len() > 1 && (r.len() > r.messages || r.held > bytes) {
		r.held -= r.entries[r.head].size
		r.entries[r.head] = entry{} // let go of what it points to
		r.head++
	}
	// Move to the front only when half is waste: constant cost a message.
	if r.head > 64 && r.head > len(r.entries)/2 {
		r.entries = slices.Delete(r.entries, 0, r.head)
		r.head = 0
	}
}

func (r *ring) len() int { return len(r.entries) - r.head }

// after copies at most limit messages whose Seq is above seq. It says false if
// some of those are not held any more, newest being the newest Seq there is.
func (r *ring) after(seq, newest uint64, limit int) ([]model.Message, bool) {
	if seq > newest {
		return nil, false // of another life of this session
	}
	behind := newest - seq
	if behind > uint64(r.len()) {
		return nil, false
	}
	from := len(r.entries) - int(behind)
	to := min(len(r.entries), from+limit)
	messages := make([]model.Message, 0, to-from)
	for _, e := range r.entries[from:to] {
		messages = append(messages, e.message)
	}
	return messages, true
}

// recent holds the newest journeys, and the sequence numbers of those dropped,
// so that a viewer who missed them can be told how many.
type recent struct {
	count, bytes int // the bounds

	journeys []held
	size     int
	dropped  []uint64
	gone     uint64 // all that were dropped
}

type held struct {
	journey *model.Journey
	seq     uint64
	size    int
}

// droppedSeqs bounds the numbers remembered: 64 KiB a session at most.
const droppedSeqs = 8192

func (r *recent) add(j *model.Journey, seq uint64, size int) {
	r.journeys = append(r.journeys, held{j, seq, size})
	r.size += size
	drop := 0
	for len(r.journeys)-drop > 1 && (len(r.journeys)-drop > r.count || r.size > r.bytes) {
		r.size -= r.journeys[drop].size
		r.dropped = append(r.dropped, r.journeys[drop].seq)
		drop++
	}
	clear(r.journeys[:drop])
	r.journeys = r.journeys[drop:] // append moves them, now and then
	r.gone += uint64(drop)
	if over := len(r.dropped) - droppedSeqs; over > 0 {
		r.dropped = r.dropped[over:]
	}
}

// all is how many there have been.
func (r *recent) all() uint64 { return r.gone + uint64(len(r.journeys)) }

// missed counts the dropped journeys that came after seq. It is exact unless
// there were more than droppedSeqs, and never too high.
func (r *recent) missed(seq uint64) uint64 {
	at, _ := slices.BinarySearch(r.dropped, seq+1)
	return uint64(len(r.dropped) - at)
}

func (r *recent) list() []model.Journey {
	journeys := make([]model.Journey, len(r.journeys))
	for i, h := range r.journeys {
		journeys[i] = *h.journey
	}
	return journeys
}

func (r *recent) find(id string) (model.Journey, bool) {
	for i := len(r.journeys) - 1; i >= 0; i-- {
		if r.journeys[i].journey.ID == id {
			return *r.journeys[i].journey, true
		}
	}
	return model.Journey{}, false
}
