package trace

import (
	"testing"
	"time"

	"github.com/podhop/podhop/engine/trace/join"
	"github.com/podhop/podhop/engine/trace/record"
)

// What was on its way while a rest began or ended is not told: half of it may be missing.
func TestTorn(t *testing.T) {
	const ms = int64(time.Millisecond)
	way := func(times ...int64) *join.Way {
		w := &join.Way{}
		for _, at := range times {
			w.Steps = append(w.Steps, join.Step{Seen: &join.Seen{Frame: record.Frame{Time: at * ms}}})
		}
		w.Steps = append(w.Steps, join.Step{Evaluation: &join.Evaluation{}})
		return w
	}
	r := &rests{turns: []turn{{from: 1000 * ms, until: 1002 * ms}, {from: 2000 * ms, until: 2000 * ms}}}
	for _, test := range []struct {
		name string
		way  *join.Way
		hold int64
		torn bool
	}{
		{"long before", way(980, 981), 0, false},
		{"just before", way(980, 995), 0, true},
		{"while it began", way(1001), 0, true},
		{"all the way through", way(900, 1100), 0, true},
		{"between, though nothing is captured then", way(1500, 1501), 0, false},
		{"just after", way(2005, 2006), 0, true},
		{"well after", way(2015, 2016), 0, false},
		{"well after, by a slow link", way(2015, 2200), 500 * ms, true},
		{"seen by rules alone", &join.Way{Steps: []join.Step{{Evaluation: &join.Evaluation{}}}}, 0, false},
	} {
		if got := r.torn(test.way, test.hold); got != test.torn {
			t.Errorf("%s: %t", test.name, got)
		}
	}
	if (&rests{}).torn(way(1001), 0) {
		t.Error("torn without a rest")
	}
}
