package engine

import (
	"fmt"

	"github.com/podhop/podhop/internal/nsexec"
)

// idsPerSession is how many user ids a session's containers may use, as Linux
// distributions give to a user.
const idsPerSession = 65536

// slots hands out ranges of user ids. The lowest free one is taken, so that a
// server's sessions stay close together. The caller locks.
type slots struct {
	single bool // only one id is mapped: all sessions share it
	taken  []bool
}

// newSlots divides the ids that are mapped; 0 stays the server's own.
func newSlots(ids, most int) (slots, error) {
	if ids <= 1 {
		return slots{single: true, taken: make([]bool, most)}, nil
	}
	n := (ids - 1) / idsPerSession
	if n == 0 {
		return slots{}, fmt.Errorf("%d user ids are too few: a session needs %d (see /etc/subuid)", ids-1, idsPerSession)
	}
	return slots{taken: make([]bool, min(n, most))}, nil
}

func (s *slots) take() (int, bool) {
	for i, taken := range s.taken {
		if !taken {
			s.taken[i] = true
			return i, true
		}
	}
	return 0, false
}

func (s *slots) give(i int) { s.taken[i] = false }

// ids is the mapping of a slot's user namespace, its root first.
func (s *slots) ids(i int) []nsexec.IDMap {
	if s.single {
		return []nsexec.IDMap{{Inner: 0, Outer: 0, Size: 1}}
	}
	return []nsexec.IDMap{{Inner: 0, Outer: 1 + i*idsPerSession, Size: idsPerSession}}
}
