package trace

import (
	"testing"

	"github.com/podhop/podhop/engine/trace/capture"
)

// A packet is not told before everything captured until then was handed over.
func TestWatermark(t *testing.T) {
	w := newWatermark(&captures{all: map[*capture.Capture]bool{}})
	heard := clock() + 1e12 // not to race the clock
	due := heard + quiet.Nanoseconds()
	if got := w.next(due); got != heard+slack.Nanoseconds() || w.asking {
		t.Fatalf("looks again after %d ns, asking: %v", got-heard, w.asking)
	}
	heard = clock() - slack.Nanoseconds()
	due = heard + quiet.Nanoseconds()
	if got := w.next(due); got != 0 || !w.asking {
		t.Fatal("does not ask when it is time")
	}
	if w.next(due) != 0 || w.now() >= due {
		t.Fatal("does not wait for the answer")
	}
	w.passed(<-w.rounds)
	if got := w.next(due); got != due || w.asking {
		t.Fatal("asks again for what was answered")
	}
	if limit := w.at - slack.Nanoseconds() + quiet.Nanoseconds(); limit < due || w.now() > limit {
		t.Fatalf("the joiner's clock may go to %d, and packets are due at %d", limit, due)
	}
}
