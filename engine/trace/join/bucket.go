package join

import (
	"slices"

	"github.com/podhop/podhop/engine/trace/packet"
)

// A bucket holds the records of all packets of one key.
type bucket struct {
	key         packet.Key
	serial      uint64
	born, heard int64
	prev, next  *bucket
	seen        []Seen
	evaluations []*Evaluation
}

// bucket is the key's bucket, heard of now; nil if there is no room.
func (j *Joiner) bucket(k packet.Key, now int64) *bucket {
	b := j.buckets[k]
	if b != nil && now-b.born > j.cfg.MaxAge {
		b = j.ripen(b, now)
	}
	if b == nil {
		if len(j.buckets) >= j.cfg.MaxPackets {
			j.lost[tooMany]++
			return nil
		}
		j.serial++
		b = &bucket{key: k, serial: j.serial, born: now}
		j.buckets[k] = b
	} else {
		j.unlink(b)
	}
	b.heard = now
	j.link(b)
	return b
}

// ripen lets a bucket be taken although it was heard of just now, and returns
// one that takes its place and holds what is too recent to be whole.
func (j *Joiner) ripen(old *bucket, now int64) *bucket {
	j.unlink(old)
	j.ripe = append(j.ripe, old)
	cut := old.pause(j.cfg.Quiet)
	j.serial++
	b := &bucket{key: old.key, serial: j.serial, born: now}
	j.buckets[b.key] = b
	recent := func(t int64) bool { return t > cut }
	old.seen = slices.DeleteFunc(old.seen, func(s Seen) bool {
		if recent(s.Time) {
			b.seen = append(b.seen, s)
		}
		return recent(s.Time)
	})
	old.evaluations = slices.DeleteFunc(old.evaluations, func(e *Evaluation) bool {
		move := len(e.Events) == 0 || recent(e.Events[0].Heard)
		if move {
			b.evaluations = append(b.evaluations, e)
		}
		return move
	})
	j.link(b)
	return b
}

// pause is the middle of the longest time without a frame, but for the latest
// quiet of it: where no packet is likely to be on its way.
func (b *bucket) pause(quiet int64) int64 {
	times := make([]int64, 0, len(b.seen))
	for i := range b.seen {
		times = append(times, b.seen[i].Time)
	}
	slices.Sort(times)
	cut, longest := int64(0), int64(-1)
	for i := 1; i < len(times) && times[i] <= times[len(times)-1]-quiet; i++ {
		if gap := times[i] - times[i-1]; gap >= longest {
			cut, longest = times[i-1]+gap/2, gap
		}
	}
	return cut
}

func (j *Joiner) link(b *bucket) {
	b.prev = j.tail
	if j.tail != nil {
		j.tail.next = b
	} else {
		j.head = b
	}
	j.tail = b
}

func (j *Joiner) unlink(b *bucket) {
	if b.prev != nil {
		b.prev.next = b.next
	} else {
		j.head = b.next
	}
	if b.next != nil {
		b.next.prev = b.prev
	} else {
		j.tail = b.prev
	}
	b.prev, b.next = nil, nil
}
