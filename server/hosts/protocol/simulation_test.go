package protocol

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"
	"time"
)

// A search goes through every world that there may be, nearest first.
type search struct {
	*setting
	seen   map[[2]uint64]int32
	parent []int32
	child  []uint16 // the how many'th of its parent
	well   []bool
	edges  [][2]int32 // without faults
	wrong  string
	at     int32
}

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func (s *search) add(e *encoder, w *world, parent int32, child int) (index int32, isNew bool) {
	text := e.encode(w)
	key := [2]uint64{maphash.Bytes(seeds[0], text), maphash.Bytes(seeds[1], text)}
	if i, ok := s.seen[key]; ok {
		return i, false
	}
	index = int32(len(s.parent))
	s.seen[key] = index
	s.parent, s.child, s.well = append(s.parent, parent), append(s.child, uint16(child)), append(s.well, w.well())
	return index, true
}

// from is the world that is first.
func (s *search) from() *world {
	if s.budget.create > 0 {
		return s.begin()
	}
	return s.settled()
}

// run searches until something is wrong, or all was seen.
func (s *search) run() {
	s.seen = map[[2]uint64]int32{}
	e := &encoder{}
	begin := s.from()
	s.add(e, begin, -1, 0)
	type entry struct {
		w *world
		i int32
	}
	for queue := []entry{{begin, 0}}; len(queue) > 0 && s.wrong == ""; {
		at := queue[0]
		queue[0] = entry{}
		queue = queue[1:]
		n := 0
		at.w.next(func(_ step, fault bool, next *world) {
			i, isNew := s.add(e, next, at.i, n)
			n++
			if !fault {
				s.edges = append(s.edges, [2]int32{at.i, i})
			}
			if !isNew || s.wrong != "" {
				return
			}
			if s.wrong = next.wrong(); s.wrong != "" {
				s.at = i
				return
			}
			queue = append(queue, entry{next, i})
		})
	}
	if s.wrong == "" {
		s.live()
	}
}

// live looks for worlds from which no way leads to one where all is well, though nothing
// more goes wrong.
func (s *search) live() {
	from := make([][]int32, len(s.parent))
	for _, e := range s.edges {
		from[e[1]] = append(from[e[1]], e[0])
	}
	good := make([]bool, len(s.parent))
	var queue []int32
	for i, well := range s.well {
		if well {
			good[i] = true
			queue = append(queue, int32(i))
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, i := range from[queue[0]] {
			if !good[i] {
				good[i] = true
				queue = append(queue, i)
			}
		}
	}
	for i, ok := range good {
		if !ok {
			s.wrong, s.at = "a session will never be served again", int32(i)
			return
		}
	}
}

// story is what led to what is wrong.
func (s *search) story() string {
	var path []int32
	for i := s.at; s.parent[i] >= 0; i = s.parent[i] {
		path = append(path, i)
	}
	w := s.from()
	var b strings.Builder
	for k := len(path) - 1; k >= 0; k-- {
		n, took := 0, w
		w.next(func(st step, fault bool, next *world) {
			if n == int(s.child[path[k]]) {
				fmt.Fprintf(&b, "%v %s\n", st, map[bool]string{true: "(!)"}[fault])
				took = next
			}
			n++
		})
		w = took
	}
	return b.String()
}

// small is a world of that many hosts and sessions.
func small(hosts, sessions int, b budget) setting {
	return setting{hosts: hosts, sessions: sessions, ttl: 3, margin: 1, drift: 1, moves: 1, prompt: true, budget: b}
}

// wrongly is one in which the first host's clock misses so many ticks of three.
func wrongly(drift int, b budget) setting {
	s := small(2, 1, b)
	s.drift = drift
	return s
}

func TestEveryOrder(t *testing.T) {
	begin := small(2, 1, budget{create: 1, write: 1})
	begin.prompt = false
	for name, s := range map[string]setting{
		"begin":           begin,
		"cut off":         small(2, 1, budget{late: 4, miss: 1}),
		"cut off, writes": small(2, 1, budget{late: 4, write: 1}),
		"cut off, crash":  small(2, 1, budget{late: 1, miss: 1, crash: 1}),
		"slow clock":      small(2, 1, budget{late: 3, miss: 2}),
		"slow, writes":    small(2, 1, budget{late: 2, miss: 1, write: 1}),
		"fast clock":      small(2, 1, budget{late: 3, twice: 3}),
		// As one that was paused with its machine, which etcd did not wait for.
		"stopped clock":   wrongly(3, budget{late: 1, miss: 3, write: 1}),
		"no answer":       small(2, 1, budget{lose: 1, write: 1, leave: 1}),
		"drain":           small(2, 2, budget{leave: 1}),
		"drain and crash": small(2, 1, budget{leave: 1, crash: 1}),
		"over":            small(2, 1, budget{finish: 1, crash: 1}),
		"three hosts":     small(3, 1, budget{crash: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			s := search{setting: &s}
			s.run()
			t.Logf("%d worlds, %d ways from one to the next, %v", len(s.parent), len(s.edges), time.Since(begun).Round(time.Millisecond))
			if s.wrong != "" {
				t.Errorf("%s, after\n%s", s.wrong, s.story())
			}
		})
	}
}

// TestMistakes makes mistakes, and the search must find each.
func TestMistakes(t *testing.T) {
	without := func(kind Kind) func(Op) Op {
		return func(op Op) Op {
			if op.Kind == kind {
				op.Txn.If = nil
			}
			return op
		}
	}
	for name, c := range map[string]struct {
		in      setting
		mistake func(*setting)
		want    string
	}{
		"no margin":                      {small(2, 1, budget{late: 4, miss: 1}), func(s *setting) { s.margin, s.reads = 0, true }, "2 hosts serve"},
		"beyond the margin":              {small(2, 1, budget{late: 4, miss: 2}), func(s *setting) { s.drift, s.margin = 2, 1; s.reads = true }, "2 hosts serve"},
		"stopped, without the fence":     {wrongly(3, budget{late: 3, miss: 3, write: 1}), func(s *setting) { s.mistake = without(write) }, "which was acknowledged"},
		"counts from the answer":         {small(2, 1, budget{late: 4}), func(s *setting) { s.credulous = true }, "2 hosts serve"},
		"writes without the fence":       {small(2, 1, budget{late: 4, write: 1}), func(s *setting) { s.mistake = without(write) }, "which was acknowledged"},
		"claims without a comparison":    {small(2, 1, budget{lose: 1, leave: 1}), func(s *setting) { s.mistake = without(Claim) }, "2 hosts serve"},
		"releases what may be another's": {small(2, 1, budget{lose: 1, leave: 1}), func(s *setting) { s.mistake = without(Release) }, "2 hosts serve"},
		"places outlast their hosts": {small(2, 1, budget{crash: 1}), func(s *setting) {
			s.mistake = func(op Op) Op {
				if op.Kind == Claim || op.Kind == Create {
					op.Txn.Then = slices.Clone(op.Txn.Then)
					op.Txn.Then[len(op.Txn.Then)-1].Leased = false
				}
				return op
			}
		}, "never be served again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.mistake(&c.in)
			s := search{setting: &c.in}
			s.run()
			if !strings.Contains(s.wrong, c.want) {
				t.Errorf("of %d worlds, it found %q; want %q", len(s.parent), s.wrong, c.want)
				return
			}
			t.Logf("%d worlds until: %s, after\n%s", len(s.parent), s.wrong, s.story())
		})
	}
}
