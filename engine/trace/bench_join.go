package trace

import (
	"net/netip"
	"slices"
	"time"

	"github.com/podhop/podhop/engine/trace/explain"
	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/record"
)

// BenchJoin is how many frames a second one core parses, joins and explains: of one
// packet after the other, each seen at six devices on its way between two nodes.
func BenchJoin(d time.Duration) float64 {
	frame := []byte{12: 8, 14: 0x45, 17: 56, 20: 0x40, 22: 64, 23: 6, 26: 10, 244, 1, 2, 10, 244, 2, 3, 0x9c, 0x40, 0, 80, 46: 5 << 4, 24, 69: 0}
	places := []record.Frame{
		{Namespace: "node/node-1", Device: record.Device{Name: "veth1", Peer: "pod/default/a"}, Direction: record.In},
		{Namespace: "node/node-1", Device: record.Device{Name: "eth0", Peer: "underlay"}, Direction: record.Out},
		{Namespace: "underlay", Device: record.Device{Name: "node-1", Peer: "node/node-1"}, Direction: record.Foreign},
		{Namespace: "underlay", Device: record.Device{Name: "node-2", Peer: "node/node-2"}, Direction: record.Out},
		{Namespace: "node/node-2", Device: record.Device{Name: "eth0", Peer: "underlay"}, Direction: record.In},
		{Namespace: "node/node-2", Device: record.Device{Name: "veth1", Peer: "pod/default/b"}, Direction: record.Out},
	}
	j, x := join.New(join.Config{}), explain.New(noRules{}, func(netip.Addr) string { return "" })
	var now int64
	events, start := 0, time.Now()
	for time.Since(start) < d {
		for range 100 {
			b := slices.Clone(frame)
			now += 1e5
			b[18], b[19], b[40], b[41] = byte(now>>25), byte(now>>17), byte(now>>24), byte(now>>16)
			for _, f := range places {
				events++
				f.Time, f.Data, f.Length = now, b, len(b)
				j.Add(record.Batch{Frames: []record.Frame{f}}, now)
			}
			ways := j.Take(now)
			for i := range ways {
				x.Journey(&ways[i])
			}
		}
	}
	return float64(events) / time.Since(start).Seconds()
}

type noRules struct{}

func (noRules) Ruleset(string) *explain.Ruleset                   { return nil }
func (noRules) Rule(string, string, string, uint64) *explain.Rule { return nil }
