package join

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/podhop/podhop/engine/trace/internal/tracetest"
	"github.com/podhop/podhop/engine/trace/record"
)

// FuzzJoin takes recorded batches apart and puts them together wrongly: swapped,
// twice, cut, changed, at other places and times. Whatever comes, every record
// must be in exactly one way, or counted.
func FuzzJoin(f *testing.F) {
	var all []record.Batch
	for _, name := range []string{"nodeport", "hairpin", "no-endpoints", "refused"} {
		all = append(all, tracetest.Load(f, "testdata/"+name+".json")...)
	}
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{0, 0, 0, 1, 200, 3, 4, 250, 6, 7, 1, 1, 1, 9, 9, 9})
	f.Fuzz(func(t *testing.T, ops []byte) {
		j := New(Config{MaxPackets: 64, MaxRecords: 32, MaxConnections: 64})
		now, taken, given := int64(0), 0, 0
		ops = ops[:min(len(ops), 1024)]
		count := func(ways []Way) {
			for _, w := range ways {
				if len(w.Steps) == 0 || w.Conversation == "" {
					t.Fatalf("empty: %+v", w)
				}
				for _, s := range w.Steps {
					if s.Seen != nil {
						taken++
					}
				}
			}
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
			}
			given += len(b.Frames)
			j.Add(b, now)
			now += int64(ops[3]) << 18
			count(j.Take(now))
			ops = ops[4:]
		}
		count(j.Take(now + 1e12))
		if h := j.Held(); j.Next() != 0 || h["packets"] != 0 || h["records"] != 0 || h["traces"] != 0 {
			t.Errorf("left over: %v", h)
		}
		if taken > given {
			t.Errorf("%d frames came in, %d out", given, taken)
		}
	})
}
