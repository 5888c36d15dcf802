package engine

import (
	"fmt"

	"github.com/podhop/podhop/internal/nsexec"
)

// idsPerSession is how many user ids a session's containers may use, as Linux
// distributions give to a user.
const idsPerSession = 65536

// fewIDs are enough for a session where there are no more: all that a container has whose own
// root is mapped, but for that root. Of the usual users it lacks none, nobody (65534) included.
const fewIDs = idsPerSession - 1

// slots hands out ranges of user ids. The lowest free one is taken, so that a
// server's sessions stay close together. Where there are fewer ranges than
// sessions, these share them: what keeps them apart then is their namespaces, not
// their ids as well. The caller locks.
type slots struct {
	ranges int // 0: only one id is mapped, and all sessions share it
	size   int // ids of a range
	most   int // sessions
	used   int
	taken  []bool // longer than most while sessions take each other's places
}

// newSlots divides the ids that are mapped; 0 stays the server's own.
func newSlots(ids, most int) (slots, error) {
	s := slots{most: most, taken: make([]bool, most)}
	if ids <= 1 {
		return s, nil
	}
	s.size = min(ids-1, idsPerSession)
	if s.size < fewIDs {
		return s, fmt.Errorf("%d user ids are too few: a session needs %d (see /etc/subuid)", ids-1, idsPerSession)
	}
	s.ranges = (ids - 1) / s.size
	return s, nil
}

func (s *slots) take() (int, bool) {
	if s.used >= s.most {
		return 0, false
	}
	return s.takeOver()
}

// takeOver takes one for who gives another in return soon: there always is one.
func (s *slots) takeOver() (int, bool) {
	s.used++
	for i, taken := range s.taken {
		if !taken {
			s.taken[i] = true
			return i, true
		}
	}
	s.taken = append(s.taken, true)
	return len(s.taken) - 1, true
}

// takeExtra takes one beside those that there may be, which are one more from now on.
func (s *slots) takeExtra() (int, bool) {
	s.most++
	return s.takeOver()
}

func (s *slots) give(i int) {
	s.taken[i] = false
	s.used--
}

// shared tells whether sessions may have to share ids.
func (s *slots) shared() bool { return s.ranges < s.most }

// ids is the mapping of a slot's user namespace, its root first.
func (s *slots) ids(i int) []nsexec.IDMap {
	if s.ranges == 0 {
		return []nsexec.IDMap{{Inner: 0, Outer: 0, Size: 1}}
	}
	return []nsexec.IDMap{{Inner: 0, Outer: 1 + i%s.ranges*s.size, Size: s.size}}
}
