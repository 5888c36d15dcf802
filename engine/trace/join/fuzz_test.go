package join

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/podhop/podhop/engine/trace/internal/tracetest"
	"github.com/podhop/podhop/engine/trace/packet"
	"github.com/podhop/podhop/engine/trace/record"
)

// FuzzJoin takes recorded batches apart and puts them together wrongly: swapped,
// twice, cut, changed, at other places and times. Whatever comes, every record
// must be in exactly one way, or counted; nothing may be kept beyond its bounds or for
// good; and what is told of a conversation must be what its tuples say.
func FuzzJoin(f *testing.F) {
	var all []record.Batch
	for _, name := range []string{"nodeport", "hairpin", "no-endpoints", "refused"} {
		all = append(all, tracetest.Load(f, "testdata/"+name+".json")...)
	}
	for _, frame := range others() {
		for i, place := range []string{in, out} {
			b := sent{}.place(int64(i), place)
			b.Frames[0].Data, b.Frames[0].Length = frame, len(frame)
			all = append(all, b)
		}
	}
	n := byte(len(all))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{0, 0, 0, 1, 200, 3, 4, 250, 6, 7, 1, 1, 1, 9, 9, 9})
	f.Add([]byte{n - 1, 0, 0, 1, n - 2, 0, 0, 1, n - 3, 0, 0, 1, n - 4, 0, 0, 1, n - 5, 0, 0, 1, n - 6, 0, 0, 1, n - 7, 0, 0, 1, n - 8, 0, 0, 1})
	f.Add([]byte{n - 9, 0, 0, 1, n - 10, 0, 0, 255, n - 11, 0, 0, 255, n - 12, 0, 3, 2, n - 13, 0, 2, 20, n - 14, 0, 2, 21})
	f.Fuzz(func(t *testing.T, ops []byte) {
		cfg := Config{MaxPackets: 64, MaxRecords: 32, MaxConnections: 64}
		j := New(cfg)
		now, taken, given, atLeast := int64(0), 0, 0, 0
		ops = ops[:min(len(ops), 1024)]
		count := func(ways []Way) {
			for i := range ways {
				w := &ways[i]
				if len(w.Steps) == 0 || w.Conversation == "" {
					t.Fatalf("empty: %+v", w)
				}
				if i == len(ways)-1 {
					consistent(t, j, w)
				}
				for _, s := range w.Steps {
					if s.Seen != nil {
						taken++
					}
				}
			}
			bounded(t, j)
		}
		for len(ops) >= 4 {
			b := all[int(binary.LittleEndian.Uint16(ops))%len(all)]
			b.Frames = append([]record.Frame{}, b.Frames...)
			for i := range b.Frames {
				fr := &b.Frames[i]
				switch ops[2] % 8 {
				case 1:
					fr.Data = fr.Data[:len(fr.Data)*int(ops[3])/256]
				case 2:
					fr.Data = append([]byte{}, fr.Data...)
					fr.Data[int(ops[3])%len(fr.Data)] ^= ops[2]
				case 3:
					fr.Namespace = fmt.Sprintf("node/node-%d", ops[3]%3)
				case 4:
					fr.Time -= int64(ops[3]) << 20
				case 5:
					fr.Bare = true
				}
				if counts(fr) {
					atLeast++
				}
			}
			given += len(b.Frames)
			j.Add(b, now)
			now += int64(ops[3]) << 18
			count(j.Take(now))
			ops = ops[4:]
		}
		count(j.Take(now + 1e12))
		if j.Next() != 0 || len(j.buckets)+len(j.traces)+len(j.answers.order)+len(j.answers.resets)+len(j.answers.errors)+len(j.fragments.order)+len(j.fragments.all) != 0 {
			t.Errorf("left over: %d buckets, %d traces, %d answers, %d fragments", len(j.buckets), len(j.traces), len(j.answers.order), len(j.fragments.order))
		}
		lost := 0
		for _, n := range j.Lost() {
			lost += int(n)
		}
		if taken > given || taken+lost < atLeast {
			t.Errorf("%d frames came in, %d of them to be told; %d came out, %d were counted", given, atLeast, taken, lost)
		}
	})
}

// counts reports whether a frame must be told of, or counted: it is neither a stray nor
// chatter, nor one that a bridge may have sent to many.
func counts(f *record.Frame) bool {
	if f.Namespace == Underlay || f.Direction == record.Foreign {
		return false
	}
	parse := packet.ParseFrame
	if f.Bare {
		parse = packet.ParseIP
	}
	p, err := parse(f.Data)
	return err != packet.ErrNotIP && !p.Chatter()
}

// consistent checks the way that was assigned last: all its tuples are known as of its
// conversation, each in its direction.
func consistent(t *testing.T, j *Joiner, w *Way) {
	t.Helper()
	p := w.Steps[0].Packet()
	if p.IsError() {
		return
	}
	flows := w.flows(j.connections)
	for _, f := range flows {
		m, ok := j.conversations.byFlow[f]
		if !ok || m.id != w.Conversation {
			t.Fatalf("%v of %s is of %+v", f, w.Conversation, m.conversation)
		}
		if back, ok := j.conversations.byFlow[f.reverse()]; !ok || back.id != w.Conversation {
			t.Fatalf("the answer to %v of %s is of %+v", f, w.Conversation, back.conversation)
		}
	}
	if a := w.Answer; a != nil && a.By == "" {
		t.Fatalf("answered by nobody: %+v", a.Packet)
	}
}

// bounded checks what the joiner holds.
func bounded(t *testing.T, j *Joiner) {
	t.Helper()
	const more = 2 * maxClosure // of one packet
	if len(j.buckets) > j.cfg.MaxPackets || len(j.conversations.byFlow) > j.cfg.MaxConnections+more || len(j.connections.byTuple) > j.cfg.MaxConnections+2 ||
		len(j.answers.order) > maxAnswers || len(j.fragments.order) > maxFragmented || len(j.fragments.all) > len(j.fragments.order) {
		t.Fatalf("%d packets, %d conversations' tuples, %d connections' tuples, %d answers, %d of %d fragments",
			len(j.buckets), len(j.conversations.byFlow), len(j.connections.byTuple), len(j.answers.order), len(j.fragments.all), len(j.fragments.order))
	}
	for _, b := range j.buckets {
		if len(b.seen) > j.cfg.MaxRecords || len(b.evaluations) > j.cfg.MaxRecords {
			t.Fatalf("%d and %d records of one packet", len(b.seen), len(b.evaluations))
		}
	}
	for _, w := range j.fragments.all {
		if len(w.offsets) > maxParts {
			t.Fatalf("%d fragments of one packet", len(w.offsets))
		}
	}
}

// place is a frame at a device, of no packet yet.
func (sent) place(time int64, place string) record.Batch {
	return sent{from: "10.244.1.2:1", to: "10.244.2.2:2", protocol: packet.UDP}.at(time, place)
}

// others are frames of what the recordings have none of: fragments, SCTP, ARP,
// neighbour discovery, an error about a tunnel's packet.
func others() [][]byte {
	cut := func(flags, offset byte) []byte {
		b := sent{from: "10.244.1.2:4000", to: "10.96.0.10:53", protocol: packet.UDP, id: 9, ttl: 64, payload: "a datagram that is cut into pieces"}.frame()
		b[14+6], b[14+7] = flags, offset
		return b
	}
	sctp := func(from, to string, chunk byte) []byte {
		return sent{from: from, to: to, protocol: packet.SCTP, id: 3, ttl: 64, payload: "\x00\x00\x00\x00" + string(rune(chunk)) + "\x00\x00\x14\x00\x00\x00\x07........"}.frame()
	}
	arp := func(operation byte, sender, target [4]byte) []byte {
		b := append(make([]byte, 12), 8, 6, 0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1)
		b = append(append(b, sender[:]...), 0, 0, 0, 0, 0, 0)
		return append(b, target[:]...)
	}
	nd := append(make([]byte, 12), 0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, packet.ICMPv6, 255)
	nd = append(nd, []byte{0xfd, 15: 2}...)
	nd = append(nd, []byte{0xff, 2, 11: 1, 12: 0xff, 15: 1}...)
	nd = append(nd, []byte{135, 8: 0xfd, 23: 1}...)
	a, b := [4]byte{10, 244, 1, 2}, [4]byte{10, 244, 1, 1}
	return [][]byte{
		cut(0x20, 0), cut(0x20, 4), cut(0, 8),
		sctp("10.244.1.2:4000", "10.244.2.2:9", 1), sctp("10.244.2.2:9", "10.244.1.2:4000", 6),
		arp(1, a, b), arp(2, b, a), arp(1, [4]byte{}, a), nd,
	}
}
