package protocol

import (
	"slices"
	"strings"
)

// A store is etcd as far as a Host can tell. It is not changed once it is made.
type store struct {
	revision int64
	keys     []kept // by name
	leases   []leased
	granted  Lease // the newest
	view     *View
	// journal has a bit for each write of each session.
	journal [sessions]uint8
}

type kept struct {
	Key
	lease Lease
}

// A leased is a lease, and how many ticks it has at least.
type leased struct {
	lease Lease
	left  int
}

func (s *store) clone() *store {
	c := *s
	c.keys, c.leases = slices.Clone(s.keys), slices.Clone(s.leases)
	return &c
}

func (s *store) find(key string) (int, bool) {
	return slices.BinarySearchFunc(s.keys, key, func(k kept, key string) int { return strings.Compare(k.Name, key) })
}

func (s *store) lease(l Lease) int {
	return slices.IndexFunc(s.leases, func(x leased) bool { return x.lease == l })
}

func (s *store) holds(c Compare) bool {
	i, there := s.find(c.Key)
	switch c.Created {
	case Absent:
		return !there
	case Present:
		return there
	}
	return there && s.keys[i].Created == c.Created
}

// look makes the view anew, after a change.
func (s *store) look() {
	keys := make([]Key, len(s.keys))
	for i, k := range s.keys {
		keys[i] = k.Key
	}
	s.view = NewView(s.revision, keys)
}

// do does what an Op asks for. Its answer may come later, or never.
func (s *store) do(op Op, ttl int) (*store, Outcome) {
	switch op.Kind {
	case Grant:
		c := s.clone()
		c.granted++
		c.leases = append(c.leases, leased{c.granted, ttl})
		return c, Outcome{Result: Done, Lease: c.granted}
	case Renew:
		i := s.lease(op.Lease)
		if i < 0 {
			return s, Outcome{Result: Expired}
		}
		c := s.clone()
		c.leases[i].left = ttl
		return c, Outcome{Result: Done}
	case Revoke:
		if s.lease(op.Lease) < 0 {
			return s, Outcome{Result: Expired}
		}
		return s.expire(op.Lease), Outcome{Result: Done}
	}
	for _, c := range op.Txn.If {
		if !s.holds(c) {
			out := Outcome{Result: Refused, Revision: s.revision, Has: Key{Name: op.Txn.Else}}
			if i, there := s.find(op.Txn.Else); there {
				out.Has = s.keys[i].Key
			}
			return s, out
		}
	}
	c := s.clone()
	c.revision++
	seen := false
	for _, change := range op.Txn.Then {
		if id, ok := strings.CutPrefix(change.Key, journal); ok {
			c.journal[id[0]-'0'] |= id[2] - '0'
			continue
		}
		seen = true
		i, there := c.find(change.Key)
		var lease Lease
		if change.Leased {
			if lease = op.Lease; c.lease(lease) < 0 {
				return s, Outcome{Result: Expired}
			}
		}
		switch {
		case change.Delete && there:
			c.keys = slices.Delete(c.keys, i, i+1)
		case change.Delete:
		case there:
			c.keys[i].Value, c.keys[i].lease = change.Value, lease
		default:
			c.keys = slices.Insert(c.keys, i, kept{Key{change.Key, change.Value, c.revision}, lease})
		}
	}
	if seen {
		c.look()
	}
	return c, Outcome{Result: Done, Revision: c.revision}
}

func (s *store) expire(l Lease) *store {
	c := s.clone()
	c.leases = slices.DeleteFunc(c.leases, func(x leased) bool { return x.lease == l })
	n := len(c.keys)
	if c.keys = slices.DeleteFunc(c.keys, func(k kept) bool { return k.lease == l }); len(c.keys) < n {
		c.revision++
		c.look()
	}
	return c
}

// journal is below what a session's writes are; of each the number of the session and of the
// bit follow.
const journal = "journal/"
