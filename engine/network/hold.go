package network

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// holdPackets is how many packets one end of a link holds at most, netem's own limit ten
// times over: a wide link may have that many under way.
const holdPackets = 10_000

// A queue says when packets leave that a link holds: after its delay, give or take its
// jitter, and one after the other at its rate. It is pure; times are its caller's.
type queue struct {
	flaw
	random func() float64 // of [0, 1)
	free   time.Time      // when the rate has dealt with what came before
	serial uint64
	held   heldPackets
}

type heldPacket struct {
	due    time.Time
	serial uint64
	data   []byte
}

func newQueue(f flaw) *queue { return &queue{flaw: f, random: rand.Float64} }

// put takes a packet of so many bytes on the wire, and reports whether there was room.
func (q *queue) put(now time.Time, size int, data []byte) bool {
	due := now
	if q.rate > 0 {
		if q.free.Before(now) {
			q.free = now
		}
		if q.free.Sub(now) > HoldMost {
			return false
		}
		q.free = q.free.Add(time.Duration(int64(size) * 8 * int64(time.Second) / q.rate))
		due = q.free
	}
	if len(q.held) >= holdPackets {
		return false
	}
	wait := q.delay
	if q.jitter > 0 {
		wait += time.Duration((2*q.random() - 1) * float64(q.jitter))
	}
	q.serial++
	heap.Push(&q.held, heldPacket{due: due.Add(wait), serial: q.serial, data: data})
	return true
}

// next is when the first packet is due, false if there is none.
func (q *queue) next() (time.Time, bool) {
	if len(q.held) == 0 {
		return time.Time{}, false
	}
	return q.held[0].due, true
}

// take is the first packet, if it is due.
func (q *queue) take(now time.Time) ([]byte, bool) {
	if len(q.held) == 0 || q.held[0].due.After(now) {
		return nil, false
	}
	return heap.Pop(&q.held).(heldPacket).data, true
}

// heldPackets are in the order of their times, those of one time in that of coming.
type heldPackets []heldPacket

func (h heldPackets) Len() int { return len(h) }
func (h heldPackets) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].serial < h[j].serial
	}
	return h[i].due.Before(h[j].due)
}
func (h heldPackets) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *heldPackets) Push(x any)   { *h = append(*h, x.(heldPacket)) }
func (h *heldPackets) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = heldPacket{}
	*h = old[:len(old)-1]
	return x
}
