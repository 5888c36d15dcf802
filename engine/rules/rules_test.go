package rules

import (
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// TestCounts has one container be read several times, five seconds apart.
func TestCounts(t *testing.T) {
	for _, tt := range []struct {
		name     string
		readings []Reading
		want     []string // the rule that each reading breaks
	}{
		{"nothing", []Reading{{}, {}, {}}, []string{"", "", ""}},
		{"a limit that is met now and then", []Reading{{}, {Refused: 20}, {Refused: 40}, {Refused: 130}}, []string{"", "", "", ""}},
		{"a fork bomb", []Reading{{}, {Refused: 20}, {Refused: 5000}, {Refused: 5000}}, []string{"", "", Forks, ""}},
		{"one that was there before the first look", []Reading{{Refused: 9000}, {Refused: 18000}}, []string{"", Forks}},
		{"killed once", []Reading{{}, {Killed: 1}, {Killed: 1}}, []string{"", "", ""}},
		{"killed all the time", []Reading{{}, {Killed: 12}, {Killed: 24}, {Killed: 36}, {Killed: 38}}, []string{"", "", "", Memory, ""}},
		{"killed now and then", []Reading{{}, {Killed: 2}, {Killed: 4}, {Killed: 6}, {Killed: 8}, {Killed: 10}, {Killed: 12}, {Killed: 14}, {Killed: 16}, {Killed: 18},
			{Killed: 20}, {Killed: 22}, {Killed: 24}, {Killed: 26}, {Killed: 28}, {Killed: 30}, {Killed: 32}, {Killed: 34}}, make([]string, 18)},
	} {
		w := Watch{}
		for i, r := range tt.readings {
			r.At = at(5 * i)
			b := w.Look(Reading{At: r.At}, 0, map[string]Reading{"c": r})["c"]
			if b.Rule != tt.want[i] {
				t.Errorf("%s: reading %d broke %q, not %q", tt.name, i, b.Rule, tt.want[i])
			}
			if (b.Text == "") != (b.Rule == "") {
				t.Errorf("%s: %q says %q", tt.name, b.Rule, b.Text)
			}
		}
	}
}

// TestBusy has a session of one core use nearly all of it, most by one of its containers.
func TestBusy(t *testing.T) {
	w := Watch{Patience: time.Minute}
	var blamed []int
	look := func(second int, whole, most, least time.Duration) {
		got := w.Look(Reading{At: at(second), CPU: whole}, 1, map[string]Reading{"most": {At: at(second), CPU: most}, "least": {At: at(second), CPU: least}})
		if b, ok := got["most"]; ok {
			blamed = append(blamed, second)
			if b.Rule != CPU || !strings.Contains(b.Text, "(1 core)") {
				t.Errorf("%+v", b)
			}
		}
		if b, ok := got["least"]; ok {
			t.Errorf("the lesser at %d: %+v", second, b)
		}
	}
	s := time.Second
	for i := 0; i <= 50; i += 5 { // busy, and then not
		look(i, time.Duration(i)*s, time.Duration(i)*s*3/4, time.Duration(i)*s/4)
	}
	look(55, 51*s, 38*s, 13*s)
	for i := 60; i <= 130; i += 5 {
		used := time.Duration(i-4) * s
		look(i, used, used*3/4, used/4)
	}
	if len(blamed) != 1 || blamed[0] != 115 {
		t.Errorf("blamed at %v, not at 115, a minute after it was busy again", blamed)
	}
	w = Watch{} // no patience: for ever
	blamed = nil
	for i := 0; i <= 300; i += 5 {
		look(i, time.Duration(i)*s, time.Duration(i)*s, 0)
	}
	if len(blamed) > 0 {
		t.Errorf("blamed at %v, though it may", blamed)
	}
}

// TestForgets what has gone.
func TestForgets(t *testing.T) {
	w := Watch{}
	for i := range 100 {
		w.Look(Reading{At: at(i)}, 0, map[string]Reading{string(rune('a' + i)): {At: at(i)}})
	}
	if len(w.containers) != 1 {
		t.Errorf("it remembers %d containers", len(w.containers))
	}
}

// TestGap has a session be calm, and not looked into, while a container meets its limits now and
// then: nobody is to answer for all of that at once. What was started since the last look is.
func TestGap(t *testing.T) {
	w := Watch{}
	look := func(second int, all map[string]Reading) map[string]Breach {
		for id, r := range all {
			r.At = at(second)
			all[id] = r
		}
		return w.Look(Reading{At: at(second)}, 0, all)
	}
	look(0, map[string]Reading{"old": {}})
	look(5, map[string]Reading{"old": {Refused: 10, Killed: 1}})
	if got := look(3600, map[string]Reading{"old": {Refused: 400, Killed: 50}, "since": {Refused: 300}}); len(got) > 0 {
		t.Errorf("after an hour: %v", got)
	}
	got := look(3605, map[string]Reading{"old": {Refused: 410, Killed: 55}, "since": {Refused: 900}, "new": {Refused: 900}})
	if len(got) != 2 || got["since"].Rule != Forks || got["new"].Rule != Forks {
		t.Errorf("five seconds later: %v", got)
	}
}
